/**
 * Takes the picture of a route that `explain` and every error show.
 */
import { fromCount, type Limit } from "../Limit.ts"
import type { PoolSettings, RouteKnob } from "../PoolConfig.ts"
import type { PoolCounts, PoolStats } from "../PoolStats.ts"
import type { Route } from "../Route.ts"
import type { BlockedBy, HolderReport, LimitReport, RouteReport } from "../RouteReport.ts"
import { resolveRoute, sourceOf } from "../Settings.ts"
import type { Counters } from "./Counters.ts"
import { coveredCount } from "./covering.ts"
import { findVictim } from "./evicting.ts"
import { guaranteeOf } from "./guarantees.ts"
import type { PoolState } from "./PoolState.ts"
import { isKeptForOthers } from "./permitting.ts"
import { RoutePool } from "./RoutePool.ts"
import { poolSource } from "./refusing.ts"

/** At most this many leases are looked at for the holders of a route, so that a timeout stays cheap. */
const leasesLookedAtMax = 1000
const holdersShownMax = 3

/** Of a route that the pool does not remember, it shows what the first call would meet; looking adds no route. */
export const reportOf = <C>(state: PoolState<C>, route: Route): RouteReport => {
  const known = state.routes.get(route.key)
  if (known !== undefined) return reportRoute(state, known)
  const unknown = new RoutePool<C>(route, resolveRoute(state.config, route), state.wallMillis())
  unknown.guarantee = guaranteeOf(state, unknown)
  return reportRoute(state, unknown)
}

export const reportRoute = <C>(state: PoolState<C>, route: RoutePool<C>): RouteReport => {
  const blockedBy = whatBlocks(state, route)
  const ofPool = poolLimits(state)
  const ofRoute = routeLimits(route)
  return {
    route: route.route.label,
    blockedBy,
    connections: ofRoute.connections,
    connectionsTotal: ofPool.connections,
    active: ofRoute.active,
    activeTotal: ofPool.active,
    pending: ofRoute.pending,
    pendingTotal: ofPool.pending,
    dialling: ofRoute.dialling,
    diallingTotal: ofPool.dialling,
    idleCount: route.idle.size,
    validatingCount: route.validatingCount,
    connectPhase: connectPhase(route),
    failuresInRow: route.failuresInRow,
    backoffMillis: Math.max(0, route.backoffUntilMillis - state.monotonicMillis()),
    lastConnectError: route.lastConnectError === undefined ? undefined : messageOf(route.lastConnectError),
    holders: holdersOf(state, route),
    neighbours: blockedBy === "connections-total-limit" ? neighboursOf(state) : []
  }
}

interface LimitReports {
  readonly connections: LimitReport
  readonly dialling: LimitReport
  readonly active: LimitReport
  readonly pending: LimitReport
  readonly idle: LimitReport
}

const poolLimits = <C>(state: PoolState<C>): LimitReports => {
  const { settings } = state
  const of = (used: number, limit: Limit, knob: keyof PoolSettings) => ({
    used,
    limit,
    source: poolSource(state, knob)
  })
  return {
    connections: of(state.budget.held, fromCount(state.budget.limit), "connectionsMax"),
    dialling: of(state.diallingPermits.held, settings.diallingMax, "diallingMax"),
    active: of(state.activeCount, settings.activeMax, "activeMax"),
    pending: of(state.pendingCount, settings.pendingMax, "pendingMax"),
    idle: of(state.idle.size, settings.idleMax, "idleMax")
  }
}

const routeLimits = <C>(route: RoutePool<C>): LimitReports => {
  const { limits } = route
  const of = (used: number, count: number, knob: RouteKnob) => ({
    used,
    limit: fromCount(count),
    source: sourceOf(limits, knob)
  })
  return {
    connections: of(route.permits.held, limits.connectionsMax, "connectionsPerRouteMax"),
    dialling: of(route.diallingCount, limits.diallingMax, "diallingPerRouteMax"),
    active: of(route.activeCount, limits.activeMax, "activePerRouteMax"),
    pending: of(route.pending.liveCount, limits.pendingMax, "pendingPerRouteMax"),
    idle: of(route.idle.size, limits.idleMax, "idlePerRouteMax")
  }
}

