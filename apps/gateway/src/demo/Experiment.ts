/**
 * The published circuit-breaking experiment: three loads through the gateway, with the rule and without it.
 */
import { type LoadError, type LoadReport, runLoad } from "@weir/load"
import type { Connector } from "@weir/transport"
import { Effect } from "effect"
import { type PublishedRun, publishedRuns } from "./Published.ts"

export interface ExperimentRun {
  readonly hasRule: boolean
  readonly published: PublishedRun
  readonly report: LoadReport
}

/** Runs the three loads against a gateway that is up. */
export const runLoads = (
  url: string,
  hasRule: boolean,
  onRun: (run: ExperimentRun) => void
): Effect.Effect<ReadonlyArray<ExperimentRun>, LoadError, Connector> =>
  Effect.forEach(publishedRuns, (published) =>
    Effect.map(
      runLoad({
        url,
        concurrency: published.concurrency,
        requestCount: published.requests,
        qps: "max",
        headers: [["Host", "service-go"]]
      }),
      (report) => {
        const run = { hasRule, published, report }
        onRun(run)
        return run
      }
    )
  )

export const percentOf = (report: LoadReport, code: string): number =>
  report.requests === 0 ? 0 : (100 * (report.codes[code] ?? 0)) / report.requests

/** One run as `--json` prints it. */
export const runAsJson = ({ hasRule, published, report }: ExperimentRun) => ({
  rule: hasRule,
  concurrency: report.concurrency,
  requests: report.requests,
  codes: report.codes,
  socketsUsed: report.socketsUsed,
  qps: round(report.qps),
  latencyMillis: {
    p50: round(report.latencyMillis.p50),
    p75: round(report.latencyMillis.p75),
    p90: round(report.latencyMillis.p90),
    p99: round(report.latencyMillis.p99)
  },
  ...(hasRule ? { published: { "503": published.refusedPercent, socketsUsed: published.socketsUsed } } : {})
})

const round = (value: number): number => Math.round(value * 10) / 10
