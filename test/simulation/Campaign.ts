/**
 * Many seeds, one after another: runs the worlds under each, reports what fails with the command that runs it again, and
 * adds up what happened.
 */
import { coverageLines } from "./coverage.ts"
import { shrink } from "./shrink.ts"
import type { Violation } from "./Violation.ts"
import { type AnyScript, generateScript, plainerScripts, runScript, type WorldName } from "./worlds.ts"

export interface CampaignOptions {
  readonly worlds: ReadonlyArray<WorldName>
  readonly from: number
  readonly seedCount: number
  readonly stepCount: number
  /** The campaign ends after so many failures. */
  readonly failureCountMax: number
  /** Failures are made as small as they get. */
  readonly isShrinking: boolean
  /** Called before every run, of a shrunk script as well. */
  readonly onRun: (world: WorldName, seed: number) => void
  /** Asked before every seed: it ends before its time, and tells what it has done. */
  readonly isStopped: () => boolean
  readonly print: (line: string) => void
}

/** The line that names a failure; the mutants' script reads it. */
export const failureLine = (world: WorldName, seed: number, { rule, detail }: Violation): string =>
  `seed ${seed} of the ${world} world fails: ${rule}: ${detail}`

export const replayLine = (world: WorldName, seed: number, stepCount: number): string =>
  `npm run simulate -- --trace --world ${world} --steps ${stepCount} --seed ${seed}`

/** Runs the campaign and returns how many seeds failed. */
export const runCampaign = (options: CampaignOptions): number => {
  const { failureCountMax, from, onRun, print, seedCount, stepCount, worlds } = options
  const tally = new Map<string, number>()
  const startMillis = performance.now()
  let failureCount = 0
  let takenCount = 0
  let runCount = 0
  let virtualMillis = 0
  let seed = from
  for (; seed < from + seedCount && failureCount < failureCountMax && !options.isStopped(); seed++) {
    for (const world of worlds) {
      onRun(world, seed)
      const script = generateScript(world, seed, stepCount)
      const result = runScript(script)
      runCount++
      takenCount += result.stepCount
      virtualMillis += result.elapsedMillis
      for (const [key, count] of result.tally) tally.set(key, (tally.get(key) ?? 0) + count)
      if (result.violation === undefined) continue
      failureCount++
      reportFailure(options, script, world, result.violation)
    }
  }
  const seconds = (performance.now() - startMillis) / 1000
  for (const line of tallyLines(tally)) print(line)
  for (const line of coverageLines(tally)) print(`coverage: ${line}`)
  print(
    `seeds ${from} to ${seed - 1}: ${runCount} runs in ${seconds.toFixed(1)} s, ${Math.round(runCount / seconds)} a second; ${takenCount} steps, ` +
      `${Math.round(virtualMillis / 3_600_000)} hours of virtual time; ${failureCount} failed`
  )
  return failureCount
}

const reportFailure = (
  { isShrinking, onRun, print, stepCount }: CampaignOptions,
  script: AnyScript,
  world: WorldName,
  violation: Violation
): void => {
  print("")
  print(failureLine(world, script.seed, violation))
  print(replayLine(world, script.seed, stepCount))
  if (!isShrinking) return
  const smallest = shrink(script, plainerScripts, (candidate) => {
    onRun(world, script.seed)
    return runScript(candidate).violation?.rule === violation.rule
  })
  const last = runScript(smallest).violation
  if (last === undefined) return
  print(
    `as small as it gets, ${smallest.operations.length} operations: ${last.rule}: ${last.detail}, ` +
      `after ${last.stepCount} steps, at ${last.atMillis} ms`
  )
  print(`npm run simulate -- --trace --script '${JSON.stringify(smallest)}'`)
}

/** `fault: dial fails 12, dial hangs 3`, a line for each group. */
const tallyLines = (tally: ReadonlyMap<string, number>): ReadonlyArray<string> => {
  const groups = new Map<string, Array<string>>()
  for (const [key, count] of [...tally].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [group = "", ...rest] = key.split(" ")
    const entries = groups.get(group) ?? []
    entries.push(`${rest.join(" ")} ${count}`)
    groups.set(group, entries)
  }
  return Array.from(groups, ([group, entries]) => `${group}: ${entries.join(", ")}`)
}
