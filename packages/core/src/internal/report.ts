/**
 * Takes the picture of a route that `explain` and every error show.
 */
import { fromCount, type Limit } from "../Limit.ts"
import type { PoolSettings, RouteKnob } from "../PoolConfig.ts"
import type { PoolCounts, PoolStats } from "../PoolStats.ts"
import type { BlockedBy, HolderReport, LimitReport, RouteReport } from "../RouteReport.ts"
import { sourceOf } from "../Settings.ts"
import type { Counters } from "./Counters.ts"
import { isBelowGuarantee, unmetGuarantees } from "./guarantees.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"
import { poolSource } from "./refusing.ts"

/** At most this many leases are looked at for the holders of a route, so that a refusal stays cheap. */
const leasesLookedAtMax = 64
const holdersShownMax = 3

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
  closedByReason: new Map(counters.closedByReason),
  refusedByReason: new Map(counters.refusedByReason),
  timedOutByPhase: new Map(counters.timedOutByPhase)
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
  if (route.diallingCount > 0 && route.diallingCount >= route.pending.liveCount) return "dialling"
  if (route.validatingCount > 0) return "validating"
  if (route.backoffUntilMillis > state.monotonicMillis()) return "dial-backoff"
  if (route.permits.free === 0) return "connections-route-limit"
  if (state.budget.free === 0)
    return state.idle.size > 0 && route.pending.liveCount === 0 ? "nothing" : "connections-total-limit"
  if (!isBelowGuarantee(route) && state.budget.free <= unmetGuarantees(state, route)) {
    return "guaranteed-to-others"
  }
  if (route.diallingCount >= limits.diallingMax) return "dialling-route-limit"
  if (state.diallingPermits.free === 0) return "dialling-total-limit"
  return route.diallingCount > 0 ? "dialling" : "nothing"
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
  let lease = state.leases.oldest
  for (let seen = 0; lease !== undefined && seen < leasesLookedAtMax && holders.length < holdersShownMax; seen++) {
    if (lease.entry.route === route) {
      holders.push({
        holder: lease.holder,
        connectionId: lease.entry.id,
        heldMillis: nowMillis - lease.leasedAtMillis
      })
    }
    lease = lease.newer
  }
  return holders
}

const neighboursOf = <C>(state: PoolState<C>): RouteReport["neighbours"] =>
  Array.from(state.routes.values(), (one) => ({ route: one.route.label, connectionCount: one.permits.held }))
    .sort((a, b) => b.connectionCount - a.connectionCount)
    .slice(0, holdersShownMax)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
