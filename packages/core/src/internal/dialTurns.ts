/**
 * Starting dials, in turn.
 *
 * What all routes share, the total and the dials at once, they are given in turn: while one waits for it, another does
 * not take it, but stands behind.
 */
import { closeEntry } from "./closing.ts"
import { recount } from "./covering.ts"
import { dialsBeyondWaiters, dialsNeeded, dialsSurplus, isActiveTotalMet, roomTotal } from "./demand.ts"
import { cancelDial, dial } from "./dialling.ts"
import type { Entry } from "./Entry.ts"
import { findVictim } from "./evicting.ts"
import { isBelowGuarantee } from "./guarantees.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { type Lack, lackOfRoute, takePermits } from "./permitting.ts"
import type { RoutePool } from "./RoutePool.ts"
import { firstOf, isOthersTurn } from "./turns.ts"

export const dialForWaiters = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  watchRoom(state, route)
  // It may not lease what it dialled for before its turn, and would dial again for want of it; its turn brings it here.
  if (isOthersTurn(state.activeBlocked, route)) return
  while (dialsNeeded(state, route) > 0 && !isBackingOff(state, route)) {
    if (dialOne(state, route) !== undefined) return
  }
}

/** Does it dial for fewer than wait because of `activeMax`? A lease that ends, on any route, may be reason for another dial. */
const watchRoom = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const room = roomTotal(state)
  if (route.pending.liveCount > room) {
    state.roomBlocked.add(route)
    state.roomSeenCount = Math.min(state.roomSeenCount, room)
  } else {
    state.roomBlocked.delete(route)
  }
}

/** Under `surplusDial: "cancel"`, dials that nobody needs any more are given up. */
export const cancelSurplus = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  if (route.limits.settings.surplusDial !== "cancel") return
  for (let surplus = dialsSurplus(route); surplus > 0; surplus--) cancelDial(route)
  recount(state, route)
}

/**
 * Keeps the minimum of idle connections of a route that is in use; nobody waits for it, so nothing is evicted and no
 * turn is taken.
 */
export const dialForMinimum = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  state.minimumBlocked.delete(route)
  if (state.phase !== "open" || !keepsMinimum(state, route)) return
  let missing = route.limits.idleMin - route.idle.size - route.validatingCount - dialsBeyondWaiters(route)
  // A connection more than the pool keeps idle would only be closed again.
  const { idleMax } = state.settings
  if (idleMax !== "unlimited") missing = Math.min(missing, idleMax - state.idle.size)
  for (; missing > 0; missing--) {
    if (isBackingOffSpare(state, route)) return
    if (lackOfRoute(route) !== undefined) return
    if (dialSpare(state, route) === undefined) {
      state.minimumBlocked.add(route)
      return
    }
  }
}

/** Is a minimum of idle connections to be kept? A route that nobody has asked for in a while keeps none. */
export const keepsMinimum = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  route.limits.idleMin > 0 && state.wallMillis() - route.usedAtMillis < state.routeIdleMillis

/** Starts a dial that no waiter asked for, if permits are free. */
export const dialSpare = <C>(state: PoolState<C>, route: RoutePool<C>): Entry<C> | undefined => {
  const isOthers = state.starving.size > 0 || state.diallingBlocked.size > 0
  return isOthers || takePermits(state, route) !== undefined ? undefined : dial(state, route, true)
}

/** Does the route wait after failed dials? Then it is woken when the wait is over. */
const isBackingOff = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  const untilMillis = route.backoffUntilMillis
  // Mostly it has never failed, and the clock need not be read.
  if (untilMillis === Number.NEGATIVE_INFINITY || untilMillis <= state.monotonicMillis()) return false
  if (route.wake === undefined || route.wakeAtMillis !== untilMillis) {
    route.wakeAtMillis = untilMillis
    route.wake = { route }
    state.urgent.add(untilMillis, route.wake)
    state.urgentAlarm.armBy(untilMillis)
  }
  return true
}

/**
 * The same where nobody waits: the upkeep wakes the route. Nor is a connection that ended unused replaced too soon. The
 * two clocks may disagree by a fraction, so a wake a millisecond late will do.
 */
const isBackingOffSpare = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  const nowMillis = state.wallMillis()
  const atMillis = Math.max(nowMillis + route.backoffUntilMillis - state.monotonicMillis(), route.spareAfterMillis)
  if (atMillis <= nowMillis) return false
  if (route.spareWakeAtMillis <= nowMillis || route.spareWakeAtMillis > atMillis + 1) {
    route.spareWakeAtMillis = atMillis
    state.upkeep.add(atMillis, { route })
    state.upkeepAlarm.armBy(atMillis)
  }
  return true
}

