/**
 * What a run measured: plain data, the same that `--json` prints.
 */
export interface LoadReport {
  readonly url: string
  /** Callers that ran: those asked for, or fewer when there were not enough calls for them. */
  readonly concurrency: number
  /** Calls that ended, failed ones included. */
  readonly requests: number
  /** From the first start to the last end. */
  readonly durationMillis: number
  /** `requests` per second of that time. */
  readonly qps: number
  /** Calls by status code; `-1` counts the calls that failed without an answer. */
  readonly codes: Readonly<Record<string, number>>
  /** Connections opened. With perfect keep-alive it equals `concurrency`. */
  readonly socketsUsed: number
  readonly latencyMillis: LatencyMillis
  /** Bytes of the answers' bodies. */
  readonly bytesReceived: number
  /** The calls under code -1 by reason. */
  readonly errors: Readonly<Record<string, number>>
}

/**
 * How long the calls took, each from its start, a connect included, to the end of its answer. `min`, `avg` and `max`
 * are exact; the others are read from a histogram of microseconds with three significant digits. All 0 when there was
 * no call.
 */
export interface LatencyMillis {
  readonly min: number
  readonly avg: number
  readonly stdDev: number
  readonly p50: number
  readonly p75: number
  readonly p90: number
  readonly p99: number
  readonly p99_9: number
  readonly max: number
}
