/**
 * Opening connections: failures, timeouts, and the limits on dials at once.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, c, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

describe("a failed dial", () => {
  // Against Envoy (one failed connect fails every pending stream) and hyper's shared HTTP/2 dial.
  // reactor-pool: allocatorErrorInAcquireDrains_NoMinSize. Effect's Pool: a failed acquire does not exhaust the pool.
  // Effect's Pool, RcMap, semaphores: failed acquire does not exhaust.
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

  // undici: pool-connection-error-memory-leak.
  // Effect's Pool, RcMap, semaphores: finalizer for failed allocations.
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

  // Pingora: tls_connect_timeout_supersedes_total, do_connect_with_total_timeout.
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
