/**
 * What the pool keeps for one route.
 */
import { authorityOf, type Route } from "../Route.ts"
import type { RouteLimits } from "../Settings.ts"
import { Counters } from "./Counters.ts"
import type { Entry } from "./Entry.ts"
import type { Guarantee } from "./guarantees.ts"
import { IdleList } from "./IdleList.ts"
import type { IdleObservations } from "./LearnedIdle.ts"
import { LoadBuckets } from "./LoadBuckets.ts"
import { PendingQueue } from "./PendingQueue.ts"
import { Permits } from "./Permits.ts"
import type { RouteWake } from "./PoolState.ts"
import type { Waiter } from "./Waiter.ts"

export class RoutePool<C> {
  readonly route: Route
  readonly authority: string
  limits: RouteLimits
  readonly permits: Permits
  /** All connections that hold permits, whatever their state. Bounded by the route's limit. */
  readonly connections = new Set<Entry<C>>()
  readonly idle = new IdleList<C>("route")
  readonly partlyUsed = new LoadBuckets<C>()
  /** Connections that have just been dialled or probed, for this look at the waiters. */
  readonly fresh: Array<Entry<C>> = []
  pending: PendingQueue<C>
  /** The waiter that is just joining: a dial that is begun meanwhile is begun for it. */
  joining: Waiter<C> | undefined
  /** Its part of the pool's `uncoveredCount`. */
  uncoveredCount = 0
  readonly counters = new Counters()
  guarantee: Guarantee | undefined
  activeCount = 0
  diallingCount = 0
  /** Of the dials: those that no waiter asked for, and those that have been given up. */
  spareDialCount = 0
  givenUpDialCount = 0
  validatingCount = 0
  /** Of those being validated: the ones that nobody's call is the reason for. */
  pingingCount = 0
  /** Connections whose permits are on their way back. */
  returningCount = 0
  isPaused = false
  /** The pool has another record of the route by now, or none. What ends late, a check of a closed connection, finds this. */
  isForgotten = false
  /** Slots that the newest connection offered: what the next dial is expected to bring. */
  slotsExpected: number | undefined
  failuresInRow = 0
  /** On the monotonic clock. */
  backoffUntilMillis = Number.NEGATIVE_INFINITY
  /** The back-off end that the pool will wake the route at: for waiters, and for spare dials. */
  wakeAtMillis = Number.NEGATIVE_INFINITY
  /** What wakes it then; given up when its last waiter leaves, for nobody keeps it for the next. */
  wake: RouteWake<C> | undefined
  spareWakeAtMillis = Number.NEGATIVE_INFINITY
  /** No dial for the minimum before this, on the wall clock: connections of it did not last. */
  spareAfterMillis = Number.NEGATIVE_INFINITY
  lastConnectError: unknown
  idleObservations: IdleObservations | undefined
  /** Smoothed time from lease to release; what shedding reckons with. */
  serviceMillis: number | undefined
  /** When it was last asked for a connection. */
  usedAtMillis: number
  /** Since when it has been empty, if it is. */
  emptySinceMillis = Number.POSITIVE_INFINITY

  constructor(route: Route, limits: RouteLimits, nowMillis: number) {
    this.route = route
    this.usedAtMillis = nowMillis
    this.authority = authorityOf(route)
    this.limits = limits
    this.permits = new Permits(limits.connectionsMax)
    this.pending = new PendingQueue(limits.settings.waitOrder === "lifo")
  }

  /** Nothing of it would be missed. (That it is paused would.) */
  get isEmpty(): boolean {
    return this.connections.size === 0 && this.pending.liveCount === 0 && !this.isPaused
  }

  get probingCount(): number {
    return this.validatingCount - this.pingingCount
  }

  /** Waiters that one dial is expected to serve. */
  get waitersPerDial(): number {
    const { slotsMax, usesMax } = this.limits
    return Math.max(1, Math.min(slotsMax, this.slotsExpected ?? slotsMax, usesMax))
  }
}
