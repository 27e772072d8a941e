/**
 * Dials that nobody needs any more.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const

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
