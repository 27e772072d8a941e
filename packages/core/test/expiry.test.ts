/**
 * The end of connections by time: idle, lifetime, the peer's hint.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, settled, spec } from "./support/withPool.ts"

const noJitter = { lifetimeJitterRatio: 0 } as const

describe("the idle timeout", () => {
  // OkHttp: connectionsEvictedWhenIdleLongEnough. Go: TestTransportIdleConnTimeout. hyper: test_pool_timer_removes_expired.
  // hyper-util: timer_removes_expired_faketime.
  // Pingora: test_read_timeout, test_evict_poll.
  // Ribbon, Zuul, Feign, Spring Cloud Gateway: ConnectionPoolCleaner.
  spec(
    "closes a connection at its time, and not before",
    { idleTimeout: 10_000 },
    function* ({ closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(9999)
      assert.strictEqual(factory.open.size, 1)
      yield* pass(1)
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy("idle-timeout"), 1)
    }
  )

  // OkHttp: inUseConnectionsNotEvicted.
  spec(
    "leaves a leased connection alone, and begins anew when it comes back",
    { idleTimeout: 1000 },
    function* ({ factory, pass, take, touch }) {
      touch(a)
      yield* pass(900)
      const lease = take(a)
      yield* pass(5000)
      assert.strictEqual(factory.open.size, 1)
      lease.release()
      yield* pass(999)
      assert.strictEqual(factory.open.size, 1)
      yield* pass(1)
      assert.strictEqual(factory.open.size, 0)
    }
  )

  // OkHttp: cleanupPrioritizesEarliestEviction.
  // Apache HttpClient: testCloseExpired.
  spec(
    "wakes the upkeep once for each time that is due, whatever the order",
    { idleTimeout: 1000 },
    function* ({ factory, pass, take, touch }) {
      const first = take(a)
      touch(b)
      yield* pass(300)
      first.release()
      yield* pass(699)
      assert.strictEqual(factory.open.size, 2)
      yield* pass(1)
      assert.deepStrictEqual(
        Array.from(factory.open, (connection) => connection.route),
        [a]
      )
      yield* pass(300)
      assert.strictEqual(factory.open.size, 0)
    }
  )

  // hyper: test_pool_checkout_returns_none_if_expired, _removes_expired. Apache: testCreateNewIfExpired, testExpiredEntryDeallocatesSlot.
  spec(
    "is enforced at checkout as well, should the upkeep be late",
    { idleTimeout: 1000, connectionsPerRouteMax: 1 },
    function* ({ closedBy, pass, state, take, touch }) {
      touch(a)
      // The upkeep is late: it sleeps on.
      state.upkeepAlarm.disarm()
      yield* pass(1000)
      const lease = take(a)
      assert.strictEqual(lease.connectionId, 2)
      assert.strictEqual(closedBy("idle-timeout"), 1)
      lease.release()
    }
  )

  spec(
    "of 0 closes a connection when it falls idle, and gives it to its caller first",
    { idleTimeout: 0 },
    function* ({ ask, factory, take }) {
      const lease = take(a)
      const waiter = ask(a)
      lease.release()
      waiter.release()
      yield* settled
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(factory.dials.length, 2)
    }
  )

  spec("of `never` closes nothing", { idleTimeout: "never" }, function* ({ factory, pass, state, touch }) {
    touch(a)
    yield* pass(10 ** 10)
    assert.strictEqual(factory.open.size, 1)
    assert.strictEqual(state.upkeep.size, 0)
  })

  spec(
    "is shortened by a random part under `idleJitterRatio`",
    { idleTimeout: 1000, idleJitterRatio: 0.5 },
    function* ({ factory, pass, take }) {
      const leases = Array.from({ length: 60 }, () => take(a))
      for (const lease of leases) lease.release()
      yield* pass(499)
      assert.strictEqual(factory.open.size, 60)
      yield* pass(250)
      assert.isTrue(factory.open.size > 0 && factory.open.size < 60, `${factory.open.size}`)
      yield* pass(251)
      assert.strictEqual(factory.open.size, 0)
    }
  )

  spec("holds from now on when it is changed while running", {}, function* ({ factory, pass, pool, touch }) {
    touch(a)
    yield* pass(500)
    yield* pool.configure({ idleTimeout: 1000 })
    yield* pass(499)
    assert.strictEqual(factory.open.size, 1)
    yield* pass(1)
    assert.strictEqual(factory.open.size, 0)
  })

  spec(
    "costs the memory of open connections only, however many have come and gone",
    {},
    function* ({ pool, state, touch }) {
      for (let count = 0; count < 1000; count++) {
        touch(a)
        yield* pool.closeIdle()
      }
      assert.isAtMost(state.upkeep.size, 130)
    }
  )

  spec(
    "costs no memory for a connection that is used again and again",
    { idleTimeout: 1000, idleJitterRatio: 0.9 },
    function* ({ pass, state, touch }) {
      for (let round = 0; round < 300; round++) {
        touch(a)
        yield* pass(10)
      }
      // One for each expiry, by jitter, that came before all others so far: of 300, some 6, and hardly ever over 20.
      assert.isAtMost(state.upkeep.size, 25)
    }
  )

  // Effect's Pool, RcMap, semaphores: scale to zero.
  spec(
    "leaves no timer behind when nothing is left to expire",
    { idleTimeout: 1000, routeIdleTimeout: 2000 },
    function* ({ pass, state, touch }) {
      touch(a)
      yield* pass(1000)
      yield* pass(2000)
      assert.strictEqual(state.upkeep.size, 0)
      assert.strictEqual(state.routes.size, 0)
    }
  )
})

describe("the lifetime", () => {
  // Hikari: testMaxLifetime. Envoy: MaxConnectionDurationReady.
  spec(
    "closes an idle connection at its time, however often it was used",
    { lifetime: 1000, ...noJitter },
    function* ({ closedBy, factory, pass, touch }) {
      for (let count = 0; count < 10; count++) {
        touch(a)
        yield* pass(count < 9 ? 100 : 99)
      }
      assert.strictEqual(factory.open.size, 1)
      yield* pass(1)
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy("lifetime"), 1)
    }
  )

  // Hikari: testMaxLifetime2. Envoy: MaxConnectionDurationBusy.
  spec(
    "lets a lease finish, and closes the connection when it comes back",
    { lifetime: 1000, ...noJitter },
    function* ({ closedBy, factory, pass, take }) {
      const lease = take(a)
      yield* pass(2000)
      assert.strictEqual(factory.open.size, 1)
      lease.release()
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy("lifetime"), 1)
    }
  )

  // reactor-netty: maxLifeTimeMaxConnectionsReached. Envoy: MaxConnectionDurationAlreadyDraining.
  spec(
    "lets a shared connection take no new lease, and closes it with its last",
    {
      lifetime: 1000,
      ...noJitter,
      slotsPerConnectionMax: 10,
      connectionsPerRouteMax: 1
    },
    function* ({ ask, closedBy, factory, pass, take }) {
      const lease = take(a)
      yield* pass(1000)
      const waiter = ask(a, { timeout: 100 })
      assert.isTrue(waiter.isWaiting)
      yield* pass(100)
      assert.strictEqual(waiter.failure, "AcquireTimeout queue")
      lease.release()
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy("lifetime"), 1)
    }
  )

  // reactor-pool: maxLifeTimeVariance_effectiveLifetimeWithinRange.
  spec(
    "is shortened by a random part of up to `lifetimeJitterRatio`",
    { lifetime: 1000, lifetimeJitterRatio: 0.3 },
    function* ({ factory, pass, take }) {
      const leases = Array.from({ length: 60 }, () => take(a))
      for (const lease of leases) lease.release()
      yield* pass(699)
      assert.strictEqual(factory.open.size, 60)
      yield* pass(150)
      assert.isTrue(factory.open.size > 0 && factory.open.size < 60, `${factory.open.size}`)
      yield* pass(151)
      assert.strictEqual(factory.open.size, 0)
    }
  )

  // Apache: testExpiryDoesNotOverflow.
  spec(
    "may be as long as can be written",
    { lifetime: Number.MAX_SAFE_INTEGER, idleTimeout: Number.MAX_SAFE_INTEGER },
    function* ({ factory, pass, touch }) {
      touch(a)
      yield* pass(10 ** 12)
      touch(a)
      assert.strictEqual(factory.dials.length, 1)
    }
  )

  // Apache: a time to live of 0 means no reuse.
  spec("of 0 gives each connection to one caller", { lifetime: 0 }, ({ closedBy, factory, touch }) => {
    touch(a)
    touch(a)
    assert.strictEqual(factory.dials.length, 2)
    assert.strictEqual(closedBy("lifetime"), 2)
  })

  // reactor-pool, reactor-netty: maxLifeTime_composesWithCustomEvictionPredicate.
  spec(
    "is the earliest of several ends that counts",
    { lifetime: 1000, ...noJitter, idleTimeout: 800 },
    function* ({ closedBy, pass, touch }) {
      touch(a)
      yield* pass(300)
      touch(a)
      yield* pass(700)
      assert.strictEqual(closedBy("lifetime"), 1)
      touch(a)
      yield* pass(800)
      assert.strictEqual(closedBy("idle-timeout"), 1)
    }
  )
})

describe("the peer's hint", () => {
  // Apache: testKeepAliveHeaderRespected. undici: keep-alive header and its threshold.
  // Apache HttpClient: KeepAliveHeaderRespected, ReleaseConnectionWithTimeLimits.
  spec(
    "closes a connection before the peer does, by `idleHintMargin`",
    { idleHintMargin: 200 },
    function* ({ closedBy, factory, pass, take }) {
      const lease = take(a)
      lease.connection.control.limitIdle(1000)
      lease.release()
      yield* pass(799)
      assert.strictEqual(factory.open.size, 1)
      yield* pass(1)
      assert.strictEqual(closedBy("idle-hint"), 1)
    }
  )

  // undici: keep-alive header 0.
  spec(
    "shorter than the margin closes the connection when it comes back",
    { idleHintMargin: 1000 },
    ({ closedBy, take, touch }) => {
      const lease = take(a)
      lease.connection.control.limitIdle(900)
      lease.release()
      assert.strictEqual(closedBy("idle-hint"), 1)
      assert.strictEqual(touch(a).id, 2)
    }
  )

  spec("given while the dial runs gives the connection to its caller first", {}, ({ ask, factory }) => {
    factory.isAutomatic = false
    const waiter = ask(a)
    factory.dial(1).control.limitIdle(10)
    factory.dial(1).succeed()
    assert.strictEqual(waiter.connection.id, 1)
    waiter.release()
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(factory.dials.length, 1)
  })

  spec(
    "given to an idle connection holds from the beginning of its idle period",
    {},
    function* ({ closedBy, pass, touch }) {
      const connection = touch(a)
      yield* pass(3000)
      connection.control.limitIdle(5000)
      yield* pass(999)
      assert.strictEqual(closedBy("idle-hint"), 0)
      yield* pass(1)
      assert.strictEqual(closedBy("idle-hint"), 1)
    }
  )

  spec("longer than the idle timeout changes nothing", { idleTimeout: 500 }, function* ({ closedBy, pass, take }) {
    const lease = take(a)
    lease.connection.control.limitIdle(60_000)
    lease.release()
    yield* pass(500)
    assert.strictEqual(closedBy("idle-timeout"), 1)
  })
})
