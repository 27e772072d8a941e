/**
 * The part of the total that is kept for routes with a guarantee.
 */
import type { ParsedPoolConfig } from "../PoolConfig.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/** One guarantee, of all routes with the same authority together. */
export interface Guarantee {
  readonly count: number
  heldCount: number
}

/** The guarantees that hold before their route is first used: those given to an exact route. */
export const exactGuarantees = (config: ParsedPoolConfig): Map<string, Guarantee> => {
  const guarantees = new Map<string, Guarantee>()
  for (const override of config.overrides ?? []) {
    const count = override.connectionsPerRouteGuaranteed ?? 0
    if (count > 0 && !override.match.includes("*")) {
      guarantees.set(override.match.toLowerCase(), { count, heldCount: 0 })
    }
  }
  return guarantees
}

/** A route has come into use, or has new limits. */
export const joinGuarantee = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const count = route.limits.guaranteedCount
  let guarantee = state.guarantees.get(route.authority)
  if (guarantee === undefined && count > 0) {
    guarantee = { count, heldCount: 0 }
    state.guarantees.set(route.authority, guarantee)
  }
  route.guarantee = guarantee
  if (guarantee !== undefined) guarantee.heldCount += route.permits.held
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
