import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ConnectionPool, type PoolConfig, Route } from "../src/index.ts"
import { type FakeConnection, ScriptedFactory } from "./support/ScriptedFactory.ts"

const a = Route.of("test", "a", 1)
const b = Route.of("test", "b", 1)

const withPool = (
  config: typeof PoolConfig.Encoded,
  body: (pool: ConnectionPool.ConnectionPool<FakeConnection>, factory: ScriptedFactory) => Effect.Effect<void, unknown>,
  factory = new ScriptedFactory()
) =>
  Effect.gen(function* () {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const pool = yield* ConnectionPool.make(factory, config)
        yield* body(pool, factory)
        const stats = yield* pool.stats
        assert.strictEqual(stats.connections.used, factory.open.size + factory.connectingCount)
      })
    )
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(factory.connectingCount, 0)
  })

describe("ConnectionPool", () => {
  it.effect("leases the same connection again after it was returned", () =>
    withPool({}, (pool, factory) =>
      Effect.gen(function* () {
        yield* pool.use(a, (connection) => Effect.sync(() => assert.strictEqual(connection.id, 1)))
        yield* pool.use(a, (connection, lease) =>
          Effect.sync(() => {
            assert.strictEqual(connection.id, 1)
            assert.isTrue(lease.isReused)
          })
        )
        assert.strictEqual(factory.dials.length, 1)
      })
    )
  )

  it.effect("makes callers beyond the limit of the route wait, and serves them in order", () =>
    withPool({ connectionsPerRouteMax: 1 }, (pool) =>
      Effect.gen(function* () {
        const order: Array<number> = []
        const fibers = yield* Effect.forEach([1, 2, 3], (n) =>
          Effect.forkChild(
            pool.use(a, () =>
              Effect.andThen(
                Effect.sync(() => order.push(n)),
                Effect.sleep(10)
              )
            ),
            { startImmediately: true }
          )
        )
        yield* TestClock.adjust(100)
        yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual(order, [1, 2, 3])
      })
    )
  )

  it.effect("fails a waiter at its deadline, with the state of the route", () =>
    withPool({ connectionsPerRouteMax: 1 }, (pool) =>
      Effect.gen(function* () {
        const held = yield* pool.lease(a, { holder: "first" })
        const waiter = yield* Effect.forkChild(Effect.flip(pool.lease(a, { timeout: 50 })), { startImmediately: true })
        yield* TestClock.adjust(49)
        assert.isUndefined(waiter.pollUnsafe())
        yield* TestClock.adjust(1)
        const error = yield* Fiber.join(waiter)
        assert.strictEqual(error.reason._tag, "AcquireTimeout")
        held.release()
      })
    )
  )

  it.effect("closes the least recently used idle connection of another route when the total is full", () =>
    withPool({ connectionsMax: 1 }, (pool, factory) =>
      Effect.gen(function* () {
        yield* pool.use(a, () => Effect.void)
        yield* pool.use(b, () => Effect.void)
        assert.strictEqual(factory.openMax, 1)
        const stats = yield* pool.stats
        assert.strictEqual(stats.closedByReason["evicted-for-other-route"], 1)
      })
    )
  )

  it.effect("closes idle connections at the idle timeout, not before", () =>
    withPool({ idleTimeout: "10 seconds" }, (pool, factory) =>
      Effect.gen(function* () {
        yield* pool.use(a, () => Effect.void)
        yield* TestClock.adjust(9999)
        assert.strictEqual(factory.open.size, 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(factory.open.size, 0)
      })
    )
  )

  it.effect("leaks nothing when callers are interrupted at random", () =>
    withPool({ connectionsPerRouteMax: 8, pendingPerRouteMax: "unlimited" }, (pool) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(Array.from({ length: 2000 }), () =>
          Effect.forkChild(
            pool.use(a, () => Effect.yieldNow),
            { startImmediately: true }
          )
        )
        fibers.forEach((fiber, index) => {
          if (index % 3 === 0) fiber.interruptUnsafe()
        })
        const exits = yield* Effect.forEach(fibers, Fiber.await)
        const undisturbed = exits.filter((_, index) => index % 3 !== 0)
        assert.isTrue(undisturbed.every(Exit.isSuccess))
        const stats = yield* pool.stats
        assert.strictEqual(stats.active.used, 0)
        assert.strictEqual(stats.pending.used, 0)
        assert.isAtMost(stats.connections.used, 8)
      })
    )
  )
})
