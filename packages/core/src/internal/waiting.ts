/**
 * Joining and leaving the queue.
 */
import type { PoolError } from "../PoolError.ts"
import type { HeldLease } from "./Lease.ts"
import type { PoolState } from "./PoolState.ts"
import { Waiter } from "./Waiter.ts"

const isLiveItem = (item: object): boolean => !(item instanceof Waiter) || item.state === "waiting"

/** Takes a waiter that is still waiting out of every list, from any place in them. */
const leave = <C>(state: PoolState<C>, waiter: Waiter<C>): void => {
  state.pendingCount--
  if (waiter.deadlineMillis !== Number.POSITIVE_INFINITY) state.urgent.forget(isLiveItem)
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

const settle = <C>(state: PoolState<C>, waiter: Waiter<C>, result: HeldLease<C> | PoolError): void => {
  try {
    waiter.settle(result)
  } catch (defect) {
    // A caller that throws must not keep the waiters behind it from being served.
    state.onDefect(defect)
  }
}