/** Starts one dial if its permits can be had; otherwise notes what the route waits for. */
const dialOne = <C>(state: PoolState<C>, route: RoutePool<C>): Lack | undefined => {
  let lack: Lack | undefined = lackOfRoute(route)
  // The end of one of the route's own connections or dials wakes it.
  if (lack !== undefined) return lack
  if (isOthersTurn(state.starving, route) && !isBelowGuarantee(route)) lack = "total"
  else if (isOthersTurn(state.diallingBlocked, route)) lack = "dialling-total"
  else {
    lack = takePermits(state, route)
    while (lack === "total" && evictForOther(state, route)) lack = takePermits(state, route)
  }
  if (lack === undefined) dial(state, route, false)
  else if (lack === "total") state.starving.add(route)
  else if (lack === "dialling-total") state.diallingBlocked.add(route)
  return lack
}

/**
 * The total is full: closes an idle connection of another route. One that takes its time to close gives its permit back
 * later, and `feedStarving` passes it on: until then nothing more is closed than is needed.
 */
const evictForOther = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  if (isReturningEnough(state, route)) return false
  const victim = findVictim(state, route)
  if (victim === undefined) return false
  closeEntry(state, victim, "evicted-for-other-route")
  return true
}

/**
 * Lets the routes that wait for the total dial, in turn. Returns whether anything changed; that a route waits for a place
 * among the dials instead is no change, or two routes that lack both would change places for ever.
 */
export const feedStarving = <C>(state: PoolState<C>): boolean => {
  if (firstStarving(state) === undefined || (state.budget.free === 0 && state.idle.size === 0)) return false
  for (const route of state.starving) {
    const lack = isWanting(state, route) ? dialOne(state, route) : "route"
    if (lack === "total") {
      // With guarantees, the first may have to go on waiting where one behind it may be served.
      if (state.guarantees.size === 0) break
      continue
    }
    takeTurn(state, state.starving, route, lack)
    if (lack !== "dialling-total") return true
  }
  return state.dirty.size > 0
}

/** Lets the routes that wait for a place among the dials dial, in turn. Returns the same. */
export const feedDialling = <C>(state: PoolState<C>): boolean => {
  if (state.diallingPermits.free === 0) return false
  for (const route of state.diallingBlocked) {
    const lack = isWanting(state, route) ? dialOne(state, route) : "route"
    if (lack === "dialling-total") break
    takeTurn(state, state.diallingBlocked, route, lack)
    if (lack !== "total") return true
  }
  return state.dirty.size > 0
}

const isWanting = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  dialsNeeded(state, route) > 0 && !isBackingOff(state, route)

/** A route has had its turn: if it dialled and wants to dial again, it stands behind the others. */
const takeTurn = <C>(
  state: PoolState<C>,
  turns: Set<RoutePool<C>>,
  route: RoutePool<C>,
  lack: Lack | undefined
): void => {
  leaveTurn(state, turns, route)
  if (lack === undefined && dialsNeeded(state, route) > 0) turns.add(route)
}

/** Its waiters may want no dial because not so many leases may be out: then the end of a lease is what they wait for. */
const leaveTurn = <C>(state: PoolState<C>, turns: Set<RoutePool<C>>, route: RoutePool<C>): void => {
  turns.delete(route)
  if (route.pending.liveCount > 0 && isActiveTotalMet(state)) state.activeBlocked.add(route)
  watchRoom(state, route)
}

/** The route, other than `except`, that has waited longest for the total. Those that need it no more are forgotten. */
export const firstStarving = <C>(state: PoolState<C>, except?: RoutePool<C>): RoutePool<C> | undefined => {
  for (const route of state.starving) {
    if (!isWanting(state, route)) leaveTurn(state, state.starving, route)
    else if (route !== except) return route
  }
  return undefined
}

/** Are as many permits on their way back already as the route wants? */
export const isReturningEnough = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  state.returningCount >= dialsNeeded(state, route)

/**
 * After leases have ended and waiters had what connections there are: if more leases may go out than when they were last
 * looked at, routes that dialled for fewer than wait may dial for more. Where the room is taken up at once, as it is
 * under load, nobody is looked at for it.
 */
export const feedRoom = <C>(state: PoolState<C>): boolean => {
  if (state.roomBlocked.size === 0) return false
  const room = roomTotal(state)
  if (room <= state.roomSeenCount) return false
  state.roomSeenCount = room
  for (const route of state.roomBlocked) markDirty(state, route)
  return true
}

/** With nobody waiting for permits, a route may dial for its minimum again. Returns whether one did. */
export const feedMinimum = <C>(state: PoolState<C>): boolean => {
  const route = firstOf(state.minimumBlocked)
  if (route === undefined || state.starving.size > 0 || state.diallingBlocked.size > 0) return false
  if (state.budget.free === 0 || state.diallingPermits.free === 0) return false
  dialForMinimum(state, route)
  return !state.minimumBlocked.has(route)
}
