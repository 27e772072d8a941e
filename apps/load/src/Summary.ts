/**
 * A report as text, in the words and the order of fortio's summary, so that what reads one can read the other. Times
 * are in seconds, as there.
 */
import type { LoadReport } from "./LoadReport.ts"

export const formatSummary = (report: LoadReport): string => {
  const { latencyMillis: latency, requests } = report
  const percent = (count: number) => `${((100 * count) / requests).toFixed(1)} %`
  const seconds = (millis: number) => significant(millis / 1e3, 6)
  const lines = [
    `Ended after ${seconds(report.durationMillis)}s : ${requests} calls. qps=${significant(report.qps, 5)}`
  ]
  if (requests === 0) {
    lines.push("Aggregated Function Time : no data")
  } else {
    lines.push(
      `Aggregated Function Time : count ${requests} avg ${significant(latency.avg / 1e3, 8)} ` +
        `+/- ${significant(latency.stdDev / 1e3, 4)} min ${seconds(latency.min)} max ${seconds(latency.max)} ` +
        `sum ${significant((latency.avg * requests) / 1e3, 9)}`,
      `# target 50% ${seconds(latency.p50)}`,
      `# target 75% ${seconds(latency.p75)}`,
      `# target 90% ${seconds(latency.p90)}`,
      `# target 99% ${seconds(latency.p99)}`,
      `# target 99.9% ${seconds(latency.p99_9)}`
    )
  }
  lines.push(`Sockets used: ${report.socketsUsed} (for perfect keepalive, would be ${report.concurrency})`)
  const codes = Object.entries(report.codes).sort(([a], [b]) => Number(a) - Number(b))
  for (const [code, count] of codes) lines.push(`Code ${code.padStart(3)} : ${count} (${percent(count)})`)
  for (const [reason, count] of Object.entries(report.errors)) {
    lines.push(`Error ${reason} : ${count} (${percent(count)})`)
  }
  if (requests > 0) {
    const average = significant(report.bytesReceived / requests, 8)
    lines.push(`Response Body Sizes : count ${requests} avg ${average} sum ${report.bytesReceived}`)
  }
  lines.push(
    `All done ${requests} calls (plus 0 warmup) ${latency.avg.toFixed(3)} ms avg, ${report.qps.toFixed(1)} qps`
  )
  return lines.join("\n")
}

/** So many significant digits at most, without trailing zeros. */
const significant = (value: number, digitCount: number): string => String(Number(value.toPrecision(digitCount)))
