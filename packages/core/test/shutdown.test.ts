/**
 * The end of a pool.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ConnectionPool } from "../src/index.ts"
import { ScriptedFactory } from "./support/ScriptedFactory.ts"
import { a, b, settled, spec } from "./support/withPool.ts"

/** Begins a shutdown and says when it has ended. */
const begin = <C>(pool: ConnectionPool.ConnectionPool<C>, timeout?: number) =>
  Effect.forkChild(pool.shutdown(timeout), { startImmediately: true })

describe("shutdown", () => {
  // js.md: shutdown must fail with a typed error, not an interrupt. hyper: if the pool is gone, drop.
  spec("refuses new calls with a typed error that says not to try again", {}, function* ({ ask, pool, touch }) {
    touch(a)
    yield* pool.shutdown()
    const refused = ask(a)
    assert.strictEqual(refused.failure, "Refused pool-closed")
    assert.strictEqual(refused.error.retry, "never")
    assert.strictEqual(refused.error.message, "test://a:1: refused (pool-closed): the pool is shut down")
    assert.isUndefined(pool.leaseIdleUnsafe(a))
    assert.strictEqual((yield* Effect.flip(pool.use(b, () => Effect.void))).reason._tag, "Refused")
  })

  // Apache: poolCloseCancelsWaitersAndDrainsAvailable. undici: destroy fails queued requests. Effect's Pool: shutdown with pending takers.
  // undici: pool: destroy fails queued requests.
  spec(
    "fails waiters at once, and closes idle connections",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, closedBy, pool, take, touch }) {
      touch(b)
      const held = take(a)
      const waiters = [ask(a), ask(a)]
      const ending = yield* begin(pool)
      assert.deepStrictEqual(
        waiters.map((waiter) => waiter.failure),
        ["Refused pool-closed", "Refused pool-closed"]
      )
      assert.strictEqual(closedBy("shutdown"), 1)
      held.release()
      yield* Fiber.join(ending)
    }
  )

  // undici: close waits for all requests. Hikari: testThreadedShutdown.
  // HikariCP: testShutdown1..5, testThreadedShutdown.
  // undici: pool: close waits for all requests.
  spec(
    "lets leases end by themselves, and is done when the last connection has closed",
    {},
    function* ({ closedBy, factory, pass, pool, state, take }) {
      const leases = [take(a), take(b)]
      const ending = yield* begin(pool, 1000)
      yield* pass(500)
      assert.isTrue(leases.every((lease) => lease.isLive))
      leases[0]?.release()
      assert.isUndefined(ending.pollUnsafe())
      assert.strictEqual(state.phase, "closing")
      leases[1]?.release()
      yield* Fiber.join(ending)
      assert.strictEqual(state.phase, "closed")
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy("shutdown"), 2)
    }
  )

  // generic-pool: drain with a leaked lease ends at the deadline. Hikari: testShutdown.
  // generic-pool, tarn, lightning-pool: drain with a leaked lease ends at the deadline.
  spec(
    "takes leases from their holders at its deadline, and what those do later does nothing",
    {},
    function* ({ closedBy, factory, pass, pool, take }) {
      const lease = take(a)
      const ending = yield* begin(pool, 1000)
      yield* pass(999)
      assert.isTrue(lease.isLive)
      yield* pass(1)
      yield* Fiber.join(ending)
      assert.isFalse(lease.isLive)
      assert.strictEqual(closedBy("shutdown-deadline"), 1)
      assert.strictEqual(factory.open.size, 0)
      lease.release()
      lease.discard()
      assert.strictEqual(closedBy("discarded"), 0)
    }
  )

  spec("takes leases that were reported as leaked as well", { leakThreshold: 100 }, function* ({ pass, pool, take }) {
    const lease = take(a)
    yield* pass(200)
    const ending = yield* begin(pool, 0)
    yield* settled
    yield* Fiber.join(ending)
    assert.isFalse(lease.isLive)
  })

  spec(
    "has `shutdownTimeout` as its deadline unless told otherwise",
    { shutdownTimeout: 300 },
    function* ({ pass, pool, take }) {
      const lease = take(a)
      const ending = yield* begin(pool)
      yield* pass(299)
      assert.isTrue(lease.isLive)
      yield* pass(1)
      yield* Fiber.join(ending)
      assert.isFalse(lease.isLive)
    }
  )

  spec("called again waits for the same end, and may bring it forward", {}, function* ({ pass, pool, take }) {
    const lease = take(a)
    const first = yield* begin(pool, 10_000)
    const second = yield* begin(pool, 100)
    yield* pass(100)
    yield* Fiber.join(second)
    yield* Fiber.join(first)
    assert.isFalse(lease.isLive)
    yield* pool.shutdown()
  })

  spec("that is interrupted goes on all the same, and can be waited for again", {}, function* ({ pool, state, take }) {
    const lease = take(a)
    const first = yield* begin(pool)
    yield* Fiber.interrupt(first)
    assert.strictEqual(state.phase, "closing")
    const second = yield* begin(pool)
    lease.release()
    yield* Fiber.join(second)
  })

  // reactor-pool: releaseRacingWithPoolClose, gracefulShutdownTerminatesWhenMixOfReleasedAndInvalidated.
  spec("ends with the last lease however each one ends", {}, function* ({ factory, pool, take }) {
    const leases = [take(a), take(a), take(b), take(b)]
    const ending = yield* begin(pool)
    leases[0]?.release()
    leases[1]?.discard()
    leases[2]?.connection.end()
    leases[2]?.release()
    leases[3]?.discard("use-failed")
    yield* Fiber.join(ending)
    assert.strictEqual(factory.open.size, 0)
  })

  spec(
    "gives up dials under way",
    {},
    function* ({ ask, factory, pool }) {
      const waiter = ask(a)
      yield* pool.shutdown()
      assert.strictEqual(waiter.failure, "Refused pool-closed")
      assert.isTrue(factory.dial(1).isInterrupted)
    },
    { factory: { dials: "manual" } }
  )

  // generic-pool, tarn, lightning-pool: late resource after a create timeout is destroyed.
  spec(
    "does not wait beyond its deadline for a dial that heeds no interrupt; what comes of it is closed",
    {},
    function* ({ ask, factory, pass, pool, state }) {
      const { connect } = factory
      factory.connect = (route, control) => Effect.uninterruptible(connect(route, control))
      ask(a)
      const ending = yield* begin(pool, 100)
      yield* pass(99)
      assert.isUndefined(ending.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(ending)
      assert.strictEqual(state.phase, "closed")
      factory.dial(1).succeed()
      yield* settled
      assert.strictEqual(factory.open.size, 0)
    },
    { factory: { dials: "manual" } }
  )

  spec(
    "does not wait for a close that hangs for longer than `closeTimeout`",
    { closeTimeout: 200 },
    function* ({ factory, pass, pool, touch }) {
      touch(a)
      const ending = yield* begin(pool)
      yield* pass(199)
      assert.isUndefined(ending.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(ending)
      factory.closing(1).succeed()
    },
    { factory: { closes: "manual" } }
  )

  spec(
    "may be asked for from within a waiter's callback",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, pool, take }) {
      const held = take(a)
      const endings: Array<Fiber.Fiber<void>> = []
      pool.leaseUnsafe(a, undefined, (result) => {
        endings.push(Effect.runFork(pool.shutdown()))
        if ("release" in result) result.release()
      })
      const other = ask(a)
      held.release()
      assert.strictEqual(other.failure, "Refused pool-closed")
      yield* settled
      assert.isDefined(endings[0]?.pollUnsafe())
    }
  )
})

