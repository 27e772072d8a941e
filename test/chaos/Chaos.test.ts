/**
 * The short form of `npm run chaos`: a storm of some seconds on each runtime, overload and endings on all of them at once.
 */
import { describe, expect, it } from "vitest"
import { describeEndings, describeOverload, describeTrial } from "./describeTrial.ts"
import { inOwnNetwork, untried } from "./inOwnNetwork.ts"
import { runners } from "./Judge.ts"

const secondsMax = 120
const runtimes = [...runners.keys()]
const newSeed = () => Math.floor(Math.random() * 2 ** 31)

for (const missing of untried) process.stderr.write(`Under fire there are ${missing}.\n`)

describe("a client whose servers die, stall, lie and come back", () => {
  it.each(runtimes)(
    "gives each call on %s its own end, sends no POST twice, keeps its limits, and is at full speed again two seconds later",
    async (runtime) => {
      const seed = newSeed()
      const trial = await inOwnNetwork("storm", { runtime, seed, stormSeconds: 4, calmSeconds: 2 })
      expect(trial.findings, [`seed ${seed}`, ...describeTrial(trial)].join("\n")).toEqual([])
    },
    secondsMax * 1000
  )
})

describe("a client with a hundred times more callers than its limits allow", () => {
  it(
    "answers as many calls as before, refuses the others for little, and goes on as before on each runtime",
    async () => {
      // Three runtimes share the machine with each other and with whatever else runs: the long form asks for more.
      const options = {
        seed: newSeed(),
        overloadSeconds: 2,
        goodputRatioMin: 0.5,
        arrivalRatioMin: 10,
        refusalMicrosMax: 500
      }
      const tried = runtimes.map(async (runtime) => {
        const overload = await inOwnNetwork("overload", { runtime, ...options })
        expect(overload.findings, [runtime, ...describeOverload(overload)].join("\n")).toEqual([])
      })
      await Promise.all(tried)
    },
    secondsMax * 1000
  )
})

describe("a program that ends in mid-work", () => {
  it(
    "leaves nothing but closed sockets when it is killed, and finishes what was accepted when it is asked to end",
    async () => {
      const tried = runtimes.map(async (runtime) => {
        const endings = await inOwnNetwork("endings", { runtime, seed: newSeed() })
        expect(endings.findings, [runtime, ...describeEndings(endings)].join("\n")).toEqual([])
      })
      await Promise.all(tried)
    },
    secondsMax * 1000
  )
})
