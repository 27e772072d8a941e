/**
 * Plain counts of what happened, cheap enough for every lease, read by statistics and metrics.
 */
import type { CloseReason, RefusalReason, TimeoutPhase } from "../PoolReason.ts"
import { Buckets } from "./Buckets.ts"

export class Counters {
  createdCount = 0
  leasedCount = 0
  reusedCount = 0
  connectFailedCount = 0
  cancelledCount = 0
  readonly closedByReason = new Map<CloseReason, number>()
  readonly refusedByReason = new Map<RefusalReason, number>()
  readonly timedOutByPhase = new Map<TimeoutPhase, number>()
}

/** Histograms of the pool as a whole: one set, however many routes come and go. */
export class Histograms {
  readonly acquireWaitMillis = new Buckets()
  readonly connectMillis = new Buckets()
  readonly leaseMillis = new Buckets()
  readonly idleMillis = new Buckets()
  readonly lifeMillis = new Buckets()
}

export const countUp = <K>(counts: Map<K, number>, key: K): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
