/**
 * The pool's memory of routes: made when first used, forgotten when unused, bounded by `routesMax`.
 */
import { toCount } from "../Limit.ts"
import type { PoolError } from "../PoolError.ts"
import type { Route } from "../Route.ts"
import { resolveRoute } from "../Settings.ts"
import { closeEntry } from "./closing.ts"
import { joinGuarantee } from "./guarantees.ts"
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
  const added = new RoutePool<C>(route, resolveRoute(state.config, route))
  state.routes.set(route.key, added)
  joinGuarantee(state, added)
  noteEmpty(state, added)
  if (state.hasListeners()) state.emit({ _tag: "RouteAdded", route: route.label, atMillis: state.wallMillis() })
  return added
}

/** The route has neither connections nor waiters: it may be forgotten. */
export const noteEmpty = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  if (state.emptyRoutes.has(route)) return
  route.emptySinceMillis = state.wallMillis()
  state.emptyRoutes.add(route)
  state.upkeepAlarm.armBy(route.emptySinceMillis + state.routeIdleMillis)
}

export const noteUsed = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  state.emptyRoutes.delete(route)
}

export const forgetRoute = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  state.emptyRoutes.delete(route)
  state.dirty.delete(route)
  state.starving.delete(route)
  state.routes.delete(route.route.key)
  if (state.hasListeners()) {
    state.emit({ _tag: "RouteForgotten", route: route.route.label, atMillis: state.wallMillis() })
  }
  state.onRouteForgotten(route)
}

/** Makes room for one more route: forgets the one unused for longest, or closes the longest idle connections. */
const makeRoom = <C>(state: PoolState<C>): boolean => {
  for (const empty of state.emptyRoutes) {
    forgetRoute(state, empty)
    return true
  }
  const candidate = state.idle.oldest?.route
  if (candidate === undefined) return false
  if (candidate.activeCount > 0 || candidate.pending.liveCount > 0 || candidate.diallingCount > 0) return false
  for (const entry of Array.from(candidate.connections)) closeEntry(state, entry, "route-evicted")
  if (!candidate.isEmpty) return false
  forgetRoute(state, candidate)
  return true
}
