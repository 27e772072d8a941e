/**
 * Joining and leaving the queue.
 */
import { PoolError } from "../PoolError.ts"
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
    state.roomBlocked.delete(route)
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

/** Fails a waiter wherever it stands. May run the caller's code. */
export const failWaiter = <C>(state: PoolState<C>, waiter: Waiter<C>, error: PoolError): void => {
  if (waiter.state !== "waiting") return
  waiter.state = "failed"
  waiter.route.pending.left(waiter)
  leave(state, waiter)
  settle(state, waiter, error)
}

/**
 * Takes out the waiter to be served next, to be told with `settle` once its lease or its error is made: meanwhile it
 * counts as gone, so that nothing is done for it any more. It may still withdraw: what it would have got stays here.
 */
export const takeNext = <C>(
  state: PoolState<C>,
  route: RoutePool<C>,
  as: "delivered" | "failed"
): Waiter<C> | undefined => {
  const waiter = route.pending.take()
  if (waiter === undefined) return undefined
  waiter.state = as
  leave(state, waiter)
  return waiter
}

/** The caller has gone away. Returns whether the waiter was still waiting. */
export const cancelWaiter = <C>(state: PoolState<C>, waiter: Waiter<C>): boolean => {
  waiter.isWithdrawn = true
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
  if (waiter.isWithdrawn) {
    if (!(result instanceof PoolError)) result.release()
    return
  }
  try {
    waiter.settle(result)
  } catch (defect) {
    // A caller that throws must not keep the waiters behind it from being served.
    state.onDefect(defect)
  }
}