describe("a pool's scope", () => {
  const made = Effect.gen(function* () {
    const factory = new ScriptedFactory()
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(ConnectionPool.make(factory, { shutdownTimeout: 1000 }), scope)
    return { factory, scope, pool }
  })

  it.effect("shuts the pool down when it closes, and waits for leases until the deadline", () =>
    Effect.gen(function* () {
      const { factory, pool, scope } = yield* made
      const lease = yield* pool.lease(a)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust(999)
      assert.isTrue(lease.isLive)
      yield* TestClock.adjust(1)
      yield* Fiber.join(closing)
      assert.isFalse(lease.isLive)
      assert.strictEqual(factory.open.size, 0)
    })
  )

  it.effect("that closes while fibers wait fails them with a typed error", () =>
    Effect.gen(function* () {
      const { factory, pool, scope } = yield* made
      factory.isAutomatic = false
      const waiting = yield* Effect.forkChild(Effect.flip(pool.use(a, () => Effect.void)), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Refused")
      assert.strictEqual(factory.connectingCount, 0)
    })
  )

  it.effect("leaves no fiber, no timer and no open connection behind", () =>
    Effect.gen(function* () {
      const { factory, pool, scope } = yield* made
      yield* pool.use(a, () => Effect.void)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(scope.state._tag, "Closed")
    })
  )
})
