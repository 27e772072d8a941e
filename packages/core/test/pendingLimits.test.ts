/**
 * The bounds on waiters.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const
const one = { connectionsPerRouteMax: 1 } as const

describe("the bounds on waiters", () => {
  // Go has none; Envoy: MaxPendingRequests; reactor-pool: maxPendingZero, maxPendingOne. lightning-pool: max waiters.
  // generic-pool, tarn, lightning-pool: max waiters rejects at once.
  spec(
    "of 0 refuse a call that would have to wait for another's connection",
    { ...one, pendingPerRouteMax: 0 },
    ({ ask, take }) => {
      const held = take(a)
      const refused = ask(a)
      assert.strictEqual(refused.failure, "Refused pending-route-limit")
      const { reason, retry } = refused.error
      assert.deepStrictEqual(reason, {
        _tag: "Refused",
        reason: "pending-route-limit",
        limitCount: 0,
        usedCount: 0,
        source: "pool"
      })
      assert.strictEqual(retry, "always")
      held.release()
    }
  )

  // Envoy's #20817: max_pending_requests 0 rejects even the first request.
  spec(
    "of 0 let a call through for which a dial begins at once",
    { pendingPerRouteMax: 0, pendingMax: 0 },
    ({ ask }) => {
      ask(a).release()
    }
  )

  spec(
    "of 0 let each call have its own dial, and no more than that",
    { pendingPerRouteMax: 0, connectionsPerRouteMax: 2 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a)]
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      for (const dial of factory.dials) dial.succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec(
    "of 0 let a call have a dial that is under way for nobody",
    { ...one, pendingPerRouteMax: 0 },
    function* ({ ask, factory, pool }) {
      yield* Effect.forkChild(pool.warm(a, 1), { startImmediately: true })
      const caller = ask(a)
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      factory.dial(1).succeed()
      caller.release()
    },
    manual
  )

  spec(
    "of 0 let as many calls have a dial as it has slots",
    { ...one, pendingPerRouteMax: 0, slotsPerConnectionMax: 3 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      factory.dial(1).succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  // Envoy and Istio count a request that a connection is being opened for.
  spec(
    "count a waiter that a dial is under way for only under `pendingIncludesDialling`",
    { pendingPerRouteMax: 1, pendingIncludesDialling: true },
    function* ({ ask, factory, pool }) {
      const first = ask(a)
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      yield* pool.configure({ pendingPerRouteMax: 1 })
      const second = ask(a)
      for (const dial of factory.dials) dial.succeed()
      first.release()
      second.release()
    },
    manual
  )

  spec(
    "of a route and of the pool both hold, and say which it was",
    {
      ...one,
      pendingPerRouteMax: 2,
      pendingMax: 3
    },
    ({ ask, refusedBy, take }) => {
      const held = [take(a), take(b)]
      const waiting = [ask(a), ask(a), ask(b)]
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      const refused = ask(b)
      assert.strictEqual(refused.failure, "Refused pending-total-limit")
      assert.strictEqual(
        refused.error.message,
        "test://b:1: refused (pending-total-limit): 3 callers wait for the pool already (pendingMax 3, from pool)"
      )
      assert.strictEqual(refusedBy("pending-route-limit"), 1)
      assert.strictEqual(refusedBy("pending-total-limit"), 1)
      for (const lease of held) lease.release()
      waiting[0]?.release()
      waiting[1]?.release()
      waiting[2]?.release()
    }
  )

  spec(
    "of the pool are not hidden by dials for other routes",
    { ...one, pendingMax: 1, connectionsMax: 10 },
    function* ({ ask, factory, pool, take }) {
      factory.isAutomatic = true
      const held = take(a)
      factory.isAutomatic = false
      yield* Effect.forkChild(pool.warm(b, 1), { startImmediately: true })
      const waiter = ask(a)
      assert.strictEqual(ask(a).failure, "Refused pending-total-limit")
      held.release()
      waiter.release()
      factory.dial(2).succeed()
    },
    manual
  )

  // reactor-netty: testIssue951_MaxPendingAcquire.
  spec(
    "make of three callers for one connection one that is served, one that times out and one refused",
    {
      ...one,
      pendingPerRouteMax: 1,
      acquireTimeout: 10
    },
    function* ({ ask, pass }) {
      const callers = [ask(a), ask(a), ask(a)]
      yield* pass(10)
      assert.isTrue(callers[0]?.lease.isLive)
      assert.strictEqual(callers[1]?.failure, "AcquireTimeout queue")
      assert.strictEqual(callers[2]?.failure, "Refused pending-route-limit")
      callers[0]?.release()
    }
  )

  spec("are asked anew when raised while running", { ...one, pendingPerRouteMax: 0 }, function* ({ ask, pool, take }) {
    const held = take(a)
    assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
    yield* pool.configure({ ...one, pendingPerRouteMax: "unlimited" })
    const waiter = ask(a)
    held.release()
    waiter.release()
  })
})
