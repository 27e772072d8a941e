/**
 * Limits on connections, leases, uses and idle connections; changed while running.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, c, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const
const manualClose = { factory: { closes: "manual" } } as const

describe("limits on connections", () => {
  // Apache: testMaxLimits. Go: TestTransportMaxConnsPerHost. Hikari: testMaximumPoolLimit.
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

describe("uses per connection", () => {
  // Envoy: MaxRequestsPerConnection. undici: reconnect after maxRequestsPerClient. Envoy's #36712: stalls with one connection.
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
