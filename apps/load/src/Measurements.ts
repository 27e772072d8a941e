/**
 * What has been measured so far in one run. Recording is on the path of every call: it allocates nothing but a new
 * code's entry.
 */
import type { Http1Reason } from "@weir/http1"
import type { TransportReason } from "@weir/transport"
import { build } from "hdr-histogram-js"
import type { LoadReport } from "./LoadReport.ts"

/** Why a call has no answer. */
export type CallFailure = TransportReason | Http1Reason | "Timeout"

export class Measurements {
  finishedCount = 0
  socketsUsed = 0
  /** Code -1 stands for every failure, as in fortio. */
  private readonly codeCounts = new Map<number, number>()
  private readonly failureCounts = new Map<CallFailure, number>()
  private readonly histogramMicros = build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 })
  private minNanos = Number.POSITIVE_INFINITY
  private maxNanos = 0
  private sumNanos = 0
  private bodyByteCount = 0

  recordAnswer(code: number, latencyNanos: number, bodyByteCount: number): void {
    this.bodyByteCount += bodyByteCount
    this.record(code, latencyNanos)
  }

  recordFailure(failure: CallFailure, latencyNanos: number): void {
    this.failureCounts.set(failure, (this.failureCounts.get(failure) ?? 0) + 1)
    this.record(-1, latencyNanos)
  }

  private record(code: number, latencyNanos: number): void {
    this.finishedCount++
    this.codeCounts.set(code, (this.codeCounts.get(code) ?? 0) + 1)
    this.histogramMicros.recordValue(Math.round(latencyNanos / 1e3))
    this.sumNanos += latencyNanos
    if (latencyNanos < this.minNanos) this.minNanos = latencyNanos
    if (latencyNanos > this.maxNanos) this.maxNanos = latencyNanos
  }

  report(url: string, concurrency: number, elapsedNanos: number): LoadReport {
    const count = this.finishedCount
    const histogram = this.histogramMicros
    // A histogram answers with the top of the bucket, which may lie above the highest value it was given.
    const at = (percentile: number) => Math.min(histogram.getValueAtPercentile(percentile) / 1e3, this.maxNanos / 1e6)
    return {
      url,
      concurrency,
      requests: count,
      durationMillis: elapsedNanos / 1e6,
      qps: elapsedNanos === 0 ? 0 : (count * 1e9) / elapsedNanos,
      codes: Object.fromEntries(this.codeCounts),
      socketsUsed: this.socketsUsed,
      latencyMillis: {
        min: count === 0 ? 0 : this.minNanos / 1e6,
        avg: count === 0 ? 0 : this.sumNanos / count / 1e6,
        stdDev: histogram.stdDeviation / 1e3,
        p50: at(50),
        p75: at(75),
        p90: at(90),
        p99: at(99),
        p99_9: at(99.9),
        max: this.maxNanos / 1e6
      },
      bytesReceived: this.bodyByteCount,
      errors: Object.fromEntries(this.failureCounts)
    }
  }
}
