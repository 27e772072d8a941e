/**
 * The pool in numbers, at one moment.
 */
import type { CloseReason, RefusalReason } from "./PoolReason.ts"
import type { LimitReport } from "./RouteReport.ts"

/** Counts since the start. */
export interface PoolCounts {
  readonly createdCount: number
  readonly leasedCount: number
  readonly reusedCount: number
  readonly connectFailedCount: number
  readonly cancelledCount: number
  /** A reason that never was has no entry. */
  readonly closedByReason: Readonly<Partial<Record<CloseReason, number>>>
  readonly refusedByReason: Readonly<Partial<Record<RefusalReason, number>>>
  /** By `TimeoutPhase`. */
  readonly timedOutByPhase: Readonly<Record<string, number>>
}

/** One route in numbers, now. */
export interface RouteStats extends PoolCounts {
  readonly route: string
  readonly routeKey: string
  /** Connections that hold a permit: dialling, idle, leased, closing. */
  readonly connections: LimitReport
  readonly dialling: LimitReport
  readonly active: LimitReport
  readonly pending: LimitReport
  readonly idle: LimitReport
}

export interface PoolStats extends PoolCounts {
  readonly name: string
  readonly phase: "open" | "closing" | "closed"
  readonly connections: LimitReport
  readonly dialling: LimitReport
  readonly active: LimitReport
  readonly pending: LimitReport
  readonly idle: LimitReport
  readonly routes: ReadonlyArray<RouteStats>
}
