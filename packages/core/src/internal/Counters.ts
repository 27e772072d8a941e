/**
 * Plain counts of what happened, cheap enough for every lease, read by statistics and metrics.
 */
import type { CloseReason, RefusalReason, TimeoutPhase } from "../PoolReason.ts"
import { Buckets } from "./Buckets.ts"

const none: ReadonlyMap<never, number> = new Map<never, number>()

/** Which count has been made for the first time, and the word that it goes by. */
export type FirstCount =
  | { readonly of: "closed"; readonly word: CloseReason }
  | { readonly of: "refused"; readonly word: RefusalReason }
  | { readonly of: "timed-out"; readonly word: TimeoutPhase }

export class Counters {
  createdCount = 0
  leasedCount = 0
  reusedCount = 0
  connectFailedCount = 0
  cancelledCount = 0
  /** Metrics make a series of a reason when it first occurs. */
  onFirst: ((first: FirstCount) => void) | undefined
  // Made when something is first counted: most routes never close for most reasons, and never refuse or time out.
  private closed: Map<CloseReason, number> | undefined
  private refused: Map<RefusalReason, number> | undefined
  private timedOut: Map<TimeoutPhase, number> | undefined

  get closedByReason(): ReadonlyMap<CloseReason, number> {
    return this.closed ?? none
  }

  get refusedByReason(): ReadonlyMap<RefusalReason, number> {
    return this.refused ?? none
  }

  get timedOutByPhase(): ReadonlyMap<TimeoutPhase, number> {
    return this.timedOut ?? none
  }

  countClosed(word: CloseReason): void {
    this.closed ??= new Map<never, number>()
    if (countUp(this.closed, word)) this.onFirst?.({ of: "closed", word })
  }

  countRefused(word: RefusalReason): void {
    this.refused ??= new Map<never, number>()
    if (countUp(this.refused, word)) this.onFirst?.({ of: "refused", word })
  }

  countTimedOut(word: TimeoutPhase): void {
    this.timedOut ??= new Map<never, number>()
    if (countUp(this.timedOut, word)) this.onFirst?.({ of: "timed-out", word })
  }
}

/** Returns whether it was the first. */
const countUp = <K>(counts: Map<K, number>, key: K): boolean => {
  const before = counts.get(key) ?? 0
  counts.set(key, before + 1)
  return before === 0
}

/** Histograms of the pool as a whole: one set, however many routes come and go. */
export class Histograms {
  readonly acquireWaitMillis = new Buckets()
  readonly connectMillis = new Buckets()
  readonly leaseMillis = new Buckets()
  readonly idleMillis = new Buckets()
  readonly lifeMillis = new Buckets()
}
