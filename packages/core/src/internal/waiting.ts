/**
 * Joining and leaving the queue.
 */
import type { PoolError } from "../PoolError.ts"
import { recount } from "./covering.ts"
import type { HeldLease } from "./Lease.ts"
import type { PoolState, RouteWake } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"
import { noteEmpty } from "./routing.ts"
import { Waiter } from "./Waiter.ts"

const isLiveItem = <C>(item: Waiter<C> | RouteWake<C>): boolean =>
  item instanceof Waiter ? item.state === "waiting" : item === item.route.wake

/** Takes a waiter that is still waiting out of every list, from any place in them. */
const leave = <C>(state: PoolState<C>, waiter: Waiter<C>): void => {
  const { route } = waiter
  state.pendingCount--
  recount(state, route)
  if (route.pending.liveCount === 0) {
    // It is nobody's turn who waits no more.
    state.starving.delete(route)
    state.diallingBlocked.delete(route)
    state.activeBlocked.delete(route)
    if (route.wake !== undefined) {
      route.wake = undefined
      state.urgent.forget(isLiveItem)
    }
    if (route.isEmpty) noteEmpty(state, route)
  }
  if (state.pendingCount === 0) {
    // Nobody waits: what is left are dead deadlines, and a timer for them would keep the process from ending.
    state.urgent.clear()
    state.urgentAlarm.disarm()
  } else if (waiter.deadlineMillis !== Number.POSITIVE_INFINITY) {
    state.urgent.forget(isLiveItem)
  }
}

/** Hands a lease to the waiter that `PendingQueue.take` has just returned. May run the caller's code. */
export const deliver = <C>(state: PoolState<C>, waiter: Waiter<C>, lease: HeldLease<C>): void => {
  waiter.state = "delivered"
  leave(state, waiter)
  settle(state, waiter, lease)
}

/** Fails a waiter wherever it stands. May run the caller's code. */
export const failWaiter = <C>(state: PoolState<C>, waiter: Waiter<C>, error: PoolError): void => {
  if (waiter.state !== "waiting") return
  waiter.state = "failed"
  waiter.route.pending.left(waiter)
  leave(state, waiter)
  settle(state, waiter, error)
}

/**
 * Takes out the waiter to be served next, to be failed with `settle` once its error can be told: meanwhile it counts as
 * gone, so that nothing is done for it any more.
 */
export const takeToFail = <C>(state: PoolState<C>, route: RoutePool<C>): Waiter<C> | undefined => {
  const waiter = route.pending.take()
  if (waiter === undefined) return undefined
  waiter.state = "failed"
  leave(state, waiter)
  return waiter
}

/** The caller has gone away. Returns whether the waiter was still waiting. */
export const cancelWaiter = <C>(state: PoolState<C>, waiter: Waiter<C>): boolean => {
  if (waiter.state !== "waiting") return false
  waiter.state = "cancelled"
  waiter.route.pending.left(waiter)
  leave(state, waiter)
  waiter.route.counters.cancelledCount++
  state.counters.cancelledCount++
  if (state.hasListeners()) {
    state.emit({
      _tag: "Cancelled",
      route: waiter.route.route.label,
      atMillis: state.wallMillis(),
      waitedMillis: state.monotonicMillis() - waiter.arrivedAtMillis
    })
  }
  return true
}

/** Tells a waiter that has left the queue what it got. May run the caller's code. */
export const settle = <C>(state: PoolState<C>, waiter: Waiter<C>, result: HeldLease<C> | PoolError): void => {
  try {
    waiter.settle(result)
  } catch (defect) {
    // A caller that throws must not keep the waiters behind it from being served.
    state.onDefect(defect)
  }
}
