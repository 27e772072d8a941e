/**
 * The short form of `npm run chaos`: a storm of some seconds on each runtime.
 */
import { describe, expect, it } from "vitest"
import { describeTrial } from "./describeTrial.ts"
import { runners, runTrial } from "./Trial.ts"

const minuteMillis = 60_000
const stormSeconds = 4

describe("a client whose servers die, stall, lie and come back", () => {
  it.each([...runners.keys()])(
    "gives each call on %s its own end, sends no POST twice, keeps its limits, and is at full speed again two seconds later",
    async (runtime) => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      const trial = await runTrial({ runtime, seed, stormSeconds, calmSeconds: 2 })
      expect(trial.findings, describeTrial(trial, stormSeconds)).toEqual([])
    },
    minuteMillis
  )
})
