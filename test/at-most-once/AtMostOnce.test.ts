/**
 * The short form of `npm run races`: the whole sweep over every byte, and 2,000 calls at random.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNoSocketsTo } from "../support/openSockets.ts"
import { runRaces } from "./Races.ts"

const minuteMillis = 60_000

describe("a client of a server that ends its connections anywhere", () => {
  it.live(
    "sends no POST twice, loses no request that may be repeated, mixes up no answer, and leaves nothing open",
    () =>
      Effect.gen(function* () {
        const seed = Math.floor(Math.random() * 2 ** 31)
        const { findings, leftCount, port, report, told } = yield* runRaces({ count: 2000, seed })
        const { openCount, overtakenCount } = report
        assert.deepStrictEqual(
          { findings, leftCount, openCount, overtakenCount },
          { findings: [], leftCount: 0, openCount: 0, overtakenCount: 0 },
          `again with: npm run races -- --count 2000 --seed ${seed}`
        )
        // That the run met what it is about.
        assert.isAbove(told.filter(({ retryCount }) => retryCount > 0).length, 100)
        assert.isAbove(told.filter(({ outcome }) => outcome._tag === "failed").length, 1000)
        yield* expectNoSocketsTo(port)
      }),
    minuteMillis
  )
})
