/**
 * The long run: `npm run races -- [--count N] [--seed N]`. Prints what was done and found as Markdown; the exit status is
 * 0 only if no promise was broken.
 */
import { arch, cpus, platform } from "node:os"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { runtime } from "../conformance/runtime.ts"
import { type Result, runRaces } from "./Races.ts"
import { promises } from "./Verdict.ts"

const { values } = parseArgs({
  options: { count: { type: "string", default: "100000" }, seed: { type: "string" } }
})
const count = Number(values.count)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)

const findingCountShown = 20

const table = (columns: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  [columns, columns.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")

const outcomes = ["answered", "failed", "given-up"] as const

const describeRun = ({ findings, leftCount, report, sweepCount, told }: Result, seconds: number): string => {
  const names = [...new Set(told.map(({ what }) => what))]
  const byOutcome = names.map((name) => {
    const own = told.filter(({ what }) => what === name)
    const counts = outcomes.map((tag) => own.filter(({ outcome }) => outcome._tag === tag).length)
    return [name, own.length, ...counts, own.reduce((sum, { retryCount }) => sum + retryCount, 0)]
  })
  const broken = [
    ...promises.map((promise) => [promise, findings.filter((finding) => finding.promise === promise).length]),
    ["no request overtakes its predecessor", report.overtakenCount],
    ["no lease, waiter or dial is left", leftCount],
    ["no connection is left", report.openCount]
  ]
  return [
    `## ${runtime} ${process.versions[runtime]}`,
    `\`npm run races -- --runtime ${runtime} --count ${count} --seed ${seed}\`, ${platform()} ${arch()}, ${cpus().length} cores: ` +
      `${sweepCount} calls one after the other and ${count} by many callers at once, on ${report.connectionCount} connections, in ${Math.round(seconds)} s.`,
    table(["promise", "broken"], broken),
    table(["request", "calls", "answered", "told of a failure", "given up by the caller", "retries"], byOutcome),
    table(
      ["how the server ended a connection", "times"],
      Object.entries(report.sabotageCounts).sort(([a], [b]) => (a < b ? -1 : 1))
    ),
    ...findings.slice(0, findingCountShown).map(({ promise, text }) => `- ${promise}: ${text}`)
  ].join("\n\n")
}

const startMillis = performance.now()
const result = await Effect.runPromise(runRaces({ count, seed }))
console.log(describeRun(result, (performance.now() - startMillis) / 1000))
const { findings, leftCount, report } = result
process.exitCode = findings.length + leftCount + report.openCount + report.overtakenCount === 0 ? 0 : 1
