/**
 * May a call that failed be sent again? The whole truth table, as one pure function.
 *
 * | connection | progress | method | body replayable | verdict |
 * |---|---|---|---|---|
 * | new | any | any | any | never |
 * | reused | nothing written | any | yes | retry |
 * | reused | written, no byte of the answer | idempotent | yes | retry |
 * | reused | written, no byte of the answer | other | any | never |
 * | reused | a byte of the answer has come | any | any | never |
 *
 * On a new connection nothing can have gone stale, so a second attempt would only hide a broken server. Idempotent are the
 * methods of RFC 9110 section 9.2.2 and what the caller declares to be; a POST only when the caller says so (RFC 9112
 * section 9.3.1).
 */
import type { Http1Progress, Http1Reason } from "@weir/http1"

export interface FailedAttempt {
  readonly isReused: boolean
  readonly reason: Http1Reason
  readonly progress: Http1Progress
  readonly isIdempotent: boolean
  readonly isReplayable: boolean
}

export const mayRetry = (attempt: FailedAttempt): boolean => {
  if (!attempt.isReused || !attempt.isReplayable) return false
  if (attempt.reason !== "ConnectionClosed" && attempt.reason !== "ConnectionFailed") return false
  switch (attempt.progress) {
    case "unsent":
      return true
    case "sent":
      return attempt.isIdempotent
    case "response-started":
    case "head-received":
      return false
  }
}

/** RFC 9110 section 9.2.2. */
export const isIdempotentMethod = (method: string): boolean => idempotentMethods.has(method)

const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"])

/**
 * Retries under way, bounded by a share of the calls under way: when a server goes down, retries must not double the
 * load that it comes back to. (Envoy's retry budget: 20 %, at least 3.)
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
