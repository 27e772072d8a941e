/**
 * The part of the total that is kept for routes with a guarantee.
 */
import type { ParsedPoolConfig } from "../PoolConfig.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/** One guarantee, of all routes with the same authority together. */
export interface Guarantee {
  count: number
  heldCount: number
  /** Routes in use that share it. */
  routeCount: number
  /** Given to an exact route: it holds before and after its route is in use. */
  readonly isExact: boolean
}

/** The guarantees that hold before their route is first used: those given to an exact route. */
export const exactGuarantees = (config: ParsedPoolConfig): Map<string, Guarantee> => {
  const guarantees = new Map<string, Guarantee>()
  for (const override of config.overrides ?? []) {
    const count = override.connectionsPerRouteGuaranteed ?? 0
    if (count > 0 && !override.match.includes("*")) {
      guarantees.set(override.match.toLowerCase(), { count, heldCount: 0, routeCount: 0, isExact: true })
    }
  }
  return guarantees
}

/** A route has come into use, or has new limits. */
export const joinGuarantee = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const guarantee = guaranteeOf(state, route)
  route.guarantee = guarantee
  if (guarantee === undefined) return
  state.guarantees.set(route.authority.toLowerCase(), guarantee)
  // What holds for a route is known from its settings, merged; before it is in use there was only the override.
  guarantee.count = route.limits.guaranteedCount
  guarantee.routeCount++
  guarantee.heldCount += route.permits.held
}

/** The guarantee that a route has, or will have when it comes into use. */
export const guaranteeOf = <C>(state: PoolState<C>, { authority, limits }: RoutePool<C>): Guarantee | undefined => {
  const known = state.guarantees.get(authority.toLowerCase())
  if (known !== undefined || limits.guaranteedCount === 0) return known
  return { count: limits.guaranteedCount, heldCount: 0, routeCount: 0, isExact: false }
}

/** A route has been forgotten: what was kept for it by a pattern is kept no more. */
export const leaveGuarantee = <C>(state: PoolState<C>, { authority, guarantee }: RoutePool<C>): void => {
  if (guarantee === undefined) return
  guarantee.routeCount--
  if (guarantee.routeCount === 0 && !guarantee.isExact) state.guarantees.delete(authority.toLowerCase())
}

/** Permits that have to stay free for others than `except`. Costs one look per guarantee; none is the common case. */
export const unmetGuarantees = <C>(state: PoolState<C>, except: RoutePool<C>): number => {
  let unmetCount = 0
  for (const guarantee of state.guarantees.values()) {
    if (guarantee !== except.guarantee) unmetCount += Math.max(0, guarantee.count - guarantee.heldCount)
  }
  return unmetCount
}

/** Is the route below what it is guaranteed? Then it may use what is kept free, and nothing is taken from it. */
export const isBelowGuarantee = <C>(route: RoutePool<C>): boolean =>
  route.guarantee !== undefined && route.guarantee.heldCount < route.guarantee.count

/** May a connection of this route be taken from it for another? */
export const mayLoseOne = <C>(route: RoutePool<C>): boolean =>
  route.guarantee === undefined || route.guarantee.heldCount > route.guarantee.count
