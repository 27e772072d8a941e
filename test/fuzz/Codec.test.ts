/**
 * The short form of `npm run fuzz -- codec`, with a seed that never changes and one that always does; and requests.
 */
import { describe, expect, it } from "@effect/vitest"
import { Chance } from "@weir/testkit"
import { compareInputs } from "./Codec.ts"
import { expectedOf, makeRequest, readRequest, withoutFraming, write } from "./Requests.ts"

const inputCount = 3000
const requestCount = 1500
const seeds = [1, Math.floor(Math.random() * 2 ** 31)]

describe.each(seeds)("with the seed %i, Node's own parser in its strict mode", (seed) => {
  it("accepts no answer that we refuse, and refuses or misreads none that we accept, without a rule that says why", async () => {
    const { counts, unexplained } = await compareInputs(inputCount, seed)
    expect(unexplained).toEqual([])
    // That the run met both kinds.
    expect(counts["both accept"]).toBeGreaterThan(inputCount / 5)
    expect(counts["both refuse"]).toBeGreaterThan(inputCount / 5)
  })

  it("reads every request that we write as the request that it is, however it is split", async () => {
    const chance = new Chance(seed)
    for (let number = 0; number < requestCount; number++) {
      const sent = makeRequest(chance, number)
      const text = write(sent)
      const cut = chance.fork("cut", number).below(text.length)
      const read = await readRequest([text.slice(0, cut), text.slice(cut)].filter((piece) => piece !== ""))
      expect(withoutFraming(read), `request ${number}: ${JSON.stringify(text)}`).toEqual(expectedOf(sent))
    }
  })
})
