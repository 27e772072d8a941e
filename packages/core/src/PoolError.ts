/**
 * The pool's one error: why no connection could be had, with the numbers and whether trying again is safe.
 *
 * No request has been written when the pool fails, so trying again never sends anything twice; `retry` says whether it
 * can help.
 */
import { Data } from "effect"
import type { RefusalReason, TimeoutPhase } from "./PoolReason.ts"
import { type RouteReport, sentence } from "./RouteReport.ts"

/** May what was to be sent be sent again? `always`: nothing was sent. */
export type RetryVerdict = "always" | "if-idempotent" | "never"

/** Refused without waiting. */
export interface Refused {
  readonly _tag: "Refused"
  readonly reason: RefusalReason
  /** The limit that was met, and what was held of it. */
  readonly limitCount: number
  readonly usedCount: number
  /** Where the limit was set. */
  readonly source: string
}

/** The deadline passed. */
export interface AcquireTimeout {
  readonly _tag: "AcquireTimeout"
  readonly phase: TimeoutPhase
  readonly waitedMillis: number
  readonly timeoutMillis: number
}

/** The dial made for this caller failed. */
export interface ConnectFailed {
  readonly _tag: "ConnectFailed"
  /** The phase that failed, as the connector named it. */
  readonly phase: string
  readonly afterMillis: number
}

/** The dial made for this caller took longer than `connectTimeout`. */
export interface ConnectTimeout {
  readonly _tag: "ConnectTimeout"
  readonly phase: string
  readonly timeoutMillis: number
}

/** Everything that can become of an acquire instead of a lease. */
export type PoolFailure = Refused | AcquireTimeout | ConnectFailed | ConnectTimeout

export class PoolError extends Data.TaggedError("PoolError")<{
  readonly reason: PoolFailure
  /** The route's label. */
  readonly route: string
  readonly retry: RetryVerdict
  /** The state of the route when it failed. */
  readonly report: RouteReport | undefined
  /** The connector's error, of this dial or of the last one. */
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.route}: ${describe(this.reason, this.report)}`
  }
}

const describe = (failure: PoolFailure, report: RouteReport | undefined): string => {
  const why = report === undefined ? "" : `: ${sentence(report)}`
  switch (failure._tag) {
    case "Refused":
      return `refused (${failure.reason})${refusal(failure)}`
    case "AcquireTimeout":
      return `no connection within ${failure.timeoutMillis} ms, waited ${Math.round(failure.waitedMillis)} ms (${failure.phase})${why}`
    case "ConnectFailed":
      return `connect failed after ${Math.round(failure.afterMillis)} ms in phase ${failure.phase}${lastConnectError(report)}`
    case "ConnectTimeout":
      return `connect not finished within ${failure.timeoutMillis} ms (connectTimeout), in phase ${failure.phase}`
  }
}

const lastConnectError = (report: RouteReport | undefined): string =>
  report?.lastConnectError === undefined ? "" : `: ${report.lastConnectError}`

const refusal = (failure: Refused): string => {
  const limit = `${failure.limitCount}, from ${failure.source}`
  switch (failure.reason) {
    case "pending-route-limit":
      return `: ${failure.usedCount} callers wait for this route already (pendingPerRouteMax ${limit})`
    case "pending-total-limit":
      return `: ${failure.usedCount} callers wait for the pool already (pendingMax ${limit})`
    case "active-route-limit":
      return `: ${failure.usedCount} calls to this route are under way (activePerRouteMax ${limit})`
    case "active-total-limit":
      return `: ${failure.usedCount} calls of the pool are under way (activeMax ${limit})`
    case "routes-limit":
      return `: ${failure.usedCount} routes are in use (routesMax ${limit})`
    case "deadline-hopeless":
      return `: the expected wait of ${failure.usedCount} ms is longer than the ${failure.limitCount} ms left (isSheddingHopeless, from ${failure.source})`
    case "pool-closed":
      return ": the pool is shut down"
  }
}

/**
 * Builds the error without capturing a stack: under overload refusals are the commonest thing a pool does, and a stack
 * costs 4 to 10 µs on Node.
 */
export const poolError = (fields: ConstructorParameters<typeof PoolError>[0]): PoolError => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new PoolError(fields)
  } finally {
    Error.stackTraceLimit = limit
  }
}
