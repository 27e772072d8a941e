/**
 * Getting a connection and giving it back: reuse before dialling, late binding, and leases that end once.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Route } from "../src/index.ts"
import { a, b, settled, spec } from "./support/withPool.ts"

describe("reuse before dialling", () => {
  // hyper: test_pool_checkout_smoke. Go: TestTransportReadToEndReusesConn.
  // hyper also: connect_call_is_lazy.
  spec("leases an idle connection at once, without a dial", {}, ({ factory, pool, touch }) => {
    const connection = touch(a)
    const lease = pool.leaseIdleUnsafe(a, "me")
    assert.strictEqual(lease?.connection, connection)
    assert.strictEqual(factory.dials.length, 1)
    lease?.release()
  })

  // HikariCP: testMinimumIdleZero.
  spec("answers an attempt without waiting with nothing, and begins nothing", {}, ({ factory, pool, state }) => {
    assert.isUndefined(pool.leaseIdleUnsafe(a))
    assert.strictEqual(factory.dials.length, 0)
    assert.strictEqual(state.routes.size, 0)
  })

  spec("tells the first lease of a connection from later ones, and how long it had been idle", {}, function* (world) {
    const first = world.take(a)
    assert.isFalse(first.isReused)
    assert.strictEqual(first.idleMillis, 0)
    first.release()
    yield* world.pass(700)
    const second = world.take(a)
    assert.isTrue(second.isReused)
    assert.strictEqual(second.idleMillis, 700)
    assert.strictEqual(second.connectionId, first.connectionId)
    assert.strictEqual(second.route.key, a.key)
    second.release()
  })

  // reactor-pool: pool of LRU and MRU. Apache: reusePolicyLifoVsFifoIsObservable.
  spec(
    "leases the most recently used idle connection first under `lifo`",
    { leaseOrder: "lifo" },
    ({ idleIds, take }) => {
      const leases = [take(a), take(a), take(a)]
      for (const lease of leases) lease.release()
      assert.deepStrictEqual(idleIds(a), [1, 2, 3])
      const lease = take(a)
      assert.strictEqual(lease.connectionId, 3)
      lease.release()
    }
  )

  spec("leases the least recently used idle connection first under `fifo`", { leaseOrder: "fifo" }, ({ take }) => {
    const leases = [take(a), take(a), take(a)]
    for (const lease of leases) lease.release()
    const order = [take(a), take(a), take(a)]
    assert.deepStrictEqual(
      order.map((lease) => lease.connectionId),
      [1, 2, 3]
    )
    for (const lease of order) lease.release()
  })

  // Pingora: test_lookup. OkHttp: connectionsAreNotReusedIfSslSocketFactoryChanges. Apache: state affinity.
  const parts = { scheme: "https", host: "a.test", port: 443 }
  const identities: ReadonlyArray<readonly [string, Route.Route]> = [
    ["scheme", Route.make({ ...parts, scheme: "http" })],
    ["host", Route.make({ ...parts, host: "b.test" })],
    ["port", Route.make({ ...parts, port: 444 })],
    ["Unix socket", Route.make({ ...parts, unixPath: "/run/a" })],
    ["proxy", Route.make({ ...parts, proxy: "http://proxy" })],
    ["proxy's credentials", Route.make({ ...parts, proxy: "http://me@proxy" })],
    ["server name", Route.make({ ...parts, serverName: "b.test" })],
    ["ALPN offer", Route.make({ ...parts, alpn: ["h2"] })],
    ["order of the ALPN offer", Route.make({ ...parts, alpn: ["h2", "http/1.1"] })],
    ["other order of the ALPN offer", Route.make({ ...parts, alpn: ["http/1.1", "h2"] })],
    ["TLS identity", Route.make({ ...parts, tlsIdentity: "mine" })],
    ["local address", Route.make({ ...parts, localAddress: "127.0.0.2" })],
    ["partition", Route.make({ ...parts, partition: "mine" })],
    ["an empty partition", Route.make({ ...parts, partition: "" })]
  ]
  for (const [part, other] of identities) {
    // Apache HttpClient: LeaseWithStateCacheBypassed.
    spec(`never reuses a connection across routes that differ in: ${part}`, {}, ({ factory, pool, touch }) => {
      touch(Route.make(parts))
      assert.isUndefined(pool.leaseIdleUnsafe(other))
      touch(other)
      assert.strictEqual(factory.dials.length, 2)
    })
  }

  spec("has keys for routes that are different for different routes, and labels without credentials", {}, () => {
    assert.strictEqual(new Set(identities.map(([, route]) => route.key)).size, identities.length)
    assert.notInclude(Route.make({ ...parts, proxy: "http://me:secret@proxy" }).label, "secret")
  })

  spec("takes a host in any case for the same route", {}, ({ factory, touch }) => {
    touch(Route.of("http", "A.test", 80))
    touch(Route.of("http", "a.TEST", 80))
    assert.strictEqual(factory.dials.length, 1)
  })
})

describe("late binding", () => {
  // Go: TestTransportSocketLateBinding. OkHttp: reusePlanAndNewConnectRace. hyper: test_pool_checkout_task_unparked.
  spec(
    "gives a returned connection to the waiter whose dial is still under way",
    {},
    ({ ask, factory, idleIds, take }) => {
      const held = take(a)
      factory.isAutomatic = false
      const waiter = ask(a)
      assert.strictEqual(factory.dials.length, 2)
      held.release()
      assert.strictEqual(waiter.connection.id, 1)
      waiter.release()
      // The dial that lost the race goes on, and what it brings is kept.
      factory.dial(2).succeed()
      assert.deepStrictEqual(idleIds(a), [1, 2])
      assert.strictEqual(factory.dial(2).connection.told, "idle")
    }
  )

  spec(
    "gives a finished dial to the oldest waiter, whoever it was begun for",
    {},
    ({ ask, factory }) => {
      const [first, second] = [ask(a), ask(a)]
      const younger = factory.dial(2).succeed()
      assert.strictEqual(first.connection, younger)
      assert.isTrue(second.isWaiting)
      const older = factory.dial(1).succeed()
      assert.strictEqual(second.connection, older)
      first.release()
      second.release()
    },
    { factory: { dials: "manual" } }
  )

  spec(
    "begins at most one dial for each waiter",
    {},
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 3)
      for (const dial of factory.dials) dial.succeed()
      assert.strictEqual(factory.dials.length, 3)
      for (const caller of callers) caller.release()
    },
    { factory: { dials: "manual" } }
  )

  // Hikari: testSlowConnectionTimeBurstyWork.
  spec("does not open a connection for each caller of a burst while returned ones do", {}, ({ ask, factory, take }) => {
    const held = take(a)
    factory.isAutomatic = false
    for (let count = 0; count < 50; count++) {
      const waiter = ask(a)
      held.release()
      waiter.release()
    }
    assert.strictEqual(factory.dials.length, 2)
  })

  // reactor-pool: fixedPoolReplenishOnDestroy.
  spec(
    "dials anew for a waiter when the connection it waited for is discarded",
    { connectionsPerRouteMax: 1 },
    (world) => {
      const held = world.take(a)
      const waiter = world.ask(a)
      held.discard()
      assert.strictEqual(waiter.connection.id, 2)
      assert.strictEqual(world.factory.openMax, 1)
      waiter.release()
    }
  )
})

describe("a lease", () => {
  // Hikari: testDoubleClose. reactor-pool: eachBorrowerCanOnlyReleaseOnce. tarn, generic-pool: double release.
  spec("is released once: a second release touches nobody else's lease", {}, ({ pool, state, take }) => {
    const first = take(a)
    first.release()
    const second = take(a)
    assert.strictEqual(second.connection, first.connection)
    first.release()
    first.discard()
    assert.isFalse(first.isLive)
    assert.isTrue(second.isLive)
    assert.isUndefined(pool.leaseIdleUnsafe(a))
    assert.strictEqual(state.activeCount, 1)
    second.release()
  })

  // reactor-pool: eachBorrowerCanOnlyInvalidateOnce.
  spec("is discarded once: what comes later does nothing", {}, ({ closedBy, take }) => {
    const lease = take(a)
    lease.discard()
    lease.discard("use-failed")
    lease.release()
    assert.strictEqual(closedBy("discarded"), 1)
    assert.strictEqual(closedBy("use-failed"), 0)
  })

  // Pingora: test_reuse_rejects_fd_mismatch has no like here: a lease is an object, not a number that may be used again.
  // hyper: connection_poisoning, pooled_drop_if_closed_doesnt_reinsert. Hikari: testEviction3.
  spec("that is discarded closes its connection, which is never leased again", {}, ({ factory, take, touch }) => {
    take(a).discard()
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(touch(a).id, 2)
  })

  // Effect's Pool: a released item that has been invalidated. Hikari: testCloseMarkEvicted.
  spec("of a connection that was lost meanwhile closes it when it is released", {}, ({ closedBy, factory, take }) => {
    const lease = take(a)
    lease.connection.end("peer-error")
    assert.strictEqual(factory.open.size, 1)
    assert.isTrue(lease.isLive)
    lease.release()
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(closedBy("peer-error"), 1)
  })

  // undici: client-unref.
  spec("tells the factory when its connection leaves the idle and comes back", {}, ({ take }) => {
    const lease = take(a)
    assert.strictEqual(lease.connection.told, "leased")
    lease.release()
    assert.strictEqual(lease.connection.told, "idle")
    take(a).release()
  })
})

describe("use", () => {
  spec("returns the connection when its effect succeeds", {}, function* ({ factory, pool }) {
    const id = yield* pool.use(a, (connection, lease) => Effect.succeed(connection.id + (lease.isReused ? 100 : 0)))
    assert.strictEqual(id, 1)
    assert.strictEqual(factory.open.size, 1)
    assert.strictEqual(yield* pool.use(a, (connection) => Effect.succeed(connection.id)), 1)
  })

  // Apache: testReuseOfAbortedConnections. hyper: drop_response_future_closes_in_progress_connection.
  spec("closes the connection when its effect fails, and passes the failure on", {}, function* ({ closedBy, pool }) {
    const exit = yield* Effect.exit(pool.use(a, () => Effect.fail("mine")))
    assert.deepStrictEqual(exit, Exit.fail("mine"))
    assert.strictEqual(closedBy("use-failed"), 1)
  })

  spec("closes the connection when its effect cannot even be built", {}, function* ({ closedBy, pool }) {
    const exit = yield* Effect.exit(
      pool.use(a, (): Effect.Effect<void> => {
        throw new Error("no effect")
      })
    )
    assert.isTrue(Exit.hasDies(exit))
    assert.strictEqual(closedBy("use-failed"), 1)
  })

  // Effect's Pool: use releases on interruption.
  // Effect's Pool, RcMap, semaphores: use releases on interruption.
  spec("closes the connection when its effect is interrupted", {}, function* ({ closedBy, pool }) {
    const fiber = yield* Effect.forkChild(
      pool.use(a, () => Effect.never),
      { startImmediately: true }
    )
    yield* Fiber.interrupt(fiber)
    assert.strictEqual(closedBy("use-interrupted"), 1)
  })

  spec("asks the factory whether a connection outlives its user's failure", {}, function* ({ factory, pool }) {
    const asked: Array<readonly [number, boolean]> = []
    factory.isReusableAfter = (connection, exit) => {
      asked.push([connection.id, Exit.isSuccess(exit)])
      return true
    }
    yield* Effect.exit(pool.use(a, () => Effect.fail("mine")))
    yield* pool.use(a, () => Effect.void)
    assert.deepStrictEqual(asked, [
      [1, false],
      [1, true]
    ])
    assert.strictEqual(factory.open.size, 1)
  })

  spec("waits its turn when there is no connection", { connectionsPerRouteMax: 1 }, function* ({ pool, take }) {
    const held = take(a)
    const fiber = yield* Effect.forkChild(
      pool.use(a, (connection) => Effect.succeed(connection.id)),
      {
        startImmediately: true
      }
    )
    assert.isUndefined(fiber.pollUnsafe())
    held.release()
    assert.strictEqual(yield* Fiber.join(fiber), 1)
  })
})

describe("acquire", () => {
  spec("returns the connection when its scope ends well", {}, function* ({ factory, pool, state }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const lease = yield* pool.acquire(a)
        assert.isTrue(lease.isLive)
        assert.strictEqual(state.activeCount, 1)
      })
    )
    assert.strictEqual(state.activeCount, 0)
    assert.strictEqual(factory.open.size, 1)
  })

  spec("closes the connection when its scope fails", {}, function* ({ closedBy, pool }) {
    yield* Effect.exit(Effect.scoped(Effect.andThen(pool.acquire(a), Effect.fail("mine"))))
    assert.strictEqual(closedBy("use-failed"), 1)
  })

  spec("leases nothing for good into a scope that has ended", {}, function* ({ pool, state }) {
    const scope = yield* Scope.make()
    yield* Scope.close(scope, Exit.void)
    const lease = yield* Scope.provide(pool.acquire(a), scope)
    assert.isFalse(lease.isLive)
    assert.strictEqual(state.activeCount, 0)
  })

  spec("may be released before its scope ends", {}, function* ({ pool, state }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const lease = yield* pool.acquire(b)
        lease.release()
        assert.strictEqual(state.activeCount, 0)
        yield* settled
      })
    )
  })
})
