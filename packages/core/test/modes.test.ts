/**
 * The four ways of sharing connections out.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

describe("mode `unlimited`", () => {
  // reactor-netty: ELASTIC.
  const unlimited = { mode: "unlimited", connectionsMax: "unlimited", connectionsPerRouteMax: 1 } as const

  spec(
    "reuses an idle connection and opens a new one at once otherwise: nobody waits",
    unlimited,
    ({ factory, take, touch }) => {
      touch(a)
      const leases = Array.from({ length: 100 }, () => take(a))
      assert.strictEqual(factory.open.size, 100)
      assert.strictEqual(leases[0]?.connectionId, 1)
      for (const lease of leases) lease.release()
    }
  )

  spec("still holds the limits of the pool as a whole", { mode: "unlimited", connectionsMax: 2 }, ({ ask, take }) => {
    const leases = [take(a), take(b)]
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    leases[0]?.release()
    leases[1]?.release()
    waiter.release()
  })
})

describe("mode `disabled`", () => {
  // Go: DisableKeepAlives.
  spec(
    "opens a connection for each lease and closes it on return",
    { mode: "disabled" },
    ({ closedBy, factory, touch }) => {
      for (let count = 1; count <= 3; count++) assert.strictEqual(touch(a).id, count)
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy("not-pooled"), 3)
    }
  )

  spec("holds the limits on connections", { mode: "disabled", connectionsPerRouteMax: 1 }, ({ ask, take }) => {
    const held = take(a)
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    held.release()
    assert.strictEqual(waiter.connection.id, 2)
    waiter.release()
  })

  spec(
    "keeps no dial that nobody needed, and no minimum",
    { mode: "disabled", idlePerRouteMin: 2 },
    ({ ask, factory }) => {
      ask(a).withdraw()
      factory.dial(1).succeed()
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(factory.dials.length, 1)
    },
    manual
  )

  spec(
    "dials for each waiter, though connections could be shared",
    { mode: "disabled", slotsPerConnectionMax: 100 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 3)
      for (const dial of factory.dials) dial.succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )
})

describe("mode `single-flight`", () => {
  const single = { mode: "single-flight" } as const

  // hyper's singleton. Apache core PR #408: a stampede of connections at start-up.
  spec(
    "opens one connection for all callers at once, and shares it",
    single,
    ({ ask, factory }) => {
      const callers = Array.from({ length: 50 }, () => ask(a))
      assert.strictEqual(factory.dials.length, 1)
      factory.dial(1).succeed()
      assert.isTrue(callers.every((caller) => caller.connection.id === 1))
      const late = ask(a)
      assert.strictEqual(late.connection.id, 1)
      for (const caller of [...callers, late]) caller.release()
      assert.strictEqual(factory.open.size, 1)
    },
    manual
  )

  // hyper's singleton: cancel_driver_hands_off_to_waiter, cancel_driver_promotes_parked_waiter.
  spec(
    "goes on with the dial for the others when the caller leaves that it was begun for",
    single,
    ({ ask, factory }) => {
      const first = ask(a)
      const second = ask(a)
      first.withdraw()
      factory.dial(1).succeed()
      assert.strictEqual(second.connection.id, 1)
      assert.strictEqual(factory.dials.length, 1)
      second.release()
    },
    manual
  )

  // hyper's singleton: cancel_all_waiters_clears_singleton.
  spec(
    "gives the dial up when all callers have left, under `surplusDial: cancel`",
    { ...single, surplusDial: "cancel" },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a)]
      callers[0]?.withdraw()
      assert.isFalse(factory.dial(1).isInterrupted)
      callers[1]?.withdraw()
      assert.isTrue(factory.dial(1).isInterrupted)
      const next = ask(a)
      factory.dial(2).succeed()
      next.release()
    },
    manual
  )

  // Against hyper's maker_error_is_shared_with_waiters and its HTTP/2 lock that cancels all waiters.
  spec(
    "fails one caller with a dial that fails, and dials again for the others",
    single,
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      factory.dial(1).fail("no")
      assert.deepStrictEqual(
        callers.map((caller) => caller.isWaiting),
        [false, true, true]
      )
      assert.strictEqual(factory.dials.length, 2)
      factory.dial(2).succeed()
      callers[1]?.release()
      callers[2]?.release()
    },
    manual
  )

  // hyper's singleton: cached_service_poll_ready_error_clears_singleton. Go: TestDontCacheBrokenHTTP2Conn.
  spec("opens another when the shared one is lost, once its leases have ended", single, ({ ask, factory, take }) => {
    const leases = [take(a), take(a)]
    leases[0]?.connection.end()
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    leases[0]?.release()
    assert.strictEqual(factory.dials.length, 1)
    leases[1]?.release()
    assert.strictEqual(waiter.connection.id, 2)
    waiter.release()
  })

  spec("obeys a connection that offers fewer slots", single, ({ ask, take }) => {
    const first = take(a)
    first.connection.control.setSlots(2)
    const second = take(a)
    const third = ask(a)
    assert.isTrue(third.isWaiting)
    first.release()
    assert.strictEqual(third.connection.id, 1)
    second.release()
    third.release()
  })

  spec("keeps routes apart", single, ({ factory, take }) => {
    const leases = [take(a), take(b), take(a), take(b)]
    assert.strictEqual(factory.open.size, 2)
    for (const lease of leases) lease.release()
  })
})

describe("a mode changed while running", () => {
  spec("holds for what comes next", {}, function* ({ factory, pool, take, touch }) {
    touch(a)
    const held = take(a)
    yield* pool.configure({ mode: "disabled" })
    held.release()
    assert.strictEqual(factory.open.size, 0)
    yield* pool.configure({ mode: "single-flight" })
    const leases = [take(a), take(a)]
    assert.strictEqual(leases[0]?.connectionId, leases[1]?.connectionId)
    for (const lease of leases) lease.release()
    yield* pool.configure({})
    assert.strictEqual(factory.open.size, 1)
  })
})
