/**
 * The pool's memory of routes.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Route } from "../src/index.ts"
import { a, b, c, settled, spec } from "./support/withPool.ts"

describe("routes", () => {
  // Pingora: test_empty_node_removed_after_pop_closed, _after_lru_eviction, test_node_reusable_after_cleanup.
  // reactor-netty's #379, Spring Cloud Gateway's #4165: the map of pools grows for ever.
  // Envoy: PoolIdleCallbackTriggeredRemoteClose, LocalClose.
  spec(
    "are forgotten `routeIdleTimeout` after their last connection has gone, and can come back",
    {
      idleTimeout: 1000,
      routeIdleTimeout: 2000
    },
    function* ({ pass, state, touch }) {
      touch(a)
      yield* pass(1000)
      yield* pass(1999)
      assert.strictEqual(state.routes.size, 1)
      yield* pass(1)
      assert.strictEqual(state.routes.size, 0)
      touch(a)
      assert.strictEqual(state.routes.size, 1)
    }
  )

  // Pingora: test_node_not_removed_when_connections_remain.
  // Envoy: PendingRequestIsConsideredActive.
  spec(
    "are remembered as long as they have a connection or a waiter",
    { routeIdleTimeout: 100, acquireTimeout: 5000 },
    function* ({ ask, factory, pass, state, take }) {
      const lease = take(a)
      factory.isAutomatic = false
      ask(b)
      yield* pass(4000)
      assert.strictEqual(state.routes.size, 2)
      lease.release()
      factory.dial(2).fail("no")
      yield* pass(100)
      assert.strictEqual(state.routes.size, 1)
    }
  )

  spec(
    "are forgotten too when their only waiter has timed out or left without ever having a connection",
    {
      connectionsMax: 1,
      routeIdleTimeout: 100
    },
    function* ({ ask, pass, state, take }) {
      const held = take(a)
      ask(b, { timeout: 10 })
      ask(c).withdraw()
      yield* pass(10)
      assert.strictEqual(state.routes.size, 3)
      yield* pass(100)
      assert.strictEqual(state.routes.size, 1)
      held.release()
    }
  )

  // Envoy: max_connection_pools tries to reclaim an idle pool before it refuses.
  spec(
    "beyond `routesMax` take the place of the one unused for longest",
    { routesMax: 2 },
    ({ closedBy, state, touch }) => {
      touch(a)
      touch(b)
      touch(a)
      touch(c)
      assert.strictEqual(closedBy("route-evicted"), 1)
      assert.deepStrictEqual(
        Array.from(state.routes.values(), (route) => route.route.host),
        ["a", "c"]
      )
    }
  )

  spec("beyond `routesMax` take the place of an empty one first", { routesMax: 2 }, ({ closedBy, take, touch }) => {
    touch(a)
    take(b).discard()
    touch(c)
    assert.strictEqual(closedBy("route-evicted"), 0)
  })

  spec(
    "beyond `routesMax` pass over routes in use for one that is not",
    { routesMax: 2 },
    ({ closedBy, take, touch }) => {
      const leases = [take(a), take(a)]
      leases[0]?.release()
      touch(b)
      touch(c)
      assert.strictEqual(closedBy("route-evicted"), 1)
      leases[1]?.release()
    }
  )

  spec(
    "beyond `routesMax` are refused when all are in use, and told why",
    { routesMax: 1 },
    function* ({ ask, pool, refusedBy, take }) {
      const held = take(a)
      const refused = ask(b)
      assert.strictEqual(
        refused.error.message,
        "test://b:1: refused (routes-limit): 1 routes are in use (routesMax 1, from pool)"
      )
      assert.strictEqual(refused.error.retry, "always")
      assert.strictEqual((yield* Effect.flip(pool.warm(b, 1))).reason._tag, "Refused")
      assert.strictEqual((yield* Effect.flip(pool.pause(b))).reason._tag, "Refused")
      assert.strictEqual(refusedBy("routes-limit"), 3)
      held.release()
      take(b).release()
    }
  )

  spec(
    "beyond `routesMax` do not wait for the closes of those that give way, and the books close in the end",
    { routesMax: 2 },
    function* ({ ask, factory, state, touch }) {
      touch(a)
      touch(b)
      const newcomer = ask(c)
      newcomer.release()
      assert.strictEqual(state.routes.size, 3)
      factory.closing(1).succeed()
      yield* settled
      assert.deepStrictEqual(
        Array.from(state.routes.values(), (route) => route.route.host),
        ["b", "c"]
      )
    },
    { factory: { closes: "manual" } }
  )

  spec(
    "are forgotten when `routesMax` is lowered while running, the empty ones at once",
    { idleTimeout: 10 },
    function* ({ pass, pool, state, touch }) {
      touch(a)
      touch(b)
      yield* pass(10)
      touch(c)
      yield* pool.configure({ routesMax: 1 })
      assert.deepStrictEqual(
        Array.from(state.routes.values(), (route) => route.route.host),
        ["c"]
      )
    }
  )

  spec(
    "in back-off leave nothing behind when they are forgotten meanwhile",
    {
      routesMax: 1,
      dialBackoffBase: 1000,
      dialBackoffMax: 1000
    },
    function* ({ ask, factory, pass, state }) {
      factory.isAutomatic = false
      for (let count = 1; count <= 2; count++) {
        ask(a)
        factory.dial(count).fail("no")
      }
      const waiter = ask(a)
      waiter.withdraw()
      factory.isAutomatic = true
      ask(b).release()
      ask(a).release()
      yield* pass(2000)
      assert.strictEqual(state.routes.size, 1)
    }
  )

  spec("are shown without being remembered by a look at one", { routesMax: 1 }, function* ({ pool, state, touch }) {
    touch(a)
    const report = yield* pool.report(b)
    assert.strictEqual(report.connections.used, 0)
    assert.include(yield* pool.explain(b), "nothing keeps a call waiting")
    assert.strictEqual(state.routes.size, 1)
  })
})

describe("a route's label", () => {
  const parts = { scheme: "https", host: "a.test", port: 443 }

  spec("names what sets it apart", {}, () => {
    const label = Route.make({
      ...parts,
      proxy: "http://me:secret@proxy:3128",
      serverName: "b.test",
      alpn: ["h2", "http/1.1"],
      tlsIdentity: "mine",
      localAddress: "127.0.0.2",
      partition: "tenant"
    }).label
    assert.strictEqual(
      label,
      "https://a.test:443 [via http://proxy:3128, as b.test, alpn h2/http/1.1, tls mine, from 127.0.0.2, tenant]"
    )
  })

  spec("writes an IPv6 host in brackets and a Unix socket by its path", {}, () => {
    assert.strictEqual(Route.of("http", "::1", 80).label, "http://[::1]:80")
    assert.strictEqual(
      Route.make({ scheme: "redis", host: "", port: 0, unixPath: "/run/redis.sock" }).label,
      "redis+unix:/run/redis.sock"
    )
  })
})
