/**
 * Opening connections: failures, back-off, timeouts, dials that nobody needs, and the limits on dials at once.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, c, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

describe("a failed dial", () => {
  // Against Envoy (one failed connect fails every pending stream) and hyper's shared HTTP/2 dial.
  // reactor-pool: allocatorErrorInAcquireDrains_NoMinSize. Effect's Pool: a failed acquire does not exhaust the pool.
  spec(
    "costs one waiter, the first, and the others are dialled for again",
    { connectionsPerRouteMax: 1 },
    ({ ask, factory }) => {
      const [first, second, third] = [ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 1)
      factory.dial(1).fail(new Error("refused"))
      assert.strictEqual(first.failure, "ConnectFailed start")
      assert.isTrue(second.isWaiting)
      factory.dial(2).succeed()
      assert.strictEqual(second.connection.id, 2)
      second.release()
      assert.strictEqual(third.connection.id, 2)
      third.release()
    },
    manual
  )

  spec(
    "tells its waiter which phase failed, after how long, why, and that trying again is safe",
    {},
    function* ({ ask, factory, pass }) {
      const caller = ask(a)
      const { control } = factory.dial(1)
      control.enterPhase("tcp")
      control.enterPhase("tls")
      yield* pass(120)
      const cause = new Error("certificate expired")
      factory.dial(1).fail(cause)
      assert.strictEqual(caller.failure, "ConnectFailed tls")
      const { reason, retry } = caller.error
      assert.isTrue(reason._tag === "ConnectFailed" && reason.afterMillis === 120)
      assert.strictEqual(retry, "always")
      assert.strictEqual(caller.error.cause, cause)
      assert.strictEqual(
        caller.error.message,
        "test://a:1: connect failed after 120 ms in phase tls: certificate expired"
      )
    },
    manual
  )

  // Envoy: PreconnectOnDisconnect. Go: the count is released in one place.
  spec(
    "has given its permits back when its waiter hears of it",
    { connectionsMax: 1, connectionsPerRouteMax: 1 },
    ({ factory, pool, state }) => {
      let seen: unknown
      pool.leaseUnsafe(a, undefined, () => {
        seen = [state.openCount, state.diallingPermits.held, state.routes.get(a.key)?.permits.held]
      })
      factory.dial(1).fail("no")
      assert.deepStrictEqual(seen, [0, 0, 0])
    },
    manual
  )

  // Envoy: a retry made inside the failure callback is not failed with the rest.
  spec(
    "may be answered with another call from within the waiter's own callback",
    {},
    ({ ask, factory, pool }) => {
      let again: ReturnType<typeof ask> | undefined
      pool.leaseUnsafe(a, undefined, () => {
        again = ask(a)
      })
      factory.dial(1).fail("no")
      assert.isTrue(again?.isWaiting)
      factory.dial(2).succeed()
      again?.release()
    },
    manual
  )

  spec("that throws before it returns an effect fails its waiter and nothing else", {}, ({ ask, factory }) => {
    const { connect } = factory
    factory.connect = () => {
      throw new Error("not even an effect")
    }
    assert.strictEqual(ask(a).failure, "ConnectFailed start")
    factory.connect = connect
    ask(a).release()
  })

  spec("that dies fails its waiter with the defect as the cause", {}, ({ ask, factory }) => {
    const { connect } = factory
    const defect = new Error("bug")
    factory.connect = () => Effect.die(defect)
    assert.strictEqual(ask(a).error.cause, defect)
    factory.connect = connect
  })

  spec("frees what it had acquired on the way", {}, ({ ask, factory, state }) => {
    const freed: Array<string> = []
    factory.connect = () =>
      Effect.andThen(
        Effect.acquireRelease(Effect.void, () => Effect.sync(() => freed.push("socket"))),
        Effect.fail("handshake")
      )
    assert.strictEqual(ask(a).failure, "ConnectFailed start")
    assert.deepStrictEqual(freed, ["socket"])
    assert.strictEqual(state.openCount, 0)
  })
})

describe("back-off", () => {
  const backoff = { dialBackoffBase: 100, dialBackoffMax: 300 } as const

  /** Fails the dial under way and says after how many milliseconds the next one began, within 1000. */
  const failAndAwait = function* (world: Parameters<Parameters<typeof spec>[2]>[0]) {
    const { factory } = world
    const before = factory.dials.length
    factory.dial(before).fail("down")
    let waited = 0
    while (factory.dials.length === before && waited < 1000) {
      yield* world.pass(1)
      waited++
    }
    return waited
  }

  spec(
    "waits not at all after the first failure, then twice as long each time, up to a maximum, less a random half",
    { ...backoff, connectionsPerRouteMax: 1 },
    function* (world) {
      for (let count = 0; count < 8; count++) world.ask(a, { timeout: "never" })
      const pauses: Array<number> = []
      for (let count = 0; count < 5; count++) pauses.push(yield* failAndAwait(world))
      assert.strictEqual(pauses[0], 0)
      const within = (pause: number | undefined, full: number) =>
        assert.isTrue(pause !== undefined && pause >= full / 2 && pause <= full, `${pause} of ${full}`)
      within(pauses[1], 100)
      within(pauses[2], 200)
      within(pauses[3], 300)
      within(pauses[4], 300)
    },
    manual
  )

  spec(
    "ends with a success: the next failure costs no pause again",
    { ...backoff, connectionsPerRouteMax: 1 },
    function* (world) {
      const { ask, factory } = world
      for (let count = 0; count < 5; count++) ask(a, { timeout: "never" })
      yield* failAndAwait(world)
      yield* failAndAwait(world)
      const served = ask(a, { timeout: "never", priority: "urgent" })
      factory.dial(factory.dials.length).succeed()
      served.lease.discard()
      assert.strictEqual(yield* failAndAwait(world), 0)
    },
    manual
  )

  spec(
    "is not held against connections that come back, nor against other routes",
    { ...backoff, connectionsPerRouteMax: 2 },
    ({ ask, factory, take }) => {
      factory.isAutomatic = true
      const held = take(a)
      factory.isAutomatic = false
      for (let count = 2; count < 4; count++) {
        ask(a)
        factory.dial(count).fail("down")
      }
      const waiter = ask(a)
      const dialCount = factory.dials.length
      held.release()
      assert.strictEqual(waiter.connection.id, 1)
      ask(b)
      assert.strictEqual(factory.dials.length, dialCount + 1)
      factory.dial(factory.dials.length).fail("no")
      waiter.release()
    },
    manual
  )

  spec(
    "of 0 at most is none",
    { dialBackoffMax: 0, connectionsPerRouteMax: 1 },
    function* (world) {
      for (let count = 0; count < 5; count++) world.ask(a)
      for (let count = 0; count < 4; count++) assert.strictEqual(yield* failAndAwait(world), 0)
      world.factory.dial(5).fail("down")
    },
    manual
  )

  spec(
    "counts connections that were of no use from the start, so that nobody dials without end",
    { dialBackoffMax: 1000, dialBackoffBase: 100 },
    ({ ask, factory }) => {
      const { connect } = factory
      let count = 0
      factory.connect = (route, control) => {
        if (++count > 100) throw new Error("dialled without end")
        control.lost("peer-closed")
        return connect(route, control)
      }
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(callers[0]?.failure, "ConnectFailed start")
      assert.include(callers[0]?.error.message, "of no use from the start: peer-closed")
      assert.strictEqual(callers[1]?.failure, "ConnectFailed start")
      assert.isTrue(callers[2]?.isWaiting)
      assert.strictEqual(factory.open.size, 0)
      factory.connect = connect
    }
  )

  spec(
    "counts a connection that a peer has asked not to use while it was being dialled",
    {},
    ({ ask, factory }) => {
      const caller = ask(a)
      factory.dial(1).control.drain()
      factory.dial(1).succeed()
      assert.strictEqual(caller.failure, "ConnectFailed start")
      assert.include(caller.error.message, "drained")
      assert.strictEqual(factory.open.size, 0)
    },
    manual
  )

  spec(
    "counts a dial that fails because the peer has gone, like any other",
    {},
    ({ ask, factory, state }) => {
      const caller = ask(a)
      factory.dial(1).control.lost("peer-closed")
      factory.dial(1).fail("reset")
      assert.strictEqual(caller.failure, "ConnectFailed start")
      assert.strictEqual(caller.error.cause, "reset")
      assert.strictEqual(state.counters.connectFailedCount, 1)
    },
    manual
  )

  spec(
    "counts a connection that has ended by the time its dial succeeds",
    {},
    ({ ask, factory }) => {
      const caller = ask(a)
      factory.dial(1).connection.isOpen = false
      factory.dial(1).succeed()
      assert.strictEqual(caller.failure, "ConnectFailed start")
      assert.include(caller.error.message, "it has ended")
    },
    manual
  )
})

