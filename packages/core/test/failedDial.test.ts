/**
 * What a failed dial costs.
 */
import { assert, describe } from "@effect/vitest"
import { a, spec } from "./support/withPool.ts"

describe("a failed dial", () => {
  spec(
    "begins no further dial for the caller that it fails",
    {},
    function* ({ ask, factory, pass }) {
      const caller = ask(a)
      factory.dial(1).fail(new Error("refused"))
      yield* pass(0)
      assert.strictEqual(caller.failure, "ConnectFailed start")
      assert.strictEqual(factory.dials.length, 1)
    },
    { factory: { dials: "manual" } }
  )

  spec(
    "has given its permits back when its caller hears of it",
    {},
    function* ({ factory, pass, pool, state }) {
      const openCounts: Array<number> = []
      pool.leaseUnsafe(a, undefined, () => openCounts.push(state.openCount))
      factory.dial(1).fail(new Error("refused"))
      yield* pass(0)
      assert.deepStrictEqual(openCounts, [0])
    },
    { factory: { dials: "manual" } }
  )
})
