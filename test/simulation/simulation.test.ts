/**
 * A short fixed set of seeds and a short new one at every run; `npm run simulate` runs as many as one likes.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { editsOf, isInPlace, mutants } from "./mutants.ts"
import { shrink } from "./shrink.ts"
import { type AnyScript, generateScript, plainerScripts, runScript, worldNames } from "./worlds.ts"

const stepCount = 1000
const root = fileURLToPath(new URL("../..", import.meta.url))

const findings = (world: (typeof worldNames)[number], seeds: ReadonlyArray<number>): ReadonlyArray<string> =>
  seeds.flatMap((seed) => {
    const { violation } = runScript(generateScript(world, seed, stepCount))
    return violation === undefined ? [] : [`seed ${seed}: ${violation.rule}: ${violation.detail}`]
  })

const traceOf = (script: AnyScript): ReadonlyArray<string> => {
  const lines: Array<string> = []
  runScript(script, { trace: (line) => lines.push(line) })
  return lines
}

const from = (first: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, at) => first + at)

describe.each(worldNames)("the %s world", (world) => {
  it("keeps every rule under a fixed set of seeds", () => {
    expect(findings(world, from(0, 30))).toEqual([])
  })

  it("keeps every rule under seeds that nobody has tried before", () => {
    const first = Math.floor(Math.random() * 2 ** 31)
    console.log(`${world} world: seeds from ${first}`)
    expect(findings(world, from(first, 20))).toEqual([])
  })

  it("does the same thing twice under the same seed", () => {
    for (const seed of from(100, 5)) {
      const script = generateScript(world, seed, stepCount)
      expect(traceOf(script)).toEqual(traceOf(script))
    }
  })
})

it("does the same thing on every runtime", () => {
  const [onNode, ...others] = [["node"], ["bun"], ["deno", "run", "--allow-all"]].map(([program = "", ...options]) =>
    execFileSync(
      join(root, "node_modules/.bin", program),
      [...options, "scripts/simulate.ts", "--digest", "--seeds", "4"],
      {
        cwd: root,
        encoding: "utf8",
        env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" }
      }
    )
  )
  expect(onNode).toMatch(/^\d+\n$/)
  expect(others).toEqual([onNode, onNode])
})

describe("a deliberate fault", () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))("has its one place in the code: %s", (_, mutant) => {
    for (const edit of editsOf(mutant)) {
      expect(isInPlace(edit, readFileSync(join(root, edit.file), "utf8")), edit.file).toBe(true)
    }
  })
})

describe("the shrinker", () => {
  it("leaves of a failing script only what makes it fail", () => {
    const script = generateScript("client", 3, 3000)
    const needed = script.operations.at(-1)
    const smallest = shrink(script, plainerScripts, ({ operations }) =>
      operations.some(
        (one) => "atMillis" in one && needed !== undefined && "atMillis" in needed && one.atMillis === needed.atMillis
      )
    )
    expect(smallest.operations.length).toBe(1)
  })
})