describe("connectTimeout", () => {
  // Envoy: ConnectTimeout. Pingora: test_do_connect_with_total_timeout.
  spec(
    "ends a dial that takes too long, at that time and not before, with the phase it was in",
    { connectTimeout: 50 },
    function* ({ ask, factory, pass, state }) {
      const caller = ask(a)
      factory.dial(1).control.enterPhase("dns")
      yield* pass(49)
      assert.isTrue(caller.isWaiting)
      yield* pass(1)
      assert.strictEqual(caller.failure, "ConnectTimeout dns")
      assert.strictEqual(
        caller.error.message,
        "test://a:1: connect not finished within 50 ms (connectTimeout), in phase dns"
      )
      assert.isTrue(factory.dial(1).isInterrupted)
      assert.strictEqual(state.openCount, 0)
    },
    manual
  )

  spec(
    "covers all phases of a dial together",
    { connectTimeout: 50 },
    function* ({ ask, factory, pass }) {
      const caller = ask(a)
      yield* pass(30)
      factory.dial(1).control.enterPhase("tcp")
      yield* pass(20)
      assert.strictEqual(caller.failure, "ConnectTimeout tcp")
    },
    manual
  )

  spec(
    "of `never` leaves a dial to the caller's own deadline",
    { connectTimeout: "never", acquireTimeout: 60_000 },
    function* ({ ask, factory, pass }) {
      const caller = ask(a)
      factory.dial(1).control.enterPhase("tls")
      yield* pass(59_999)
      assert.isTrue(caller.isWaiting)
      yield* pass(1)
      assert.strictEqual(caller.failure, "AcquireTimeout connect:tls")
      // Nobody waits for it any more, and it goes on.
      factory.dial(1).succeed()
      assert.strictEqual(factory.open.size, 1)
    },
    manual
  )
})

