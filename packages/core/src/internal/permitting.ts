/**
 * Taking the permits of a dial, all or none, and giving them back.
 */
import { isBelowGuarantee, unmetGuarantees } from "./guarantees.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/** What a dial lacks; `undefined`: it has its permits. */
export type Lack = "route" | "total" | "dialling-route" | "dialling-total"

/** Takes a permit of the route, one of the total, and a place among the dials. */
export const takePermits = <C>(state: PoolState<C>, route: RoutePool<C>): Lack | undefined => {
  if (route.diallingCount >= route.limits.diallingMax) return "dialling-route"
  if (route.permits.free === 0) return "route"
  if (!isBelowGuarantee(route) && state.guarantees.size > 0 && state.budget.free <= unmetGuarantees(state, route)) {
    return "total"
  }
  if (!state.diallingPermits.take()) return "dialling-total"
  if (!state.budget.take(route.route)) {
    state.diallingPermits.give()
    return "total"
  }
  if (!route.permits.take()) throw new Error("a route's permit vanished between the look and the take")
  if (route.guarantee !== undefined) route.guarantee.heldCount++
  state.openCount++
  return undefined
}

/** The connection is gone, or was never opened. */
export const givePermits = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  route.permits.give()
  state.budget.give(route.route)
  if (route.guarantee !== undefined) route.guarantee.heldCount--
  state.openCount--
}
