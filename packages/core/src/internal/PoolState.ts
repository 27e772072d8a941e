/**
 * Everything a pool knows, in one place, and nothing that it does.
 *
 * All of it is read and changed synchronously, by one piece of code at a time. Code of callers runs only where a waiter
 * is settled, a hook of the factory is called or a fiber is forked; at each of these points the state is consistent,
 * because they may come back into the pool before they return.
 */
import type { Clock, Effect, Fiber, Scope, Tracer } from "effect"
import type { Budget } from "../ConnectionBudget.ts"
import type { ConnectionFactory } from "../ConnectionFactory.ts"
import type { ParsedPoolConfig, PoolSettings } from "../PoolConfig.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import type { Alarm } from "./Alarm.ts"
import type { Counters, Histograms } from "./Counters.ts"
import type { Entry } from "./Entry.ts"
import type { Guarantee } from "./guarantees.ts"
import type { IdleList } from "./IdleList.ts"
import type { LeaseList, LeaseOwner } from "./Lease.ts"
import type { Permits } from "./Permits.ts"
import type { RoutePool } from "./RoutePool.ts"
import type { TimeHeap } from "./TimeHeap.ts"
import type { Waiter } from "./Waiter.ts"

/** The pool's own life: it only moves to the right. */
export type PoolPhase = "open" | "closing" | "closed"

/** Wakes a route at a time: the end of its dial back-off. */
export interface RouteWake<C> {
  readonly route: RoutePool<C>
}

export interface PoolState<C> {
  config: ParsedPoolConfig
  settings: PoolSettings
  readonly factory: ConnectionFactory<C>
  readonly budget: Budget
  readonly diallingPermits: Permits
  readonly scope: Scope.Scope
  phase: PoolPhase
  isPaused: boolean

  /** By `Route.key`. Bounded by `routesMax`. */
  readonly routes: Map<string, RoutePool<C>>
  /** Idle connections of all routes, least recently used first. */
  readonly idle: IdleList<C>
  /** Routes with neither connections nor waiters, in the order in which they became so. */
  readonly emptyRoutes: Set<RoutePool<C>>
  /** Leases not reported as leaked, and those reported, each oldest first. */
  readonly leases: LeaseList<C>
  readonly reportedLeases: LeaseList<C>
  /** From `leakThreshold` and `leakReclaimAfter`; `Infinity`: off. */
  leakMillis: number
  reclaimMillis: number
  routeIdleMillis: number
  readonly leaseOwner: LeaseOwner<C>
  openCount: number
  /** Of the open ones: those whose permits are on their way back. */
  returningCount: number
  pendingCount: number
  /** Of the pending: those that no dial or probe is under way for. */
  uncoveredCount: number
  activeCount: number
  nextConnectionId: number
  nextSequence: number
  readonly counters: Counters
  readonly histograms: Histograms

  /** Routes to look at, in turn. */
  readonly dirty: Set<RoutePool<C>>
  /** Routes with waiters that need a permit of the total, a place among the dials, or a place among the active, in turn. */
  readonly starving: Set<RoutePool<C>>
  readonly diallingBlocked: Set<RoutePool<C>>
  readonly activeBlocked: Set<RoutePool<C>>
  /** Routes that would dial for more of their waiters if more leases could be out. Empty without `activeMax`. */
  readonly roomBlocked: Set<RoutePool<C>>
  /** All of those have been looked at since so many more leases could be out. */
  roomSeenCount: number
  /** Routes below their minimum of idle connections that lack permits to dial. */
  readonly minimumBlocked: Set<RoutePool<C>>
  isPumping: boolean
  /** When the release came that is being pumped for; absent: something else is. */
  releasedAtMillis: number | undefined
  /** Spans of the dials under way, where they are traced. */
  readonly dialSpans: Map<Entry<C>, Tracer.Span>
  /** Of the fiber that made the pool, if tracing was on there. */
  readonly tracer: Tracer.Tracer | undefined
  /** Guarantees by authority; empty when none is configured, which is what the fast paths ask. */
  guarantees: Map<string, Guarantee>

  /** Deadlines and back-off ends, on the monotonic clock. Somebody waits for them. */
  readonly urgent: TimeHeap<Waiter<C> | RouteWake<C>>
  readonly urgentAlarm: Alarm
  /** When idle connections have to be looked at, on the wall clock, and back-off ends. Nobody waits for them. */
  readonly upkeep: TimeHeap<Entry<C> | RouteWake<C>>
  readonly upkeepAlarm: Alarm

  readonly clock: Clock.Clock
  /**
   * Wall clock, for ages: it counts the time that a machine has slept, and it never goes back. It begins at 0 when the
   * pool is made, since engines keep small whole numbers in place where others are objects of their own.
   */
  wallMillis(): number
  /** Monotonic clock, for deadlines: nobody can set it back. */
  monotonicMillis(): number
  random(): number
  /** Forks a fiber that dies with the pool; it starts on this stack. */
  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E>
  /** The same for code of the user's that may not heed an interrupt: the pool's end does not wait for it for ever. */
  forkDetached<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E>
  /**
   * Looks at the dirty routes, unless that is being done further up this stack. What a release at `releasedAtMillis` leads
   * to happens at that moment, so that a connection which goes straight to the next caller has not been idle.
   */
  pump(releasedAtMillis?: number): void
  /** Is anybody listening? Ask before an event is made. */
  hasListeners(): boolean
  /** The event's time is the pool's; listeners hear the clock's. */
  emit(event: PoolEvent): void
  onDefect(defect: unknown): void
  readonly onRouteAdded: ((route: RoutePool<C>) => void) | undefined
  onRouteForgotten(route: RoutePool<C>): void
  /** Called when the last connection has gone while shutting down. */
  onEmpty: (() => void) | undefined
}

/** Marks a route to be looked at. */
export const markDirty = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  state.dirty.add(route)
}