describe("a dial that nobody needs any more", () => {
  // reactor-pool: allocatedReleasedIfBorrowerCancelled. Envoy: CancelBeforeBound. hyper: the connect goes on in the background.
  spec(
    "goes on and becomes idle, under `surplusDial: keep`",
    {},
    ({ ask, factory, idleIds }) => {
      const caller = ask(a)
      caller.withdraw()
      factory.dial(1).succeed()
      assert.isFalse(factory.dial(1).isInterrupted)
      assert.deepStrictEqual(idleIds(a), [1])
      assert.strictEqual(factory.dial(1).connection.told, "idle")
    },
    manual
  )

  spec(
    "is adopted by the next caller instead of a dial of its own",
    {},
    ({ ask, factory }) => {
      ask(a).withdraw()
      const next = ask(a)
      assert.strictEqual(factory.dials.length, 1)
      factory.dial(1).succeed()
      assert.strictEqual(next.connection.id, 1)
      next.release()
    },
    manual
  )

  // Envoy: CancelExcessBeforeBound. Go: TestTransportDialCancelRace.
  spec(
    "is given up under `surplusDial: cancel`",
    { surplusDial: "cancel" },
    ({ ask, factory, state }) => {
      ask(a).withdraw()
      assert.isTrue(factory.dial(1).isInterrupted)
      assert.strictEqual(state.openCount, 0)
    },
    manual
  )

  spec(
    "is given up as well when its waiter has timed out or was served by a returned connection",
    { surplusDial: "cancel" },
    function* ({ ask, factory, pass, take }) {
      factory.isAutomatic = true
      const held = take(a)
      factory.isAutomatic = false
      const served = ask(a)
      held.release()
      yield* settled
      assert.isTrue(factory.dial(2).isInterrupted)
      ask(a, { timeout: 10 })
      yield* pass(10)
      assert.isTrue(factory.dial(3).isInterrupted)
      served.release()
    },
    manual
  )

  spec(
    "is the youngest, and only as many are given up as are not needed",
    { surplusDial: "cancel" },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      callers[0]?.withdraw()
      assert.deepStrictEqual(
        factory.dials.map((dial) => dial.isInterrupted),
        [false, false, true]
      )
      callers[1]?.withdraw()
      factory.dial(1).succeed()
      callers[2]?.release()
      assert.deepStrictEqual(
        factory.dials.map((dial) => dial.isInterrupted),
        [false, true, true]
      )
    },
    manual
  )

  // Envoy: CloseExcessMultipleRequests, CloseExcessMixedMultiplexing.
  spec(
    "is judged by how many waiters one dial is for",
    { surplusDial: "cancel", slotsPerConnectionMax: 3 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 2)
      callers[3]?.withdraw()
      assert.isTrue(factory.dial(2).isInterrupted)
      callers[2]?.withdraw()
      callers[1]?.withdraw()
      assert.isFalse(factory.dial(1).isInterrupted)
      callers[0]?.withdraw()
      assert.isTrue(factory.dial(1).isInterrupted)
    },
    manual
  )

  spec(
    "is left alone if it was begun to warm the pool",
    { surplusDial: "cancel" },
    function* ({ ask, factory, pool }) {
      yield* Effect.forkChild(pool.warm(a, 2), { startImmediately: true })
      ask(a).withdraw()
      assert.strictEqual(factory.dials.length, 2)
      for (const dial of factory.dials) {
        assert.isFalse(dial.isInterrupted)
        dial.succeed()
      }
    },
    manual
  )

  spec(
    "does not count for newcomers once it is given up, even while it cannot be interrupted",
    { surplusDial: "cancel" },
    ({ ask, factory }) => {
      const { connect } = factory
      factory.connect = (route, control) => Effect.uninterruptible(connect(route, control))
      ask(a).withdraw()
      const caller = ask(a)
      assert.strictEqual(factory.dials.length, 2)
      factory.dial(1).succeed()
      assert.strictEqual(factory.open.size, 0)
      assert.isTrue(caller.isWaiting)
      factory.dial(2).succeed()
      caller.release()
    },
    manual
  )
})

