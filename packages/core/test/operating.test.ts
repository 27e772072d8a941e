/**
 * What an operator does to a running pool: warm, drain, close idle, pause, resume.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { a, b, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

describe("warm", () => {
  // reactor-pool: warmup(). Ribbon: prime connections.
  // Envoy: BasicPreconnect, ExplicitPreconnect.
  // Ribbon, Zuul, Feign, Spring Cloud Gateway: PrimeConnections*.
  spec(
    "opens connections until so many are open, and says how many it opened",
    {},
    function* ({ factory, idleIds, pool, touch }) {
      touch(a)
      assert.strictEqual(yield* pool.warm(a, 3), 2)
      assert.strictEqual(factory.open.size, 3)
      assert.strictEqual(yield* pool.warm(a, 3), 0)
      assert.strictEqual(idleIds(a).length, 3)
      assert.strictEqual(factory.dial(3).connection.told, "idle")
    }
  )

  spec("opens no more than the limits allow", { connectionsPerRouteMax: 4, connectionsMax: 6 }, function* ({ pool }) {
    assert.strictEqual(yield* pool.warm(a, 10), 4)
    assert.strictEqual(yield* pool.warm(b, 10), 2)
  })

  spec(
    "takes nothing from others: it evicts no idle connection",
    { connectionsMax: 2 },
    function* ({ closedBy, pool, take }) {
      const held = take(a)
      assert.strictEqual(yield* pool.warm(b, 5), 1)
      assert.strictEqual(yield* pool.warm(a, 5), 0)
      assert.strictEqual(closedBy("evicted-for-other-route"), 0)
      held.release()
    }
  )

  spec("does not go before those who wait", { connectionsMax: 1 }, function* ({ ask, factory, pool, take }) {
    const held = take(a)
    const waiter = ask(b)
    factory.areClosesAutomatic = false
    held.discard()
    assert.strictEqual(yield* pool.warm(a, 1), 0)
    factory.finishCloses()
    yield* settled
    waiter.release()
  })

  // HikariCP: testPopulationSlowAcquisition.
  spec(
    "waits until its dials have ended, and counts those that came to be open",
    {},
    function* ({ factory, pool }) {
      const warming = yield* Effect.forkChild(pool.warm(a, 3), { startImmediately: true })
      factory.dial(1).succeed()
      factory.dial(2).fail("no")
      yield* settled
      assert.isUndefined(warming.pollUnsafe())
      factory.dial(3).succeed()
      assert.strictEqual(yield* Fiber.join(warming), 2)
    },
    manual
  )

  spec("of a pool that keeps nothing idle ends all the same", { idlePerRouteMax: 0 }, function* ({ factory, pool }) {
    assert.strictEqual(yield* pool.warm(a, 3), 3)
    assert.strictEqual(factory.dials.length, 3)
    assert.strictEqual(factory.open.size, 0)
  })

  // HikariCP: testInitializationFailure1, 2.
  spec("against a peer that is down ends all the same", {}, function* ({ factory, pool }) {
    const { connect } = factory
    factory.connect = () => Effect.fail("down")
    assert.strictEqual(yield* pool.warm(a, 3), 0)
    factory.connect = connect
  })

  spec("of a pool that has shut down opens nothing", {}, function* ({ factory, pool }) {
    yield* pool.shutdown()
    assert.strictEqual(yield* pool.warm(a, 3), 0)
    assert.strictEqual(factory.dials.length, 0)
  })
})

describe("drain", () => {
  // Hikari: evictAll. Envoy: DrainExistingConnections. undici: the client is replaced.
  spec(
    "of a route closes idle connections now and leased ones as they come back",
    {},
    function* ({ closedBy, factory, pool, take, touch }) {
      touch(b)
      const leases = [take(a), take(a)]
      leases[0]?.release()
      yield* pool.drainRoute(a)
      assert.strictEqual(factory.countOf(a), 1)
      assert.strictEqual(factory.countOf(b), 1)
      assert.isTrue(leases[1]?.isLive)
      const next = take(a)
      assert.strictEqual(next.connectionId, 4)
      leases[1]?.release()
      assert.strictEqual(closedBy("drained"), 2)
      next.release()
      assert.strictEqual(factory.countOf(a), 1)
    }
  )

  spec("of all routes does so for each", {}, function* ({ factory, pool, take }) {
    const leases = [take(a), take(b)]
    leases[0]?.release()
    yield* pool.drainAll
    assert.strictEqual(factory.open.size, 1)
    leases[1]?.release()
    assert.strictEqual(factory.open.size, 0)
  })

  // Envoy: DrainWhileConnecting, DrainConnectionConnecting.
  spec(
    "leaves dials under way: callers wait for what they bring",
    {},
    function* ({ ask, factory, pool }) {
      const waiter = ask(a)
      yield* pool.drainRoute(a)
      factory.dial(1).succeed()
      assert.strictEqual(waiter.connection.id, 1)
      waiter.release()
      assert.strictEqual(factory.open.size, 1)
    },
    manual
  )

  // Envoy: GoAway. reactor-netty: testHttp2PoolAndGoAway. Hikari: testCloseMarkEvicted.
  // Envoy: GoAway.
  // Pingora: spawn_stream_broken_pipe_marks_shutdown, goaway_no_error_returns_none, mark_shutdown_prevents_new_streams.
  spec(
    "by the connection's own word closes it with its last lease; new calls have another",
    {
      slotsPerConnectionMax: 10
    },
    ({ closedBy, factory, take }) => {
      const leases = [take(a), take(a)]
      factory.dial(1).control.drain()
      const next = take(a)
      assert.strictEqual(next.connectionId, 2)
      leases[0]?.release()
      assert.strictEqual(factory.open.size, 2)
      leases[1]?.release()
      assert.strictEqual(factory.open.size, 1)
      assert.strictEqual(closedBy("drained"), 1)
      next.release()
    }
  )

  // Pingora: test_pop.
  spec("of an unknown route does nothing", {}, function* ({ pool, state }) {
    yield* pool.drainRoute(a)
    yield* pool.closeIdle(a)
    yield* pool.resume(a)
    assert.strictEqual(state.routes.size, 0)
  })
})

describe("closeIdle", () => {
  // Apache: testCloseIdle, closeIdleUsesInjectedClock. Go: CloseIdleConnections.
  // hyper-util: retain_checks_ready_slot.
  spec(
    "closes the idle connections of a route, and leaves leased ones",
    {},
    function* ({ closedBy, factory, pool, take, touch }) {
      touch(b)
      const leases = [take(a), take(a)]
      leases[0]?.release()
      yield* pool.closeIdle(a)
      assert.strictEqual(factory.countOf(a), 1)
      assert.strictEqual(factory.countOf(b), 1)
      assert.strictEqual(closedBy("closed-idle"), 1)
      leases[1]?.release()
      assert.strictEqual(factory.countOf(a), 1)
    }
  )

  spec("without a route closes those of all", {}, function* ({ factory, pool, touch }) {
    touch(a)
    touch(b)
    yield* pool.closeIdle()
    assert.strictEqual(factory.open.size, 0)
  })

  // Effect's Pool: invalidate all, then get does not hang.
  // undici: reuse replacement keep-alive connection after server closes the previous one.
  spec("lets the next call dial anew", {}, function* ({ pool, touch }) {
    touch(a)
    yield* pool.closeIdle()
    assert.strictEqual(touch(a).id, 2)
  })
})

describe("pause", () => {
  // Hikari: testSuspendResume.
  spec(
    "of a route lets its callers wait though connections are idle, until it is resumed",
    {},
    function* ({ ask, factory, pool, take, touch }) {
      touch(a)
      yield* pool.pause(a)
      const waiters = [ask(a), ask(a)]
      assert.isTrue(waiters.every((waiter) => waiter.isWaiting))
      take(b).release()
      assert.strictEqual(factory.countOf(a), 1)
      yield* pool.resume(a)
      for (const waiter of waiters) waiter.release()
    }
  )

  spec("of all routes lets all wait; a route paused by itself stays so", {}, function* ({ ask, pool }) {
    yield* pool.pause(a)
    yield* pool.pause()
    const waiters = [ask(a), ask(b)]
    yield* pool.resume()
    assert.isTrue(waiters[0]?.isWaiting)
    waiters[1]?.release()
    yield* pool.resume(a)
    waiters[0]?.release()
  })

  spec("moves no deadline", {}, function* ({ ask, pass, pool }) {
    yield* pool.pause(a)
    const waiter = ask(a, { timeout: 100 })
    yield* pass(99)
    assert.isTrue(waiter.isWaiting)
    yield* pass(1)
    assert.strictEqual(waiter.failure, "AcquireTimeout queue")
    assert.include(waiter.error.message, "the route is paused until it is resumed")
    yield* pool.resume(a)
  })

  spec("leaves leases and what they return alone", {}, function* ({ factory, pool, take }) {
    const lease = take(a)
    yield* pool.pause()
    lease.release()
    assert.strictEqual(factory.open.size, 1)
    yield* pool.resume()
    take(a).release()
    assert.strictEqual(factory.dials.length, 1)
  })

  spec(
    "is not forgotten with a route that has fallen out of use",
    { routeIdleTimeout: 1000 },
    function* ({ ask, pass, pool }) {
      yield* pool.pause(a)
      yield* pass(10_000)
      const waiter = ask(a)
      assert.isTrue(waiter.isWaiting)
      yield* pool.resume(a)
      waiter.release()
    }
  )

  spec("does not turn in a circle with a limit on active leases", { activeMax: 1 }, function* ({ ask, pool, take }) {
    const held = take(a)
    const waiters = [ask(a), ask(b)]
    yield* pool.pause()
    held.release()
    assert.isTrue(waiters.every((waiter) => waiter.isWaiting))
    yield* pool.resume()
    waiters[0]?.release()
    waiters[1]?.release()
  })
})
