/**
 * Taking the permits of a dial, all or none, and giving them back.
 */
import type { Entry } from "./Entry.ts"
import { isBelowGuarantee, unmetGuarantees } from "./guarantees.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/** What a dial lacks; `undefined`: it has its permits. */
export type Lack = "route" | "total" | "dialling-route" | "dialling-total"

/** Takes a permit of the route, one of the total, and a place among the dials. */
export const takePermits = <C>(state: PoolState<C>, route: RoutePool<C>): Lack | undefined => {
  const lack = lackOfRoute(route)
  if (lack !== undefined) return lack
  if (isKeptForOthers(state, route)) return "total"
  if (state.diallingPermits.free === 0) return "dialling-total"
  if (!state.budget.take(route.route)) return "total"
  if (!state.diallingPermits.take() || !route.permits.take()) {
    throw new Error("a permit vanished between the look and the take")
  }
  if (route.guarantee !== undefined) route.guarantee.heldCount++
  state.openCount++
  return undefined
}

/** What a dial lacks by the route's own limits. */
export const lackOfRoute = <C>(route: RoutePool<C>): "route" | "dialling-route" | undefined => {
  if (route.diallingCount >= route.limits.diallingMax) return "dialling-route"
  return route.permits.free === 0 ? "route" : undefined
}

/** Is all that is left of the total guaranteed to other routes? */
export const isKeptForOthers = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  state.guarantees.size > 0 && !isBelowGuarantee(route) && state.budget.free <= unmetGuarantees(state, route)

/** The permits of a connection are on their way back: it is being closed, or gives way with its last lease. */
export const noteReturning = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  if (entry.isReturning) return
  entry.isReturning = true
  entry.route.returningCount++
  state.returningCount++
}

/** Are more connections open than a lowered limit allows, and more than are being closed already? */
export const isOverLimit = <C>(state: PoolState<C>, { limits, permits, returningCount }: RoutePool<C>): boolean =>
  permits.held - returningCount > limits.connectionsMax || isOverTotal(state)

export const isOverTotal = <C>({ budget, returningCount }: PoolState<C>): boolean =>
  budget.isOver && budget.held - returningCount > budget.limit

/** The connection is gone, or was never opened. */
export const givePermits = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  route.permits.give()
  state.budget.give(route.route)
  if (route.guarantee !== undefined) route.guarantee.heldCount--
  state.openCount--
}