describe("limits on dials at once", () => {
  spec(
    "hold for a route, and the next dial begins when one ends, well or not",
    { diallingPerRouteMax: 2 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.connectingCount, 2)
      factory.dial(1).succeed()
      assert.strictEqual(factory.dials.length, 3)
      factory.dial(2).fail("no")
      assert.strictEqual(factory.dials.length, 4)
      assert.strictEqual(factory.connectingCount, 2)
      factory.dial(3).succeed()
      factory.dial(4).succeed()
      assert.deepStrictEqual(
        callers.map((caller) => (caller.isWaiting ? "waits" : "settled")),
        ["settled", "settled", "settled", "settled"]
      )
      callers[0]?.release()
      callers[2]?.release()
      callers[3]?.release()
    },
    manual
  )

  spec(
    "hold for the pool, and routes that wait for a place get it in turn, one dial each",
    { diallingMax: 1 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(b), ask(b), ask(c)]
      const hosts: Array<string> = []
      for (let count = 1; count <= 5; count++) {
        assert.strictEqual(factory.connectingCount, 1)
        hosts.push(factory.dial(count).route.host)
        factory.dial(count).succeed()
      }
      assert.deepStrictEqual(hosts, ["a", "a", "b", "c", "b"])
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec(
    "pass a free place on when the route it was for needs it no more",
    { diallingMax: 1 },
    ({ ask, factory }) => {
      const first = ask(a)
      const second = ask(b)
      const third = ask(c)
      second.withdraw()
      factory.dial(1).fail("no")
      assert.strictEqual(first.failure, "ConnectFailed start")
      assert.strictEqual(factory.dial(2).route.host, "c")
      factory.dial(2).succeed()
      third.release()
    },
    manual
  )

  spec(
    "let waiters have returned connections meanwhile",
    { diallingMax: 1 },
    ({ ask, factory, take }) => {
      factory.isAutomatic = true
      const held = take(b)
      factory.isAutomatic = false
      ask(a).withdraw()
      const waiter = ask(b)
      assert.strictEqual(factory.dials.length, 2)
      held.release()
      assert.strictEqual(waiter.connection.id, 1)
      waiter.release()
      factory.dial(2).fail("no")
    },
    manual
  )

  spec(
    "can be raised while running, which begins the dials that waited",
    { diallingMax: 1, diallingPerRouteMax: 1 },
    function* ({ ask, factory, pool }) {
      const callers = [ask(a), ask(a), ask(b)]
      assert.strictEqual(factory.dials.length, 1)
      yield* pool.configure({ diallingMax: 3, diallingPerRouteMax: 2 })
      assert.strictEqual(factory.dials.length, 3)
      for (const dial of factory.dials) dial.succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )
})
