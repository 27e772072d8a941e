/**
 * Limits on active leases.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, c, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

describe("limits on active leases", () => {
  const queueing = { activePerRouteMax: 1, activeMax: 2 } as const
  const refusing = { ...queueing, activeOverflow: "refuse" } as const

  spec("let callers of a route wait though connections are idle", queueing, ({ ask, factory, take }) => {
    const held = take(a)
    const waiter = ask(a)
    assert.strictEqual(factory.dials.length, 1)
    held.release()
    assert.isTrue(waiter.lease.isReused)
    waiter.release()
  })

  spec("let callers of the pool wait, and serve the routes in turn", { activeMax: 1 }, ({ ask, take, touch }) => {
    touch(b)
    touch(c)
    const held = take(a)
    const callers = [ask(a), ask(a), ask(b), ask(b), ask(c)]
    const served: Array<string> = []
    held.release()
    for (let turn = 0; turn < 5; turn++) {
      const next = callers.find((caller) => !caller.isWaiting && caller.lease.isLive)
      served.push(next?.lease.route.host ?? "nobody")
      next?.release()
    }
    assert.deepStrictEqual(served, ["a", "b", "c", "a", "b"])
  })

  // Envoy: max_requests refuses, never queues (#33279 wants the queue).
  spec("refuse under `activeOverflow: refuse`, saying which limit it was", refusing, ({ ask, refusedBy, take }) => {
    const held = [take(a)]
    const refused = ask(a)
    assert.strictEqual(
      refused.error.message,
      "test://a:1: refused (active-route-limit): 1 calls to this route are under way (activePerRouteMax 1, from pool)"
    )
    held.push(take(b))
    assert.strictEqual(ask(c).failure, "Refused active-total-limit")
    assert.strictEqual(refusedBy("active-route-limit"), 1)
    assert.strictEqual(refusedBy("active-total-limit"), 1)
    for (const lease of held) lease.release()
  })

  // Envoy: a queued request can still be refused when it is attached.
  spec(
    "refuse a caller that had joined the queue before they were met",
    { activePerRouteMax: 1, activeOverflow: "refuse" },
    ({ ask, factory }) => {
      const [first, second] = [ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 1)
      factory.dial(1).succeed()
      assert.isTrue(first.lease.isLive)
      assert.strictEqual(second.failure, "Refused active-route-limit")
      first.release()
    },
    manual
  )

  spec(
    "are not passed by a caller that an eviction on the way lets in",
    { activeMax: 1, connectionsMax: 2 },
    function* ({ ask, factory, pass, state, take, touch }) {
      touch(a)
      touch(b)
      yield* pass(30_000)
      take(a).release()
      yield* pass(29_999)
      // The connection to b expires now. Whoever takes it finds that out, and closes it.
      factory.isAutomatic = false
      const held = take(a)
      const waiter = ask(c)
      yield* pass(1)
      assert.isAtMost(state.activeCount, 1)
      held.release()
      factory.dial(3).succeed()
      assert.isAtMost(state.activeCount, 1)
      waiter.release()
    }
  )

  spec(
    "are not passed by a waiter when the close of a connection on the way lets another in",
    { activeMax: 1, idleTimeout: 1000, leaseOrder: "fifo" },
    function* ({ ask, factory, pass, pool, state, take, touch }) {
      const { connect } = factory
      let isLeasing = false
      let intruder: ReturnType<typeof take> | undefined
      factory.connect = (route, control) =>
        Effect.tap(connect(route, control), () =>
          Effect.addFinalizer(() =>
            Effect.sync(() => {
              if (isLeasing) intruder ??= pool.leaseIdleUnsafe(b)
            })
          )
        )
      yield* pool.warm(a, 1)
      yield* pass(600)
      yield* pool.warm(a, 2)
      touch(b)
      yield* pool.pause(a)
      const waiter = ask(a, { timeout: "never" })
      state.upkeepAlarm.disarm()
      yield* pass(500)
      // The older connection of the route has expired: it is closed on the way to the younger one.
      isLeasing = true
      yield* pool.resume(a)
      assert.isTrue(intruder?.isLive)
      assert.isTrue(waiter.isWaiting)
      assert.strictEqual(state.activeCount, 1)
      isLeasing = false
      intruder?.release()
      waiter.release()
    }
  )

  spec("pass a free place on when the route it was for needs it no more", { activeMax: 1 }, ({ ask, take }) => {
    const held = take(a)
    const second = ask(b)
    const third = ask(c)
    second.withdraw()
    held.release()
    assert.isTrue(third.lease.isLive)
    third.release()
  })

  spec("can be raised while running", queueing, function* ({ ask, pool, take }) {
    const held = [take(a), take(b)]
    const waiters = [ask(a), ask(c)]
    yield* pool.configure({ activePerRouteMax: 2, activeMax: 4 })
    assert.isFalse(waiters.some((waiter) => waiter.isWaiting))
    for (const lease of held) lease.release()
    for (const waiter of waiters) waiter.release()
  })
})
