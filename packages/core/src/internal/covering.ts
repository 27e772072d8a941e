/**
 * The waiters that count against the limits on waiting: by default those that no dial and no probe under way is for.
 * Kept as a number for each route and one for the pool, so that a refusal costs the same whatever there is.
 */
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/** Waiters that the dials and probes under way will serve. */
export const coveredCount = <C>(route: RoutePool<C>): number => {
  const dialCount = route.diallingCount - route.givenUpDialCount
  // A dial may be for any number of waiters, and 0 times that is not a number.
  return (dialCount === 0 ? 0 : dialCount * route.waitersPerDial) + route.probingCount
}

/** To be called when waiters, dials or probes of the route have come or gone. */
export const recount = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const uncoveredCount = Math.max(0, route.pending.liveCount - coveredCount(route))
  state.uncoveredCount += uncoveredCount - route.uncoveredCount
  route.uncoveredCount = uncoveredCount
}
