/**
 * Limits on connections, uses and idle connections; changed while running.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, c, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const
const manualClose = { factory: { closes: "manual" } } as const

describe("limits on connections", () => {
  // Apache: testMaxLimits. Go: TestTransportMaxConnsPerHost. Hikari: testMaximumPoolLimit.
  // Envoy: MaxConnections.
  spec(
    "hold for each route and for the pool; callers beyond them wait",
    {
      connectionsPerRouteMax: 2,
      connectionsMax: 3
    },
    ({ ask, factory, take }) => {
      const held = [take(a), take(a)]
      const third = ask(a)
      assert.isTrue(third.isWaiting)
      held.push(take(b))
      const fourth = ask(b)
      assert.isTrue(fourth.isWaiting)
      assert.strictEqual(factory.openMax, 3)
      for (const lease of held) lease.release()
      third.release()
      fourth.release()
      assert.strictEqual(factory.openMax, 3)
    }
  )

  // Go: TestTransportMaxConnsPerHostIncludeDialInProgress.
  // generic-pool, tarn, lightning-pool: create storm capped at max.
  spec(
    "count dials in progress",
    { connectionsPerRouteMax: 2 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 2)
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      callers[0]?.release()
      callers[1]?.release()
      callers[2]?.release()
      assert.strictEqual(factory.dials.length, 2)
    },
    manual
  )

  // reactor-pool gives the permit back before the destroy completes, so that sockets may exceed the maximum.
  spec(
    "count a connection until its close has ended",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, factory, take }) {
      take(a).discard()
      const waiter = ask(a)
      assert.strictEqual(factory.dials.length, 1)
      factory.closing(1).succeed()
      yield* settled
      assert.strictEqual(waiter.connection.id, 2)
      assert.strictEqual(factory.openMax, 1)
      waiter.release()
    },
    manualClose
  )

  // Apache: slowDisposalDoesNotBlockOtherRoutes, strictEviction_offLock_otherThreadLeasesFast.
  spec(
    "hold no other route up while a close takes its time",
    { connectionsPerRouteMax: 1 },
    ({ ask, take }) => {
      take(a).discard()
      const waiter = ask(a)
      take(b).release()
      assert.isTrue(waiter.isWaiting)
      waiter.withdraw()
    },
    manualClose
  )

  spec(
    "have a connection that does not close in time back after `closeTimeout`, and say so",
    { connectionsPerRouteMax: 1, closeTimeout: 500 },
    function* ({ ask, factory, listen, pass, take }) {
      const heard = yield* listen
      take(a).discard()
      const waiter = ask(a)
      yield* pass(499)
      assert.isTrue(waiter.isWaiting)
      yield* pass(1)
      assert.strictEqual(waiter.connection.id, 2)
      waiter.release()
      const failed = (yield* heard).find((event) => event._tag === "CloseFailed")
      assert.include(JSON.stringify(failed), "not closed within 500 ms (closeTimeout)")
      factory.closing(1).succeed()
      yield* settled
    },
    manualClose
  )

  // reactor-pool: releaseHandlerFailsThenDestroyHandlerAlsoFails. generic-pool: a destroy error is reported.
  spec(
    "have a connection back whose close fails, and the failure is told",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, factory, listen, take }) {
      const heard = yield* listen
      take(a).discard()
      const waiter = ask(a)
      factory.closing(1).fail("reset")
      yield* settled
      assert.strictEqual(waiter.connection.id, 2)
      waiter.release()
      assert.isTrue((yield* heard).some((event) => event._tag === "CloseFailed"))
    },
    manualClose
  )

  // Go: TestTransportDecrementConnWhenIdleConnRemoved, ContextLeakMaxConnsPerHost.
  // undici: pool: replaces stale client when connections limit is reached.
  spec("have each permit back once, whatever ends the connection", { connectionsPerRouteMax: 1 }, function* (world) {
    const { pass, pool, take, touch } = world
    touch(a).end()
    take(a).discard()
    touch(a)
    yield* pool.closeIdle()
    touch(a)
    yield* pass(60_000)
    touch(a)
    yield* pool.drainAll
    take(a).release()
    world.assertSound()
    assert.strictEqual(world.factory.openMax, 1)
  })

  // OkHttp: increasingMaxPerHostPromotesJobsImmediately. Apache: raising a limit does not wake waiters.
  // Ribbon, Zuul, Feign, Spring Cloud Gateway: testResize.
  spec(
    "can be raised while running, which wakes waiters at once",
    {
      connectionsPerRouteMax: 1,
      connectionsMax: 2
    },
    function* ({ ask, pool, take }) {
      const held = [take(a), take(b)]
      const waiters = [ask(a), ask(c)]
      yield* pool.configure({ connectionsPerRouteMax: 1, connectionsMax: 3 })
      assert.isTrue(waiters[0]?.isWaiting)
      assert.strictEqual(waiters[1]?.connection.route, c)
      yield* pool.configure({ connectionsPerRouteMax: 2, connectionsMax: 4 })
      assert.strictEqual(waiters[0]?.connection.route, a)
      for (const lease of held) lease.release()
      for (const waiter of waiters) waiter.release()
    }
  )

  // Hikari: rampUpDownTest.
  spec(
    "can be lowered while running: idle connections are closed at once, leased ones as they come back",
    {},
    function* ({ closedBy, factory, pool, take }) {
      const leases = [take(a), take(a), take(a), take(a)]
      leases[0]?.release()
      leases[1]?.release()
      yield* pool.configure({ connectionsPerRouteMax: 1 })
      assert.strictEqual(factory.open.size, 2)
      leases[2]?.release()
      assert.strictEqual(factory.open.size, 1)
      leases[3]?.release()
      assert.strictEqual(factory.open.size, 1)
      assert.strictEqual(closedBy("over-limit"), 3)
    }
  )

  spec(
    "that are lowered close no more than is too much, however long the closes take",
    {},
    function* ({ closedBy, factory, pool, take }) {
      const leases = [take(a), take(a), take(a), take(b), take(b), take(b)]
      leases[0]?.release()
      leases[1]?.release()
      leases[3]?.release()
      leases[4]?.release()
      yield* pool.configure({ connectionsPerRouteMax: 2, connectionsMax: 3 })
      assert.strictEqual(closedBy("over-limit"), 3)
      leases[2]?.release()
      leases[5]?.release()
      assert.strictEqual(closedBy("over-limit"), 3)
      factory.finishCloses()
      yield* settled
      assert.strictEqual(factory.open.size, 3)
    },
    manualClose
  )

  spec(
    "may be unlimited",
    { connectionsPerRouteMax: "unlimited", connectionsMax: "unlimited" },
    function* ({ factory, pool, take }) {
      const leases = Array.from({ length: 400 }, () => take(a))
      assert.strictEqual(factory.open.size, 400)
      for (const lease of leases) lease.release()
      const { connections } = yield* pool.stats
      assert.deepStrictEqual(connections, { used: 400, limit: "unlimited", source: "pool" })
    }
  )
})

describe("uses per connection", () => {
  // Envoy: MaxRequestsPerConnection. undici: reconnect after maxRequestsPerClient. Envoy's #36712: stalls with one connection.
  // undici: close-and-destroy: reconnect after maxRequestsPerClient.
  spec(
    "close it with the last of them, and the next caller dials",
    {
      usesPerConnectionMax: 2,
      connectionsPerRouteMax: 1
    },
    ({ ask, closedBy, take, touch }) => {
      assert.strictEqual(touch(a).id, 1)
      const held = take(a)
      assert.strictEqual(held.connectionId, 1)
      const waiter = ask(a)
      held.release()
      assert.strictEqual(closedBy("uses"), 1)
      assert.strictEqual(waiter.connection.id, 2)
      waiter.release()
    }
  )

  spec("may be limited by the peer, from now", {}, ({ closedBy, take, touch }) => {
    const lease = take(a)
    lease.connection.control.limitUses(1)
    lease.release()
    assert.strictEqual(touch(a).id, 1)
    assert.strictEqual(closedBy("uses"), 1)
    assert.strictEqual(touch(a).id, 2)
  })

  spec(
    "end at once when the peer allows no more to an idle connection",
    { connectionsPerRouteMax: 1 },
    ({ closedBy, touch }) => {
      touch(a).control.limitUses(0)
      assert.strictEqual(closedBy("uses"), 1)
      assert.strictEqual(touch(a).id, 2)
    }
  )

  spec(
    "end while several share the connection: it takes no more, and closes after the last",
    {
      slotsPerConnectionMax: 10,
      usesPerConnectionMax: 3
    },
    ({ factory, take }) => {
      const leases = [take(a), take(a), take(a)]
      assert.strictEqual(factory.dials.length, 1)
      const fourth = take(a)
      assert.strictEqual(fourth.connectionId, 2)
      leases[0]?.release()
      leases[1]?.release()
      assert.strictEqual(factory.open.size, 2)
      leases[2]?.release()
      assert.strictEqual(factory.open.size, 1)
      fourth.release()
    }
  )

  spec("are limited for open connections too when the limit is lowered while running", {}, function* (world) {
    const { closedBy, factory, pool, take, touch } = world
    const held = take(a)
    touch(a)
    touch(a)
    yield* pool.configure({ usesPerConnectionMax: 2 })
    assert.strictEqual(closedBy("uses"), 1)
    held.release()
    assert.strictEqual(touch(a).id, 1)
    assert.strictEqual(factory.open.size, 0)
  })

  spec(
    "count anew for open connections when the limit is raised while running",
    { usesPerConnectionMax: 2 },
    function* ({ factory, pool, touch }) {
      touch(a)
      yield* pool.configure({ usesPerConnectionMax: "unlimited" })
      for (let count = 0; count < 5; count++) touch(a)
      assert.strictEqual(factory.dials.length, 1)
    }
  )
})

describe("limits on idle connections", () => {
  // Go: MaxIdleConnsPerHost. hyper: test_pool_max_idle_per_host. OkHttp: oldestConnectionsEvictedIfIdleLimitExceeded.
  spec("of a route close the least recently used ones", { idlePerRouteMax: 2 }, ({ closedBy, idleIds, take }) => {
    const leases = [take(a), take(a), take(a), take(a)]
    for (const lease of leases) lease.release()
    assert.deepStrictEqual(idleIds(a), [3, 4])
    assert.strictEqual(closedBy("idle-limit"), 2)
  })

  // Go: TestTransportMaxIdleConns. Pingora: test_eviction.
  spec("of the pool close the least recently used ones, of whatever route", { idleMax: 2 }, ({ idleIds, touch }) => {
    touch(a)
    touch(b)
    touch(a)
    touch(c)
    assert.deepStrictEqual([idleIds(a), idleIds(b), idleIds(c)], [[1], [], [3]])
  })

  // OkHttp: connectionsAreNotReusedIfPoolIsSizeZero.
  // Pingora: lru test_drain.
  spec("of 0 keep none", { idlePerRouteMax: 0 }, ({ factory, touch }) => {
    touch(a)
    assert.strictEqual(factory.open.size, 0)
    touch(a)
    assert.strictEqual(factory.dials.length, 2)
  })

  // Go: a returned connection goes to a waiter before the idle list and its limits.
  spec(
    "of 0 give a returned connection to whoever waits all the same",
    {
      idlePerRouteMax: 0,
      connectionsPerRouteMax: 1
    },
    ({ ask, take }) => {
      const held = take(a)
      const waiter = ask(a)
      held.release()
      assert.strictEqual(waiter.connection.id, 1)
      waiter.release()
    }
  )

  // Go: TestTransportCloseIdleConnsThenReturn.
  spec("close a dial that nobody needed as well", { idlePerRouteMax: 0 }, ({ ask, closedBy, factory }) => {
    factory.isAutomatic = false
    ask(a).withdraw()
    factory.dial(1).succeed()
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(closedBy("idle-limit"), 1)
  })

  spec("can be lowered while running", {}, function* ({ idleIds, pool, take }) {
    const leases = [take(a), take(a), take(b)]
    for (const lease of leases) lease.release()
    yield* pool.configure({ idlePerRouteMax: 1 })
    assert.deepStrictEqual([idleIds(a), idleIds(b)], [[2], [3]])
    yield* pool.configure({ idleMax: 1 })
    assert.deepStrictEqual([idleIds(a), idleIds(b)], [[], [3]])
  })
})