/** The whole pool in numbers. */
export const statsOf = <C>(state: PoolState<C>): PoolStats => ({
  name: state.settings.name,
  phase: state.phase,
  ...poolLimits(state),
  ...countsOf(state.counters),
  routes: Array.from(state.routes.values(), (route) => ({
    route: route.route.label,
    routeKey: route.route.key,
    ...routeLimits(route),
    ...countsOf(route.counters)
  }))
})

/** Copies: a snapshot does not change under its reader. */
const countsOf = (counters: Counters): PoolCounts => ({
  createdCount: counters.createdCount,
  leasedCount: counters.leasedCount,
  reusedCount: counters.reusedCount,
  connectFailedCount: counters.connectFailedCount,
  cancelledCount: counters.cancelledCount,
  closedByReason: Object.fromEntries(counters.closedByReason),
  refusedByReason: Object.fromEntries(counters.refusedByReason),
  timedOutByPhase: Object.fromEntries(counters.timedOutByPhase)
})

const whatBlocks = <C>(state: PoolState<C>, route: RoutePool<C>): BlockedBy => {
  const { limits } = route
  if (state.phase !== "open") return "pool-closed"
  if (state.isPaused || route.isPaused) return "paused"
  if (route.activeCount >= limits.activeMax) return "active-route-limit"
  if (state.settings.activeMax !== "unlimited" && state.activeCount >= state.settings.activeMax) {
    return "active-total-limit"
  }
  if (route.pending.liveCount === 0 && (route.idle.size > 0 || route.partlyUsed.leastLoaded() !== undefined)) {
    return "nothing"
  }
  const underWay = route.diallingCount > 0 ? "dialling" : route.probingCount > 0 ? "validating" : undefined
  if (underWay !== undefined && coveredCount(route) >= route.pending.liveCount) return underWay
  if (route.backoffUntilMillis > state.monotonicMillis()) return "dial-backoff"
  if (route.permits.free === 0) return "connections-route-limit"
  const isEvicting = route.pending.liveCount === 0 && findVictim(state, route) !== undefined
  if (state.budget.free === 0 && !isEvicting) return "connections-total-limit"
  if (isKeptForOthers(state, route) && !isEvicting) return "guaranteed-to-others"
  if (route.diallingCount >= limits.diallingMax) return "dialling-route-limit"
  if (state.diallingPermits.free === 0) return "dialling-total-limit"
  return underWay ?? "nothing"
}

const connectPhase = <C>(route: RoutePool<C>): string | undefined => {
  if (route.diallingCount === 0) return undefined
  for (const entry of route.connections) if (entry.state === "connecting") return entry.connectPhase
  return undefined
}

const holdersOf = <C>(state: PoolState<C>, route: RoutePool<C>): ReadonlyArray<HolderReport> => {
  const holders: Array<HolderReport> = []
  if (route.activeCount === 0) return holders
  const nowMillis = state.wallMillis()
  let seenCount = 0
  // Those reported as leaked are the oldest of all.
  for (const list of [state.reportedLeases, state.leases]) {
    for (let lease = list.oldest; lease !== undefined; lease = lease.newer) {
      if (seenCount++ >= leasesLookedAtMax || holders.length === holdersShownMax) return holders
      if (lease.entry.route !== route) continue
      holders.push({
        holder: lease.holder,
        connectionId: lease.entry.id,
        heldMillis: nowMillis - lease.leasedAtMillis
      })
    }
  }
  return holders
}

/** The routes with most connections, found in one pass: there may be many routes, and many timeouts at once. */
const neighboursOf = <C>(state: PoolState<C>): RouteReport["neighbours"] => {
  const most: Array<RoutePool<C>> = []
  for (const route of state.routes.values()) {
    const at = most.findIndex((other) => other.permits.held < route.permits.held)
    if (at >= 0) most.splice(at, 0, route)
    else if (most.length < holdersShownMax) most.push(route)
    if (most.length > holdersShownMax) most.pop()
  }
  return most
    .filter((route) => route.permits.held > 0)
    .map((route) => ({ route: route.route.label, connectionCount: route.permits.held }))
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
