/**
 * Waiters that the pool's limit on active leases keeps from being dialled for.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, c, spec } from "./support/withPool.ts"

describe("a route that may dial for fewer than wait, because of `activeMax`", () => {
  spec(
    "dials for another of its waiters as soon as a lease of another route ends",
    { activeMax: 2, connectionsMax: 3 },
    function* ({ ask, factory, pass }) {
      const held = ask(b)
      factory.dial(1).succeed()
      yield* pass(0)
      const waiters = [ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 2)
      held.release()
      assert.strictEqual(factory.dials.length, 3)
      factory.dial(2).succeed()
      factory.dial(3).succeed()
      yield* pass(0)
      for (const waiter of waiters) waiter.release()
    },
    { factory: { dials: "manual" } }
  )

  spec(
    "dials for nobody whose turn it is not, where nothing that is dialled is kept",
    { activeMax: 2, mode: "disabled" },
    ({ ask, factory }) => {
      const { connect } = factory
      // A circle on one stack would never come back to the spec.
      factory.connect = (route, control) => (factory.dials.length > 100 ? Effect.never : connect(route, control))
      const held = [ask(a), ask(a)]
      const first = ask(b)
      const second = ask(a)
      for (const lease of held) lease.release()
      first.release()
      second.release()
      assert.strictEqual(factory.dials.length, 4)
    }
  )

  spec(
    "dials for another of its waiters even if it had its turn to dial while there was room for one only",
    { activeMax: 2, diallingMax: 2 },
    ({ ask, factory }) => {
      const held = [ask(b), ask(b)]
      for (const number of [1, 2]) factory.dial(number).succeed()
      const waiters = [ask(a), ask(a)]
      held[0]?.release()
      // Of the two places among the dials one is the route's own by now, the other is taken.
      const other = ask(c)
      held[1]?.release()
      factory.dial(4).succeed()
      assert.strictEqual(factory.dials.length, 4)
      other.release()
      assert.strictEqual(factory.dials.length, 5)
      factory.dial(3).succeed()
      factory.dial(5).succeed()
      for (const waiter of waiters) waiter.release()
    },
    { factory: { dials: "manual" } }
  )
})
