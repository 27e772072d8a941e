/**
 * The two ways into the pool: at once, or through the queue.
 */
import type { PoolError } from "../PoolError.ts"
import type { Route } from "../Route.ts"
import type { HeldLease, Lease } from "./Lease.ts"
import { choose, grant } from "./leasing.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { mayLease } from "./pumping.ts"
import type { RoutePool } from "./RoutePool.ts"
import { activeRefusal, hopelessRefusal, pendingRefusal, refuse } from "./refusing.ts"
import { noteUsed, routePool } from "./routing.ts"
import type { Trace } from "./tracing.ts"
import { type Priority, Waiter } from "./Waiter.ts"

/**
 * Leases an idle connection of the route, or one with a free slot, at once; `undefined` when there is none, when others
 * wait already, or when a limit is met. No fiber, no timer, no permit: this is the way of nearly every call.
 */
export const leaseIdle = <C>(
  state: PoolState<C>,
  route: Route,
  holder: string | undefined
): HeldLease<C> | undefined => {
  const pool = state.routes.get(route.key)
  if (pool === undefined) return undefined
  const nowMillis = state.wallMillis()
  const entry = choose(state, pool, nowMillis)
  if (entry === undefined || entry === "unverified") return undefined
  // Asked last: what `choose` closed may have let others in, who waited.
  if (pool.pending.liveCount > 0 || state.phase !== "open" || !mayLease(state, pool)) return undefined
  // A connection in use that another route is owed takes no new lease: the queue decides.
  if (entry.slotsInUse > 0 && state.starving.size > 0) return undefined
  state.histograms.acquireWaitMillis.record(0)
  const lease = grant(state, entry, nowMillis, holder, captureStack(state))
  if (state.hasListeners()) {
    state.emit({
      _tag: "Leased",
      route: route.label,
      atMillis: nowMillis,
      connectionId: entry.id,
      isReused: lease.isReused,
      waitedMillis: 0,
      holder
    })
  }
  return lease
}

export interface JoinOptions {
  /** From now; overrides the route's `acquireTimeout`. */
  readonly timeoutMillis: number | undefined
  readonly priority: Priority
  readonly holder: string | undefined
  readonly trace: Trace | undefined
}

/**
 * Joins the queue of a route. The result is a waiter, or the refusal. `settle` may be called before this returns.
 */
export const join = <C>(
  state: PoolState<C>,
  route: Route,
  options: JoinOptions,
  settle: (result: Lease<C> | PoolError) => void
): Waiter<C> | PoolError => {
  if (state.phase !== "open") {
    return refuse(state, state.routes.get(route.key), route.label, "pool-closed", {
      limitCount: 0,
      usedCount: state.openCount,
      source: "shutdown"
    })
  }
  const pool = routePool(state, route)
  if (!isRoutePool(pool)) return pool
  const timeoutMillis = options.timeoutMillis ?? pool.limits.acquireTimeoutMillis
  const refusal =
    activeRefusal(state, pool) ?? pendingRefusal(state, pool) ?? hopelessRefusal(state, pool, timeoutMillis)
  if (refusal !== undefined) return refusal
  const arrivedAtMillis = state.monotonicMillis()
  const waiter = new Waiter<C>({
    route: pool,
    sequence: state.nextSequence++,
    priority: options.priority,
    arrivedAtMillis,
    deadlineMillis: arrivedAtMillis + timeoutMillis,
    holder: options.holder,
    stack: captureStack(state),
    trace: options.trace,
    settle
  })
  noteUsed(state, pool)
  pool.usedAtMillis = state.wallMillis()
  pool.pending.add(waiter)
  state.pendingCount++
  if (timeoutMillis !== Number.POSITIVE_INFINITY) {
    state.urgent.add(waiter.deadlineMillis, waiter)
    state.urgentAlarm.armBy(waiter.deadlineMillis)
  }
  if (state.hasListeners()) {
    state.emit({
      _tag: "Waiting",
      route: route.label,
      atMillis: state.wallMillis(),
      pendingCount: pool.pending.liveCount,
      holder: options.holder
    })
  }
  markDirty(state, pool)
  pool.joining = waiter
  state.pump()
  pool.joining = undefined
  return waiter
}

/** Who is acquiring: only while leaks are looked for, since a stack costs some microseconds. */
const captureStack = <C>(state: PoolState<C>): string | undefined =>
  state.leakMillis === Number.POSITIVE_INFINITY ? undefined : new Error("acquired").stack

const isRoutePool = <C>(value: RoutePool<C> | PoolError): value is RoutePool<C> => "connections" in value
