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

export class RoutePool<C> {
  readonly route: Route
  readonly authority: string
  limits: RouteLimits
  readonly permits: Permits
  /** All connections that hold permits, whatever their state. Bounded by the route's limit. */
  readonly connections = new Set<Entry<C>>()
  readonly idle = new IdleList<C>("route")
  readonly partlyUsed = new LoadBuckets<C>()
  pending: PendingQueue<C>
  readonly counters = new Counters()
  guarantee: Guarantee | undefined
  activeCount = 0
  diallingCount = 0
  validatingCount = 0
  isPaused = false
  /** Slots that the newest connection offered: what the next dial is expected to bring. */
  slotsExpected: number | undefined
  failuresInRow = 0
  /** On the monotonic clock. */
  backoffUntilMillis = Number.NEGATIVE_INFINITY
  /** The back-off end that the pool will wake the route at. */
  wakeAtMillis = Number.NEGATIVE_INFINITY
  lastConnectError: unknown
  idleObservations: IdleObservations | undefined
  /** Smoothed time from lease to release; what shedding reckons with. */
  serviceMillis: number | undefined
  /** Since when it has had neither a connection nor a waiter, if it has none. */
  emptySinceMillis = Number.POSITIVE_INFINITY

  constructor(route: Route, limits: RouteLimits) {
    this.route = route
    this.authority = authorityOf(route)
    this.limits = limits
    this.permits = new Permits(limits.connectionsMax)
    this.pending = new PendingQueue(limits.settings.waitOrder === "lifo")
  }

  get isEmpty(): boolean {
    return this.connections.size === 0 && this.pending.liveCount === 0
  }
}
