/**
 * The minimum of idle connections that is kept for a route in use.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, spec } from "./support/withPool.ts"

const noJitter = { lifetimeJitterRatio: 0 } as const

describe("the minimum of idle connections", () => {
  const minimum = { idlePerRouteMin: 3, idleTimeout: 1000 } as const

  // Hikari: testConnectionIdleFill, testMinimumIdleZero. reactor-pool: destroyBelowMinSizeThreshold.
  spec(
    "is dialled for once the route is in use, and kept while some are leased",
    minimum,
    ({ factory, idleIds, take }) => {
      const lease = take(a)
      assert.strictEqual(idleIds(a).length, 3)
      assert.strictEqual(factory.open.size, 4)
      lease.release()
      assert.strictEqual(factory.open.size, 4)
    }
  )

  // Hikari: testIdleTimeout (shrinks to the minimum only). generic-pool: idle reaping keeps the minimum.
  // generic-pool, tarn, lightning-pool: idle reaping keeps min.
  spec(
    "outlives the idle timeout, what is above it does not",
    minimum,
    function* ({ closedBy, factory, pass, take, touch }) {
      const leases = Array.from({ length: 6 }, () => take(a))
      for (const lease of leases) lease.release()
      yield* pass(1000)
      assert.strictEqual(factory.open.size, 3)
      const dialCount = factory.dials.length
      yield* pass(5000)
      assert.strictEqual(factory.open.size, 3)
      assert.strictEqual(factory.dials.length, dialCount)
      assert.isAbove(closedBy("idle-timeout"), 0)
      touch(a)
    }
  )

  // Hikari: testEvictAllRefill, testBackfill.
  spec(
    "is filled up again when connections of it are lost or closed",
    minimum,
    function* ({ factory, idleIds, pool, touch }) {
      touch(a).end()
      assert.strictEqual(idleIds(a).length, 3)
      yield* pool.closeIdle(a)
      assert.strictEqual(idleIds(a).length, 3)
      assert.strictEqual(factory.open.size, 3)
    }
  )

  spec(
    "does not outlive the lifetime, and is dialled anew then",
    { ...minimum, lifetime: 2500, ...noJitter },
    function* ({ closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(2499)
      assert.strictEqual(closedBy("lifetime"), 0)
      yield* pass(1)
      assert.isAtLeast(closedBy("lifetime"), 3)
      assert.strictEqual(factory.open.size, 3)
    }
  )

  spec("is not dialled for in a circle where no connection lasts", minimum, function* ({ factory, pass, touch }) {
    const { connect } = factory
    factory.connect = (route, control) => {
      // A circle on one stack would never come back to the spec.
      if (factory.dials.length > 100) return Effect.never
      // Less than the margin that the pool keeps: it is over as soon as it begins.
      control.limitIdle(10)
      return connect(route, control)
    }
    touch(a)
    yield* pass(999)
    assert.isAtMost(factory.dials.length, 4)
    yield* pass(1001)
    assert.isAtMost(factory.dials.length, 10)
    assert.isAbove(factory.dials.length, 4)
  })

  spec(
    "is given up when nobody has asked for the route in `routeIdleTimeout`",
    {
      ...minimum,
      routeIdleTimeout: 5000
    },
    function* ({ factory, pass, state, touch }) {
      touch(a)
      yield* pass(4900)
      assert.strictEqual(factory.open.size, 3)
      yield* pass(2000)
      assert.strictEqual(factory.open.size, 0)
      yield* pass(5000)
      assert.strictEqual(state.routes.size, 0)
    }
  )

  spec(
    "never opens more than the pool keeps idle, nor dials in a circle over it",
    {
      idlePerRouteMin: 2,
      idleMax: 3
    },
    function* ({ factory, pass, touch }) {
      touch(a)
      touch(b)
      yield* pass(100)
      assert.isAtMost(factory.open.size, 3)
      assert.isAtMost(factory.dials.length, 6)
    }
  )

  spec(
    "waits for permits of the total, and is filled up when there are some",
    {
      connectionsMax: 3,
      overrides: [{ match: "test://a:1", idlePerRouteMin: 3 }]
    },
    ({ factory, take, touch }) => {
      const others = [take(b), take(b)]
      touch(a)
      assert.strictEqual(factory.countOf(a), 1)
      others[0]?.discard()
      assert.strictEqual(factory.countOf(a), 2)
      others[1]?.discard()
      assert.strictEqual(factory.countOf(a), 3)
    }
  )

  spec(
    "is dialled for with back-off when the peer is down, for as long as the route is in use",
    {
      ...minimum,
      routeIdleTimeout: 10_000
    },
    function* ({ factory, pass, touch }) {
      touch(a)
      const { connect } = factory
      let attemptCount = 0
      factory.connect = () => {
        attemptCount++
        return Effect.fail("down")
      }
      for (const connection of Array.from(factory.open)) connection.end()
      yield* pass(5000)
      assert.isTrue(attemptCount > 5 && attemptCount < 40, `${attemptCount} attempts`)
      yield* pass(6000)
      const countBefore = attemptCount
      yield* pass(60_000)
      assert.strictEqual(attemptCount, countBefore)
      factory.connect = connect
    }
  )

  spec(
    "is looked at once a second at most, however short the idle timeout",
    { idlePerRouteMin: 1, idleTimeout: 1 },
    function* ({ factory, pass, state, touch }) {
      touch(a)
      yield* pass(50)
      assert.strictEqual(factory.open.size, 1)
      assert.isAtLeast((state.upkeep.nextMillis ?? 0) - state.wallMillis(), 900)
    }
  )

  spec("fills up when it is raised while running", {}, function* ({ factory, pool, touch }) {
    touch(a)
    yield* pool.configure({ idlePerRouteMin: 4 })
    assert.strictEqual(factory.open.size, 4)
  })
})
