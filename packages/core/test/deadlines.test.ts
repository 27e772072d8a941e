/**
 * How long callers wait at most, and which need not begin to.
 */
import { assert, describe } from "@effect/vitest"
import { fibersOf } from "./support/invariants.ts"
import { a, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const
const one = { connectionsPerRouteMax: 1 } as const

describe("deadlines", () => {
  // Apache: testLeaseRequestTimeout. reactor-pool: pendingTimeoutImpactedByLongRelease.
  spec("fail a waiter at the millisecond, and the others stay", one, function* ({ ask, pass, take }) {
    const held = take(a)
    const [soon, late] = [ask(a, { timeout: 50 }), ask(a, { timeout: 51 })]
    yield* pass(49)
    assert.isTrue(soon.isWaiting)
    yield* pass(1)
    assert.strictEqual(soon.failure, "AcquireTimeout queue")
    assert.isTrue(late.isWaiting)
    const { reason } = soon.error
    assert.isTrue(reason._tag === "AcquireTimeout" && reason.timeoutMillis === 50 && reason.waitedMillis === 50)
    held.release()
    late.release()
  })

  spec("are kept in any order of their arrival", one, function* ({ ask, pass, take }) {
    const held = take(a)
    const ended: Array<number> = []
    const timeouts = [70, 10, 40, 20, 60, 30, 50]
    const callers = timeouts.map((timeout) => ask(a, { timeout }))
    for (let now = 0; now < 70; now += 10) {
      yield* pass(10)
      callers.forEach((caller, index) => {
        if (!caller.isWaiting && !ended.includes(timeouts[index] ?? 0)) ended.push(timeouts[index] ?? 0)
      })
    }
    assert.deepStrictEqual(ended, [10, 20, 30, 40, 50, 60, 70])
    held.release()
  })

  // Against reactor-pool's pendingTimeoutNotImpactedByLongAllocation: here the time of the dial counts.
  // node-mysql2: the deadline is absolute across re-queues. Apache 4.5 restarts it at each stale connection.
  // HikariCP: testConnectionRetries..5.
  spec(
    "cover queue, dials and redials together: nothing moves them",
    { ...one, acquireTimeout: 100, dialBackoffMax: 0 },
    function* ({ ask, factory, pass }) {
      const [first, second] = [ask(a), ask(a)]
      yield* pass(60)
      factory.dial(1).fail("no")
      assert.strictEqual(first.failure, "ConnectFailed start")
      factory.dial(2).control.enterPhase("tls")
      yield* pass(39)
      assert.isTrue(second.isWaiting)
      yield* pass(1)
      assert.strictEqual(second.failure, "AcquireTimeout connect:tls")
    },
    manual
  )

  spec("come from the route unless the call brings its own", { ...one, acquireTimeout: 20 }, function* (world) {
    const { ask, pass, take } = world
    const held = take(a)
    const [byRoute, own, without] = [ask(a), ask(a, { timeout: 40 }), ask(a, { timeout: "never" })]
    yield* pass(20)
    assert.strictEqual(byRoute.failure, "AcquireTimeout queue")
    yield* pass(20)
    assert.strictEqual(own.failure, "AcquireTimeout queue")
    yield* pass(1_000_000)
    assert.isTrue(without.isWaiting)
    held.release()
    without.release()
  })

  spec("of 0 serve what can be served at once and fail the rest", one, function* ({ ask, take }) {
    const first = ask(a, { timeout: 0 })
    first.release()
    const held = take(a)
    const second = ask(a, { timeout: 0 })
    yield* settled
    assert.strictEqual(second.failure, "AcquireTimeout queue")
    held.release()
  })

  // reactor-pool's #331: the timeout fired after success.
  spec("mean nothing any more to a caller that has been served", one, function* ({ ask, pass, take }) {
    const held = take(a)
    const waiter = ask(a, { timeout: 10 })
    held.release()
    yield* pass(100)
    assert.isTrue(waiter.lease.isLive)
    waiter.release()
  })

  spec(
    "do not keep a timer once nobody waits",
    { ...one, idleTimeout: "never", routeIdleTimeout: "never" },
    function* ({ ask, state, take }) {
      const held = take(a)
      const waiter = ask(a)
      yield* settled
      assert.strictEqual(fibersOf(state), 1)
      held.release()
      assert.strictEqual(state.urgent.size, 0)
      assert.strictEqual(fibersOf(state), 0)
      waiter.release()
    }
  )

  // tarn and Hikari: the last connect error becomes the cause of the timeout.
  // generic-pool, tarn, lightning-pool: last create error is the cause of the timeout.
  spec(
    "that pass say what the last connect failed with",
    { ...one, dialBackoffMax: 1000, dialBackoffBase: 1000 },
    function* ({ ask, factory, pass }) {
      for (let count = 1; count < 3; count++) {
        ask(a)
        factory.dial(count).fail(new Error("no route to host"))
      }
      const waiter = ask(a, { timeout: 100 })
      yield* pass(100)
      assert.strictEqual(waiter.failure, "AcquireTimeout queue")
      assert.include(waiter.error.message, "the last connect failed: no route to host")
      assert.instanceOf(waiter.error.cause, Error)
    },
    manual
  )
})

describe("shedding the hopeless", () => {
  const shedding = { ...one, isSheddingHopeless: true } as const

  spec(
    "refuses a waiter whose turn, by the observed service time, comes after its deadline",
    shedding,
    function* (world) {
      const { ask, pass, refusedBy, take } = world
      const first = take(a)
      yield* pass(100)
      first.release()
      const held = take(a)
      const waiter = ask(a, { timeout: 150 })
      const hopeless = ask(a, { timeout: 150 })
      assert.strictEqual(hopeless.failure, "Refused deadline-hopeless")
      assert.strictEqual(
        hopeless.error.message,
        "test://a:1: refused (deadline-hopeless): the expected wait of 200 ms is longer than the 150 ms left (isSheddingHopeless, from pool)"
      )
      assert.strictEqual(refusedBy("deadline-hopeless"), 1)
      const patient = ask(a, { timeout: 200 })
      held.release()
      waiter.release()
      patient.release()
    }
  )

  spec(
    "reckons with every slot that serves",
    { ...shedding, slotsPerConnectionMax: 10 },
    function* ({ ask, pass, take }) {
      const leases = Array.from({ length: 10 }, () => take(a))
      yield* pass(100)
      for (const lease of leases) lease.release()
      const held = Array.from({ length: 10 }, () => take(a))
      const waiters = Array.from({ length: 10 }, () => ask(a, { timeout: 100 }))
      for (const waiter of waiters) assert.isTrue(waiter.isWaiting)
      for (const lease of held) lease.release()
      for (const waiter of waiters) waiter.release()
    }
  )

  spec("is off unless asked for", one, function* ({ ask, pass, take }) {
    const first = take(a)
    yield* pass(100)
    first.release()
    const held = take(a)
    const waiters = [ask(a, { timeout: 1 }), ask(a, { timeout: 1 })]
    assert.isTrue(waiters.every((waiter) => waiter.isWaiting))
    held.release()
    waiters[0]?.release()
    waiters[1]?.release()
  })
})
