/**
 * When each caller begins its calls. Pure: times are nanoseconds since the start of the run.
 *
 * As fortio does it, the callers share the calls and the rate equally and begin together. A caller that has fallen
 * behind its schedule catches up by not waiting until it is back on it.
 */

const unlimited = Number.POSITIVE_INFINITY

/** What one caller has to do. */
export interface Pacing {
  /** Calls to make; `Infinity` where only time bounds them. */
  readonly callCountMax: number
  /** From one scheduled start to the next; 0: begin as soon as the previous call has ended. */
  readonly gapNanos: number
  /** No wait for a call begins at or after this time. */
  readonly endNanos: number
}

/** When the next call begins, at the earliest now; `undefined`: this caller has done its part. */
export const nextStartNanos = (pacing: Pacing, finishedCount: number, nowNanos: number): number | undefined => {
  if (finishedCount >= pacing.callCountMax || nowNanos >= pacing.endNanos) return undefined
  return Math.max(nowNanos, finishedCount * pacing.gapNanos)
}

/** `callCount` in equal shares; what is left over goes by one to the first (fortio gives all of it to the first). */
export const equalShares = (callCount: number, callerCount: number): ReadonlyArray<number> => {
  const share = Math.floor(callCount / callerCount)
  const leftOver = callCount % callerCount
  return Array.from({ length: callerCount }, (_, index) => (index < leftOver ? share + 1 : share))
}

/**
 * The pacing of each caller. There may be fewer than `concurrency`: none is without a call, and at a fixed rate each
 * has at least two, since a single call cannot be spread over time.
 */
export const planPacing = (options: {
  readonly concurrency: number
  readonly requestCount: number | undefined
  readonly durationNanos: number
  readonly qps: number | "max"
}): ReadonlyArray<Pacing> => {
  const { concurrency, durationNanos, qps, requestCount } = options
  const callCount = requestCount ?? (qps === "max" ? unlimited : Math.max(1, Math.floor((qps * durationNanos) / 1e9)))
  const endNanos = requestCount === undefined ? durationNanos : unlimited
  if (callCount === unlimited) {
    const gapNanos = qps === "max" ? 0 : (concurrency * 1e9) / qps
    return Array.from({ length: concurrency }, () => ({ callCountMax: unlimited, gapNanos, endNanos }))
  }
  const callerCountMax = qps === "max" ? callCount : Math.max(1, Math.floor(callCount / 2))
  // The first call begins at 0 and the last when the rate's time for all calls is over, so that the rate measured over
  // the run is the rate asked for.
  const spanNanos = qps === "max" ? 0 : (callCount * 1e9) / qps
  return equalShares(callCount, Math.min(concurrency, callerCountMax)).map((share) => ({
    callCountMax: share,
    gapNanos: share === 1 ? 0 : spanNanos / (share - 1),
    endNanos
  }))
}
