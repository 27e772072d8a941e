/**
 * Runs the worlds of test/simulation under many seeds.
 *
 *   npm run simulate -- --seeds 1000 --steps 2000     seeds 0 to 999, runs of about 2000 steps at most
 *   npm run simulate -- --from 5000 --seeds 100       seeds 5000 to 5099
 *   npm run simulate -- --seed 7 --trace              one seed, with everything that happens in it
 *   npm run simulate -- --script '{...}' --trace      a script as a failure prints it
 *
 * `--world pool` or `--world client` runs one world only. A failure prints the seed, the script made as small as it
 * gets, and the command that runs it again; the exit status is then 1.
 */
import { parseArgs } from "node:util"
import { hash } from "@weir/testkit"
import { shrink } from "../test/simulation/shrink.ts"
import { type AnyScript, generateScript, plainerScripts, runScript, worldNames } from "../test/simulation/worlds.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    steps: { type: "string", default: "1000" },
    world: { type: "string" },
    script: { type: "string" },
    trace: { type: "boolean", default: false },
    failures: { type: "string", default: "1" },
    /** Report a failure as it is, without making its script smaller. */
    /** Print one number for everything that happens under the seeds: the same on every runtime. */
    digest: { type: "boolean", default: false },
    "as-found": { type: "boolean", default: false }
  }
})

const worlds = worldNames.filter((name) => values.world === undefined || values.world === name)
if (worlds.length === 0) {
  console.error(`There is no world ${values.world}; there are ${worldNames.join(" and ")}.`)
  process.exit(2)
}
const stepCount = Number(values.steps)
const trace = values.trace ? (line: string) => console.log(line) : undefined
let failureCount = 0

function report(script: AnyScript): void {
  const first = runScript(script).violation
  if (first === undefined) return
  failureCount++
  console.log(`\nseed ${script.seed} of the ${script.world} world fails: ${first.rule}: ${first.detail}`)
  if (values["as-found"]) return
  const smallest = shrink(script, plainerScripts, (candidate) => runScript(candidate).violation?.rule === first.rule)
  const last = runScript(smallest).violation
  console.log(
    `as small as it gets: ${last?.rule}: ${last?.detail}, after ${last?.stepCount} steps, at ${last?.atMillis} ms`
  )
  console.log(`npm run simulate -- --trace --script '${JSON.stringify(smallest)}'`)
  console.log(`npm run simulate -- --trace --world ${script.world} --steps ${stepCount} --seed ${script.seed}`)
}

function runOne(script: AnyScript): void {
  const { elapsedMillis, stepCount: taken, violation } = runScript(script, { trace })
  console.log(
    `${taken} steps, ${elapsedMillis} ms of virtual time: ${violation === undefined ? "passed" : `${violation.rule}: ${violation.detail}`}`
  )
  if (violation !== undefined) failureCount++
}

function runMany(): void {
  const tally = new Map<string, number>()
  const from = Number(values.from)
  const seedCount = Number(values.seeds)
  const startMillis = performance.now()
  let takenCount = 0
  let runCount = 0
  for (let seed = from; seed < from + seedCount && failureCount < Number(values.failures); seed++) {
    for (const world of worlds) {
      const script = generateScript(world, seed, stepCount)
      const result = runScript(script)
      runCount++
      takenCount += result.stepCount
      for (const [key, count] of result.tally) tally.set(key, (tally.get(key) ?? 0) + count)
      if (result.violation !== undefined) report(script)
    }
  }
  const seconds = (performance.now() - startMillis) / 1000
  printTally(tally)
  console.log(
    `${runCount} runs in ${seconds.toFixed(1)} s, ${Math.round(runCount / seconds)} a second; ${takenCount} steps`
  )
}

function printTally(tally: ReadonlyMap<string, number>): void {
  const groups = new Map<string, Array<string>>()
  for (const [key, count] of [...tally].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [group = "", ...rest] = key.split(" ")
    const entries = groups.get(group) ?? []
    entries.push(`${rest.join(" ")} ${count}`)
    groups.set(group, entries)
  }
  for (const [group, entries] of groups) console.log(`${group}: ${entries.join(", ")}`)
}

function printDigest(): void {
  let digest = 0
  for (let seed = Number(values.from); seed < Number(values.from) + Number(values.seeds); seed++) {
    for (const world of worlds) {
      runScript(generateScript(world, seed, stepCount), {
        trace: (line) => {
          digest = hash(digest, line)
        }
      })
    }
  }
  console.log(digest)
}

if (values.digest) printDigest()
else if (values.script !== undefined) runOne(JSON.parse(values.script))
else if (values.seed !== undefined)
  for (const world of worlds) runOne(generateScript(world, Number(values.seed), stepCount))
else runMany()
process.exitCode = failureCount === 0 ? 0 : 1
