/**
 * Changing the configuration of a running pool.
 */
import { toCount } from "../Limit.ts"
import type { ParsedPoolConfig } from "../PoolConfig.ts"
import { resolvePool, resolveRoute, toMillis } from "../Settings.ts"
import { closeEntry, refit } from "./closing.ts"
import { exactGuarantees, joinGuarantee } from "./guarantees.ts"
import { leakTimes } from "./leakTimes.ts"
import { PendingQueue } from "./PendingQueue.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { isOverTotal } from "./permitting.ts"
import type { RoutePool } from "./RoutePool.ts"
import { forgetRoute, isRoutesOver } from "./routing.ts"
import type { Waiter } from "./Waiter.ts"

/** Puts a checked configuration in force, all of it, before anybody is woken. */
export const reconfigure = <C>(state: PoolState<C>, config: ParsedPoolConfig): void => {
  const settings = resolvePool(config)
  state.config = config
  state.settings = settings
  Object.assign(state, leakTimes(settings))
  state.routeIdleMillis = toMillis(settings.routeIdleTimeout)
  state.budget.resize(toCount(settings.connectionsMax))
  state.diallingPermits.resize(toCount(settings.diallingMax))
  state.guarantees = exactGuarantees(config)
  for (const route of state.routes.values()) reconfigureRoute(state, route)
  for (const route of state.routes.values()) applyToConnections(state, route)
  shrinkTotal(state)
  for (const route of state.emptyRoutes) if (isRoutesOver(state)) forgetRoute(state, route)
  // Leases may be due to be reported, and routes to be forgotten, earlier than the upkeep would look.
  if (state.activeCount > 0 || state.emptyRoutes.size > 0) state.upkeepAlarm.armBy(state.wallMillis())
  state.pump()
}

const reconfigureRoute = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const before = route.limits
  route.limits = resolveRoute(state.config, route.route)
  route.permits.resize(route.limits.connectionsMax)
  joinGuarantee(state, route)
  if (before.settings.waitOrder !== route.limits.settings.waitOrder) reorder(route)
  markDirty(state, route)
}

/** Closes what is too much, and works out anew where the others belong and when they expire. */
const applyToConnections = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const { limits, permits } = route
  for (let surplus = permits.held - route.returningCount - limits.connectionsMax; surplus > 0; surplus--) {
    if (route.idle.oldest === undefined) break
    closeEntry(state, route.idle.oldest, "over-limit")
  }
  for (const entry of Array.from(route.connections)) refit(state, entry)
}

/** Moves the waiters to a queue of the other order; they keep their arrival order within it. */
const reorder = <C>(route: RoutePool<C>): void => {
  const pending = new PendingQueue<C>(route.limits.settings.waitOrder === "lifo")
  const waiters: Array<Waiter<C>> = []
  for (let waiter = route.pending.take(); waiter !== undefined; waiter = route.pending.take()) waiters.push(waiter)
  waiters.sort((a, b) => a.sequence - b.sequence)
  for (const waiter of waiters) pending.add(waiter)
  route.pending = pending
}

const shrinkTotal = <C>(state: PoolState<C>): void => {
  while (isOverTotal(state) && state.idle.oldest !== undefined) closeEntry(state, state.idle.oldest, "over-limit")
}
