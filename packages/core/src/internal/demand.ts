/**
 * How many dials the waiters of a route need.
 */
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/** Idle connections being probed do for waiters as well as dials. (One being pinged may turn out to be dead.) */
const dialsFor = <C>(route: RoutePool<C>, waiterCount: number): number => {
  const uncovered = waiterCount - route.probingCount
  // A number divided by infinity is 0, but one dial is what it takes.
  return uncovered <= 0 ? 0 : Math.max(1, Math.ceil(uncovered / route.waitersPerDial))
}

/** How many more leases may be out, over all routes. Negative when `activeMax` has been lowered. */
export const roomTotal = <C>(state: PoolState<C>): number => {
  const { activeMax } = state.settings
  return activeMax === "unlimited" ? Number.POSITIVE_INFINITY : activeMax - state.activeCount
}

/** Are as many leases out as the whole pool may have? */
export const isActiveTotalMet = <C>(state: PoolState<C>): boolean => roomTotal(state) <= 0

/** Dials to be begun, beyond what is on its way already, for the waiters that could be served. */
export const dialsNeeded = <C>(state: PoolState<C>, route: RoutePool<C>): number => {
  if (state.phase !== "open" || state.isPaused || route.isPaused) return 0
  const room = Math.min(route.limits.activeMax - route.activeCount, roomTotal(state))
  const wanted = dialsFor(route, Math.min(route.pending.liveCount, room))
  return Math.max(0, wanted - (route.diallingCount - route.givenUpDialCount) - freshCount(route))
}

/** What dials and probes have brought and nobody has got yet. */
export const freshCount = <C>(route: RoutePool<C>): number => {
  let count = 0
  for (const entry of route.fresh) if (entry.freshness !== undefined) count++
  return count
}

/** Dials that will bring more than the waiters need. */
export const dialsBeyondWaiters = <C>(route: RoutePool<C>): number =>
  Math.max(0, route.diallingCount - route.givenUpDialCount - dialsFor(route, route.pending.liveCount))

/** Dials begun for waiters that nobody waits for any more. */
export const dialsSurplus = <C>(route: RoutePool<C>): number => {
  const begunForWaiters = route.diallingCount - route.givenUpDialCount - route.spareDialCount
  return Math.max(0, begunForWaiters - dialsFor(route, route.pending.liveCount))
}
