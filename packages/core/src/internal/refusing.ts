/**
 * The limits that an acquire can be refused by, asked in the order in which a caller would want to hear of them.
 */
import { toCount } from "../Limit.ts"
import type { PoolSettings } from "../PoolConfig.ts"
import { type PoolError, poolError } from "../PoolError.ts"
import type { RefusalReason } from "../PoolReason.ts"
import { sourceOf } from "../Settings.ts"
import { coveredCount, recount } from "./covering.ts"
import { findVictim } from "./evicting.ts"
import type { PoolState } from "./PoolState.ts"
import { isKeptForOthers, lackOfRoute } from "./permitting.ts"
import type { RoutePool } from "./RoutePool.ts"

/** Builds the error and counts it. */
export const refuse = <C>(
  state: PoolState<C>,
  route: RoutePool<C> | undefined,
  label: string,
  reason: RefusalReason,
  numbers: { readonly limitCount: number; readonly usedCount: number; readonly source: string }
): PoolError => {
  state.counters.countRefused(reason)
  route?.counters.countRefused(reason)
  if (state.hasListeners()) state.emit({ _tag: "Refused", route: label, atMillis: state.wallMillis(), reason })
  return poolError({
    reason: { _tag: "Refused", reason, ...numbers },
    route: label,
    retry: reason === "pool-closed" ? "never" : "always",
    report: undefined
  })
}

/** Above the limit on active leases, where the route refuses instead of queueing. */
export const activeRefusal = <C>(state: PoolState<C>, route: RoutePool<C>): PoolError | undefined => {
  const { limits } = route
  if (limits.settings.activeOverflow !== "refuse") return undefined
  if (route.activeCount >= limits.activeMax) {
    return refuse(state, route, route.route.label, "active-route-limit", {
      limitCount: limits.activeMax,
      usedCount: route.activeCount,
      source: sourceOf(limits, "activePerRouteMax")
    })
  }
  const total = toCount(state.settings.activeMax)
  if (state.activeCount < total) return undefined
  return refuse(state, route, route.route.label, "active-total-limit", {
    limitCount: total,
    usedCount: state.activeCount,
    source: poolSource(state, "activeMax")
  })
}

/** Above the limits on waiters. */
export const pendingRefusal = <C>(state: PoolState<C>, route: RoutePool<C>): PoolError | undefined => {
  const { limits, pending } = route
  const countsAll = limits.settings.pendingIncludesDialling
  if (!countsAll) {
    recount(state, route)
    if (pending.liveCount < coveredCount(route) || isServedSoon(state, route)) return undefined
  }
  const routeCount = countsAll ? pending.liveCount : route.uncoveredCount
  if (routeCount >= limits.pendingMax) {
    return refuse(state, route, route.route.label, "pending-route-limit", {
      limitCount: limits.pendingMax,
      usedCount: routeCount,
      source: sourceOf(limits, "pendingPerRouteMax")
    })
  }
  const total = toCount(state.settings.pendingMax)
  const totalCount = countsAll ? state.pendingCount : state.uncoveredCount
  if (totalCount < total) return undefined
  return refuse(state, route, route.route.label, "pending-total-limit", {
    limitCount: total,
    usedCount: totalCount,
    source: poolSource(state, "pendingMax")
  })
}

/** Would a newcomer be first in the queue, with an idle connection to be probed or a dial to be started for it at once? */
const isServedSoon = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  if (state.isPaused || route.isPaused || route.activeCount >= route.limits.activeMax) return false
  if (state.activeCount >= toCount(state.settings.activeMax)) return false
  if (route.pending.liveCount > coveredCount(route)) return false
  if (route.idle.size > 0) return true
  if (lackOfRoute(route) !== undefined || route.backoffUntilMillis > state.monotonicMillis()) return false
  if (state.diallingPermits.free === 0 || state.diallingBlocked.size > 0 || state.starving.size > 0) return false
  const hasTotal = state.budget.free > 0 && !isKeptForOthers(state, route)
  return hasTotal || findVictim(state, route) !== undefined
}

/** By the observed service time, would the newcomer's turn come only after its deadline? */
export const hopelessRefusal = <C>(
  state: PoolState<C>,
  route: RoutePool<C>,
  leftMillis: number
): PoolError | undefined => {
  const { limits, serviceMillis } = route
  if (!limits.settings.isSheddingHopeless || serviceMillis === undefined) return undefined
  const servers = Math.min(limits.activeMax, Math.max(1, route.permits.held) * route.waitersPerDial)
  const expectedMillis = Math.ceil(((route.pending.liveCount + 1) * serviceMillis) / servers)
  if (route.pending.liveCount === 0 || expectedMillis <= leftMillis) return undefined
  return refuse(state, route, route.route.label, "deadline-hopeless", {
    limitCount: leftMillis,
    usedCount: expectedMillis,
    source: sourceOf(limits, "isSheddingHopeless")
  })
}

/** Where a knob of the whole pool was set. */
export const poolSource = <C>(state: PoolState<C>, knob: keyof PoolSettings): string =>
  state.config[knob] === undefined ? "default" : (state.config.sources?.[knob] ?? "pool")
