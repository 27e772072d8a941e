/**
 * Why a call waits: the sentence for each reason, and the numbers behind it.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, c, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

describe("explain says", () => {
  spec("that nothing keeps a call waiting", {}, function* ({ pool, touch }) {
    touch(a)
    assert.strictEqual(
      yield* pool.explain(a),
      "test://a:1: nothing keeps a call waiting (1 idle, 1 of 64 connections open)"
    )
  })

  spec("that the pool is shut down, of a route it knows and of one it does not", {}, function* ({ pool, touch }) {
    touch(a)
    yield* pool.shutdown()
    assert.strictEqual(yield* pool.explain(a), "test://a:1: the pool is shut down")
    assert.strictEqual(yield* pool.explain(b), "test://b:1: the pool is shut down")
  })

  spec("that the route is paused, and how many wait", {}, function* ({ ask, pool }) {
    yield* pool.pause(a)
    const waiter = ask(a)
    assert.strictEqual(yield* pool.explain(a), "test://a:1: the route is paused until it is resumed; 1 caller waits")
    yield* pool.resume(a)
    waiter.release()
  })

  spec(
    "where the limits of the pool itself come from, if that is said",
    {
      activeMax: 1,
      connectionsPerRouteMax: 4,
      sources: { activeMax: "limits.yaml line 3", connectionsPerRouteMax: "env" }
    },
    function* ({ ask, pool, take }) {
      const lease = take(b)
      const waiter = ask(a)
      assert.include(yield* pool.explain(a), "(activeMax 1, from limits.yaml line 3)")
      assert.strictEqual((yield* pool.report(a)).connections.source, "env")
      lease.release()
      waiter.release()
    }
  )

  spec(
    "that the route has as many calls as it may have, who set that, and who holds them",
    {
      overrides: [{ match: "test://a:1", activePerRouteMax: 1, source: "rules.yaml line 12" }]
    },
    function* ({ ask, pass, pool, take }) {
      const lease = take(a, { holder: "export" })
      const waiters = [ask(a), ask(a)]
      yield* pass(2500)
      assert.strictEqual(
        yield* pool.explain(a),
        "test://a:1: all 1 calls that the route may have are under way (activePerRouteMax 1, from rules.yaml line 12); 2 callers wait; held longest by export for 2.5 s"
      )
      lease.release()
      for (const waiter of waiters) waiter.release()
    }
  )

  spec("that the pool has as many calls as it may have", { activeMax: 1 }, function* ({ pool, take }) {
    const lease = take(a)
    assert.strictEqual(
      yield* pool.explain(b),
      "test://b:1: all 1 calls that the pool may have are under way (activeMax 1, from pool)"
    )
    lease.release()
  })

  spec(
    "that all connections of the route are in use, and who holds them longest",
    { connectionsPerRouteMax: 2 },
    function* ({ pass, pool, take }) {
      const first = take(a, { holder: "first" })
      yield* pass(300)
      const second = take(a)
      yield* pass(200)
      assert.strictEqual(
        yield* pool.explain(a),
        "test://a:1: all 2 connections of the route are in use (connectionsPerRouteMax 2, from pool); held longest by first for 500 ms, an unnamed caller for 200 ms"
      )
      first.release()
      second.release()
    }
  )

  spec(
    "that all connections of the pool are in use, and which routes have them",
    { connectionsMax: 3 },
    function* ({ pool, take }) {
      const leases = [take(b), take(a), take(b)]
      assert.strictEqual(
        yield* pool.explain(c),
        "test://c:1: all 3 connections of the pool are in use (connectionsMax 3, from pool): test://b:1 has 2, test://a:1 has 1"
      )
      for (const lease of leases) lease.release()
    }
  )

  spec(
    "that what is free is guaranteed to others",
    {
      connectionsMax: 2,
      overrides: [{ match: "test://b:1", connectionsPerRouteGuaranteed: 1 }]
    },
    function* ({ pool, take }) {
      const lease = take(a)
      assert.strictEqual(
        yield* pool.explain(a),
        "test://a:1: the connections still free are guaranteed to other routes (connectionsMax 2, from pool, 1 open)"
      )
      assert.include(yield* pool.explain(b), "nothing keeps a call waiting")
      lease.release()
    }
  )

  spec(
    "that the route has as many dials as it may have",
    { diallingPerRouteMax: 1 },
    function* ({ ask, factory, pool }) {
      const callers = [ask(a), ask(a)]
      assert.strictEqual(
        yield* pool.explain(a),
        "test://a:1: 1 dials to the route are under way, as many as may be (diallingPerRouteMax 1, from pool); 2 callers wait"
      )
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec(
    "that the pool has as many dials as it may have",
    { diallingMax: 1 },
    function* ({ ask, factory, pool }) {
      const callers = [ask(a), ask(b)]
      assert.strictEqual(
        yield* pool.explain(b),
        "test://b:1: 1 dials are under way, as many as the pool may have (diallingMax 1, from pool); 1 caller waits"
      )
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec(
    "that connects have failed, when the next is made, and what the last one said",
    { dialBackoffBase: 400, dialBackoffMax: 400 },
    function* ({ ask, factory, pool }) {
      for (let count = 1; count <= 2; count++) {
        ask(a)
        factory.dial(count).fail(new Error("refused"))
      }
      const explained = yield* pool.explain(a)
      assert.match(
        explained,
        /^test:\/\/a:1: 2 connects in a row have failed, and the next is made in \d+ ms; the last connect failed: refused$/
      )
    },
    manual
  )

  spec(
    "that a connect is under way, and in which phase",
    {},
    function* ({ ask, factory, pool }) {
      const caller = ask(a)
      assert.include(yield* pool.explain(a), "a connect is under way, in phase start; 1 caller waits")
      factory.dial(1).control.enterPhase("tls")
      const second = ask(a)
      assert.include(yield* pool.explain(a), "2 connects are under way, in phase tls; 2 callers wait")
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      caller.release()
      second.release()
    },
    manual
  )

  spec(
    "that an idle connection is being checked",
    {},
    function* ({ ask, factory, pass, pool, touch }) {
      touch(a)
      yield* pass(3000)
      const caller = ask(a)
      assert.strictEqual(
        yield* pool.explain(a),
        "test://a:1: an idle connection is being checked before use; 1 caller waits"
      )
      factory.probed(1).succeed()
      caller.release()
    },
    { factory: { probes: "manual" } }
  )

  spec(
    "what a route has no more to say of a failure once it has connected again",
    {},
    function* ({ ask, factory, pool, touch }) {
      factory.isAutomatic = false
      ask(a)
      factory.dial(1).fail("refused")
      assert.include(yield* pool.explain(a), "the last connect failed: refused")
      factory.isAutomatic = true
      touch(a)
      assert.notInclude(yield* pool.explain(a), "refused")
    }
  )
})

describe("report", () => {
  spec(
    "gives the numbers of the route and of the pool, with their limits and sources",
    {
      name: "mine",
      connectionsMax: 7,
      overrides: [{ match: "test://a:1", pendingPerRouteMax: 3, connectionsPerRouteMax: 1 }]
    },
    function* ({ ask, pool, take }) {
      const held = [take(a), take(b)]
      const waiter = ask(a)
      const report = yield* pool.report(a)
      assert.deepInclude(report, {
        route: "test://a:1",
        blockedBy: "connections-route-limit",
        connections: { used: 1, limit: 1, source: "override test://a:1" },
        connectionsTotal: { used: 2, limit: 7, source: "pool" },
        active: { used: 1, limit: "unlimited", source: "default" },
        activeTotal: { used: 2, limit: "unlimited", source: "default" },
        pending: { used: 1, limit: 3, source: "override test://a:1" },
        pendingTotal: { used: 1, limit: 10_000, source: "default" },
        idleCount: 0
      })
      for (const lease of held) lease.release()
      waiter.release()
    }
  )

  spec(
    "names three holders at most, the longest first",
    { connectionsPerRouteMax: 5 },
    function* ({ pass, pool, take }) {
      const leases: Array<{ release(): void }> = []
      for (const holder of ["one", "two", "three", "four"]) {
        leases.push(take(a, { holder }))
        yield* pass(10)
      }
      const { holders } = yield* pool.report(a)
      assert.deepStrictEqual(
        holders.map((holder) => [holder.holder, holder.heldMillis]),
        [
          ["one", 40],
          ["two", 30],
          ["three", 20]
        ]
      )
      for (const lease of leases) lease.release()
    }
  )
})

describe("stats", () => {
  // Ribbon: testConnectionPoolCounters. undici: stats.
  spec(
    "count what happened, and do not change under their reader",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, pool, take, touch }) {
      touch(a)
      const before = yield* pool.stats
      const held = take(a)
      ask(a).withdraw()
      held.discard()
      const after = yield* pool.stats
      assert.deepInclude(before, { createdCount: 1, leasedCount: 1, reusedCount: 0, cancelledCount: 0 })
      assert.deepInclude(after, { createdCount: 1, leasedCount: 2, reusedCount: 1, cancelledCount: 1 })
      assert.deepStrictEqual(before.closedByReason, {})
      assert.strictEqual(after.closedByReason.discarded, 1)
      assert.strictEqual(after.routes[0]?.leasedCount, 2)
      assert.strictEqual(after.phase, "open")
    }
  )

  spec(
    "count timeouts by phase and refusals by reason",
    { connectionsPerRouteMax: 1, pendingPerRouteMax: 1 },
    function* ({ ask, pass, pool, take }) {
      const held = take(a)
      ask(a, { timeout: 10 })
      ask(a)
      yield* pass(10)
      const stats = yield* pool.stats
      assert.strictEqual(stats.timedOutByPhase["queue"], 1)
      assert.strictEqual(stats.refusedByReason["pending-route-limit"], 1)
      held.release()
    }
  )
})
