/**
 * The pool's memory of routes: made when first used, forgotten when unused, bounded by `routesMax`.
 */
import { toCount } from "../Limit.ts"
import type { PoolError } from "../PoolError.ts"
import type { Route } from "../Route.ts"
import { resolveRoute } from "../Settings.ts"
import { closeEntry } from "./closing.ts"
import { joinGuarantee, leaveGuarantee } from "./guarantees.ts"
import type { PoolState } from "./PoolState.ts"
import { RoutePool } from "./RoutePool.ts"
import { poolSource, refuse } from "./refusing.ts"

/** The pool's record of a route, made if need be. */
export const routePool = <C>(state: PoolState<C>, route: Route): RoutePool<C> | PoolError =>
  state.routes.get(route.key) ?? addRoute(state, route)

const addRoute = <C>(state: PoolState<C>, route: Route): RoutePool<C> | PoolError => {
  const limit = toCount(state.settings.routesMax)
  if (state.routes.size >= limit && !makeRoom(state)) {
    return refuse(state, undefined, route.label, "routes-limit", {
      limitCount: limit,
      usedCount: state.routes.size,
      source: poolSource(state, "routesMax")
    })
  }
  const added = new RoutePool<C>(route, resolveRoute(state.config, route), state.wallMillis())
  state.routes.set(route.key, added)
  state.onRouteAdded?.(added)
  joinGuarantee(state, added)
  // Even with a route too many: the one that gives way may still be closing, and this one is about to be used.
  keepEmpty(state, added)
  if (state.hasListeners()) state.emit({ _tag: "RouteAdded", route: route.label, atMillis: state.wallMillis() })
  return added
}

/** The route is empty: it may be forgotten. One that gave way for another is, now that its connections have closed. */
export const noteEmpty = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  if (state.emptyRoutes.has(route)) return
  if (isRoutesOver(state)) {
    forgetRoute(state, route)
    return
  }
  keepEmpty(state, route)
}

const keepEmpty = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  route.emptySinceMillis = state.wallMillis()
  state.emptyRoutes.add(route)
  if (state.phase === "open") state.upkeepAlarm.armBy(route.emptySinceMillis + state.routeIdleMillis)
}

export const isRoutesOver = <C>(state: PoolState<C>): boolean => state.routes.size > toCount(state.settings.routesMax)

export const noteUsed = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  state.emptyRoutes.delete(route)
}

export const forgetRoute = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  for (const routes of [
    state.emptyRoutes,
    state.dirty,
    state.starving,
    state.diallingBlocked,
    state.activeBlocked,
    state.minimumBlocked
  ]) {
    routes.delete(route)
  }
  route.isForgotten = true
  state.routes.delete(route.route.key)
  leaveGuarantee(state, route)
  if (state.hasListeners()) {
    state.emit({ _tag: "RouteForgotten", route: route.route.label, atMillis: state.wallMillis() })
  }
  state.onRouteForgotten(route)
}

/**
 * Makes room for one more route: forgets the one empty for longest, or closes the connections of the one idle for
 * longest. That one is forgotten when they have closed; until then one route more is remembered.
 */
const makeRoom = <C>(state: PoolState<C>): boolean => {
  for (const empty of state.emptyRoutes) {
    forgetRoute(state, empty)
    return true
  }
  for (let idle = state.idle.oldest; idle !== undefined; idle = state.idle.newerThan(idle)) {
    const { route } = idle
    if (!isUnused(route)) continue
    // Nobody has asked for it in a while, so its minimum of idle connections is not kept up either.
    route.usedAtMillis = Number.NEGATIVE_INFINITY
    for (const entry of Array.from(route.connections)) closeEntry(state, entry, "route-evicted")
    if (route.isEmpty) forgetRoute(state, route)
    return true
  }
  return false
}

const isUnused = <C>(route: RoutePool<C>): boolean =>
  route.activeCount + route.pending.liveCount + route.diallingCount + route.validatingCount === 0 && !route.isPaused
