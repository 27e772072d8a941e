/**
 * The pause after dials that failed.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

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
