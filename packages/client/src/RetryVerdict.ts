/**
 * May a call that failed be sent again? The whole truth table, as one pure function.
 *
 * | connection | progress | method | body replayable | verdict |
 * |---|---|---|---|---|
 * | fresh | any | any | any | no |
 * | used or idle before | nothing written | any | yes | yes |
 * | idle before | written, no byte of the answer | idempotent | yes | yes |
 * | used, never idle since | written, no byte of the answer | idempotent | yes | within the budget |
 * | used or idle before | written, no byte of the answer | other | any | no |
 * | used or idle before | a byte of the answer has come | any | any | no |
 *
 * On a fresh connection nothing can have gone stale, so a second attempt would only hide a broken server. One that was
 * opened before it was needed, and lay idle for a second or more, is not fresh. Idempotent are the methods of RFC 9110 section 9.2.2 and what the caller declares
 * to be; a POST only when the caller says so (RFC 9112 section 9.3.1).
 */
import type { Http1Progress, Http1Reason } from "@weir/http1"

export interface FailedAttempt {
  /** Had the connection carried another call? */
  readonly isReused: boolean
  /** For how long it had been idle before this one. */
  readonly idleMillis: number
  readonly reason: Http1Reason
  readonly progress: Http1Progress
  readonly isIdempotent: boolean
  readonly isReplayable: boolean
}

export const mayRetry = (attempt: FailedAttempt): "yes" | "within-budget" | "no" => {
  const { idleMillis, isIdempotent, isReplayable, isReused, progress, reason } = attempt
  const isFresh = !isReused && idleMillis < freshMillisMax
  if (isFresh || !isReplayable) return "no"
  if (reason !== "ConnectionClosed" && reason !== "ConnectionFailed") return "no"
  switch (progress) {
    case "unsent":
      return "yes"
    case "sent":
      if (!isIdempotent) return "no"
      return idleMillis > 0 ? "yes" : "within-budget"
    case "response-started":
    case "head-received":
      return "no"
  }
}

/** How long after its opening a connection counts as fresh. Well above the time that a busy process takes to use it. */
const freshMillisMax = 1000

/** RFC 9110 section 9.2.2. */
export const isIdempotentMethod = (method: string): boolean => idempotentMethods.has(method)

const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"])

/**
 * Retries under way, bounded by a share of the calls under way: when a server goes down, retries must not double the
 * load that it comes back to. (Envoy's retry budget: 20 %, at least 3.)
 *
 * It covers retries after a connection broke that went straight from one call to the next: that says that the server is
 * in trouble. A connection that had been idle may have gone stale without any fault of the server's, and usually with
 * all its neighbours, so that a budget would fail most callers of a healthy server after each quiet hour. What bounds
 * those retries is that each of them uses up an idle connection.
 */
export class RetryBudget {
  activeCallCount = 0
  private activeRetryCount = 0
  private readonly ratio: number
  private readonly countMin: number

  constructor(ratio: number, countMin: number) {
    this.ratio = ratio
    this.countMin = countMin
  }

  take(): boolean {
    if (this.activeRetryCount >= Math.max(this.countMin, this.activeCallCount * this.ratio)) return false
    this.activeRetryCount++
    return true
  }

  give(): void {
    this.activeRetryCount--
  }
}
