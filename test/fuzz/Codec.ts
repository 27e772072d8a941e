/**
 * Runs inputs through both readers and counts what differs, by rule.
 */
import { Chance } from "@weir/testkit"
import { type Comparison, compare, type Rule } from "./Comparison.ts"
import { type Input, makeInput } from "./Inputs.ts"

export interface Explained {
  count: number
  /** The shortest. */
  example: Input
}

export interface CodecResult {
  readonly counts: { readonly [Tag in Comparison["_tag"]]: number }
  readonly explained: ReadonlyMap<Rule, Explained>
  /** The first of them, to be read. */
  readonly unexplained: ReadonlyArray<string>
  readonly unexplainedCount: number
}

const unexplainedShownMax = 20

/** Inputs under way at once: Node's reader needs some turns for each. */
const batchCount = 64

export const compareInputs = async (inputCount: number, seed: number): Promise<CodecResult> => {
  const chance = new Chance(seed)
  const counts = { "both accept": 0, "both refuse": 0, differ: 0 }
  const explained = new Map<Rule, Explained>()
  const unexplained: Array<string> = []
  let unexplainedCount = 0
  const one = async (number: number): Promise<void> => {
    const input = makeInput(chance, number)
    const comparison = await compare(input)
    counts[comparison._tag]++
    if (comparison._tag !== "differ") return
    const { node, ours, rule } = comparison
    if (rule === undefined) {
      unexplainedCount++
      if (unexplained.length < unexplainedShownMax) {
        unexplained.push(`input ${number} of seed ${seed}: ${JSON.stringify({ ...input, ours, node })}`)
      }
      return
    }
    const known = explained.get(rule)
    if (known === undefined) explained.set(rule, { count: 1, example: input })
    else {
      known.count++
      if (input.text.length < known.example.text.length) known.example = input
    }
  }
  for (let start = 0; start < inputCount; start += batchCount) {
    const size = Math.min(batchCount, inputCount - start)
    await Promise.all(Array.from({ length: size }, (_, offset) => one(start + offset)))
  }
  return { counts, explained, unexplained, unexplainedCount }
}
