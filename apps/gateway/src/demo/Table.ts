/**
 * The experiment's table, and what it shows in words.
 */
import { type ExperimentRun, percentOf } from "./Experiment.ts"
import { workMillis } from "./Upstreams.ts"

const columns = [
  "rule",
  "load",
  "200 %",
  "503 %",
  "published",
  "qps",
  "p50 ms",
  "p75 ms",
  "p90 ms",
  "p99 ms",
  "sockets",
  "published"
] as const

export const formatTable = (runs: ReadonlyArray<ExperimentRun>): string => {
  const rows = runs.map(rowOf)
  const widths = columns.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    cells
      .map((cell, index) => (index < 2 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join("  ")
  return [line(columns), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n")
}

const rowOf = ({ hasRule, published, report }: ExperimentRun): ReadonlyArray<string> => {
  const { p50, p75, p90, p99 } = report.latencyMillis
  return [
    hasRule ? "on" : "off",
    `c=${report.concurrency} n=${report.requests}`,
    percentOf(report, "200").toFixed(1),
    percentOf(report, "503").toFixed(1),
    // Without the rule every published answer was 200; the sockets were not published.
    (hasRule ? published.refusedPercent : 0).toFixed(1),
    report.qps.toFixed(0),
    p50.toFixed(1),
    p75.toFixed(1),
    p90.toFixed(1),
    p99.toFixed(1),
    String(report.socketsUsed),
    hasRule ? String(published.socketsUsed) : "-"
  ]
}

/** What was seen, and why it differs from what was published; nothing that the figures of these runs do not show. */
export const conclude = (runs: ReadonlyArray<ExperimentRun>): string => {
  const ruled = runs.filter(({ hasRule }) => hasRule)
  const unruled = runs.filter(({ hasRule }) => !hasRule)
  return [seen(ruled), seenWithout(unruled), ...others(runs), ...differences(ruled)].join("\n")
}

const refusedPercent = ({ report }: ExperimentRun): number => percentOf(report, "503")

const percents = (values: ReadonlyArray<number>): string => list(values.map((value) => `${value.toFixed(1)} %`))

const list = (texts: ReadonlyArray<string>): string =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`

const seen = (runs: ReadonlyArray<ExperimentRun>): string => {
  const shares = runs.map(refusedPercent)
  const isRising = shares.every((share, index) => index === 0 || share > (shares[index - 1] ?? 0))
  const what = `With the rule ${percents(shares)} of the calls were answered 503`
  return isRising
    ? `${what}: the share rises with concurrency, as it does in the published run.`
    : `${what}: in this run the share does NOT rise with concurrency, as it should. On a busy machine that happens; run it again.`
}

const seenWithout = (runs: ReadonlyArray<ExperimentRun>): string => {
  const shares = runs.map(refusedPercent)
  return shares.every((share) => share === 0)
    ? "Without the rule none was."
    : `Without the rule ${percents(shares)} were, though nothing limits them: that is a fault of this gateway.`
}

const others = (runs: ReadonlyArray<ExperimentRun>): ReadonlyArray<string> => {
  const count = runs.reduce(
    (sum, { report }) => sum + report.requests - (report.codes["200"] ?? 0) - (report.codes["503"] ?? 0),
    0
  )
  return count === 0 ? [] : [`${count} calls ended with neither 200 nor 503; --json has all the codes.`]
}

/** Shares closer to the published ones than this are not worth an explanation. */
const percentToleranceMax = 2

const differences = (runs: ReadonlyArray<ExperimentRun>): ReadonlyArray<string> => {
  const at = (sign: number): string =>
    list(
      runs
        .filter((run) => sign * (refusedPercent(run) - run.published.refusedPercent) > percentToleranceMax)
        .map(({ report }) => `c=${report.concurrency}`)
    )
  const [lower, higher] = [at(-1), at(1)]
  // Less than a call that is served takes, so it is one that was refused.
  const quickestMillis = Math.min(...runs.map(({ report }) => report.latencyMillis.min))
  return [
    ...(lower === ""
      ? []
      : [
          `At ${lower} the share is below the published one: here a connect stays on one machine, so fewer calls wait for one when the next comes, and 5 may.`
        ]),
    ...(higher === ""
      ? []
      : [
          `At ${higher} it is above${quickestMillis < workMillis ? `: a refusal is back in as little as ${quickestMillis.toFixed(1)} ms here, and its caller calls again at once, to be refused again` : ""}.`
        ]),
    "The published run had another network and another proxy; nothing here is tuned to match it."
  ]
}
