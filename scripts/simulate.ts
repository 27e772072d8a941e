/**
 * Runs the worlds of test/simulation under many seeds.
 *
 *   npm run simulate -- --seeds 1000 --steps 2000     seeds 0 to 999, runs of about 2000 steps at most
 *   npm run simulate -- --from 5000 --seeds 100       seeds 5000 to 5099
 *   npm run simulate -- --seed 7 --trace              one seed, with everything that happens in it
 *   npm run simulate -- --script '{...}' --trace      a script as a failure prints it
 *
 * `--world NAME` runs one world only. A failure prints the seed, the script made as small as it gets (`--as-found`: not),
 * and the commands that run them again; the exit status is then 1. `--failures 5` goes on until there are five.
 * `--digest` prints one number for everything that happens under the seeds, the same on every runtime.
 *
 * Many seeds run in a worker: a run that never comes back, on the stack of one call, is noticed from outside. Interrupted
 * (Ctrl-C) it tells what it has done so far; a second time it just ends.
 */
import { parseArgs } from "node:util"
import { isMainThread, Worker, workerData } from "node:worker_threads"
import { hash } from "@weir/testkit"
import { failureLine, replayLine, runCampaign } from "../test/simulation/Campaign.ts"
import { type AnyScript, generateScript, runScript, type WorldName, worldNames } from "../test/simulation/worlds.ts"

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
    digest: { type: "boolean", default: false },
    "as-found": { type: "boolean", default: false }
  }
})

const worlds = worldNames.filter((name) => values.world === undefined || values.world === name)
if (worlds.length === 0) {
  console.error(`There is no world ${values.world}; there are ${worldNames.join(" and ")}.`)
  process.exit(2)
}
const from = Number(values.from)
const seedCount = Number(values.seeds)
const stepCount = Number(values.steps)

/** Where the worker notes what it runs, runs begun, world and seed, and where it is told to stop. */
const progressCellCount = 4

/** No run takes longer, on the busiest machine: they take some milliseconds. */
const runMillisMax = 20_000

function runMany(progress: Int32Array): void {
  process.exitCode =
    runCampaign({
      worlds,
      from,
      seedCount,
      stepCount,
      failureCountMax: Number(values.failures),
      isShrinking: !values["as-found"],
      onRun: (world, seed) => {
        Atomics.store(progress, 1, worldNames.indexOf(world))
        Atomics.store(progress, 2, seed)
        Atomics.add(progress, 0, 1)
      },
      isStopped: () => Atomics.load(progress, 3) === 1,
      print: (line) => console.log(line)
    }) === 0
      ? 0
      : 1
}

function watchMany(): void {
  const progress = new Int32Array(new SharedArrayBuffer(progressCellCount * Int32Array.BYTES_PER_ELEMENT))
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), workerData: progress })
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => Atomics.store(progress, 3, 1))
  let seenCount = 0
  const watch = setInterval(() => {
    const runCount = Atomics.load(progress, 0)
    if (runCount > seenCount || runCount === 0) {
      seenCount = runCount
      return
    }
    const world: WorldName = worldNames[Atomics.load(progress, 1)] ?? "pool"
    const seed = Atomics.load(progress, 2)
    const detail = `a call has not returned for ${runMillisMax} ms`
    console.log(failureLine(world, seed, { rule: "every step ends", detail }))
    console.log(replayLine(world, seed, stepCount))
    process.exit(1)
  }, runMillisMax)
  worker.on("error", (error) => {
    console.error(error)
    process.exit(1)
  })
  worker.on("exit", (code) => {
    clearInterval(watch)
    process.exitCode = code
  })
}

function runOne(script: AnyScript): void {
  const trace = values.trace ? (line: string) => console.log(line) : undefined
  const { elapsedMillis, stepCount: taken, violation } = runScript(script, { trace })
  console.log(
    `${taken} steps, ${elapsedMillis} ms of virtual time: ${violation === undefined ? "passed" : `${violation.rule}: ${violation.detail}`}`
  )
  if (violation !== undefined) process.exitCode = 1
}

function printDigest(): void {
  let digest = 0
  for (let seed = from; seed < from + seedCount; seed++) {
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

if (!isMainThread) runMany(workerData)
else if (values.digest) printDigest()
else if (values.script !== undefined) runOne(JSON.parse(values.script))
else if (values.seed !== undefined)
  for (const world of worlds) runOne(generateScript(world, Number(values.seed), stepCount))
else watchMany()
