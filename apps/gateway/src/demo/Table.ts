/**
 * The experiment's table, and what it shows in words.
 */
import { type ExperimentRun, percentOf } from "./Experiment.ts"

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
    hasRule ? published.refusedPercent.toFixed(1) : "0.0",
    report.qps.toFixed(0),
    p50.toFixed(1),
    p75.toFixed(1),
    p90.toFixed(1),
    p99.toFixed(1),
    String(report.socketsUsed),
    hasRule ? String(published.socketsUsed) : String(published.concurrency)
  ]
}

/** What was seen, and why it differs from what was published. */
export const conclude = (runs: ReadonlyArray<ExperimentRun>): string => {
  const shares = (hasRule: boolean) =>
    runs.filter((run) => run.hasRule === hasRule).map(({ report }) => `${percentOf(report, "503").toFixed(1)} %`)
  const ruled = shares(true).join(", ")
  return [
    `With the rule the share of 503 rises with concurrency (${ruled}); without it, it is ${shares(false).join(", ")}.`,
    "The published run crossed a cluster network, where connects take longer and more requests wait for one at a time;",
    "here everything is on loopback, so fewer are refused at low concurrency. Nothing is tuned to match."
  ].join("\n")
}
