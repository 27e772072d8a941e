/**
 * Calls of the factory's synchronous hooks. They are the user's code and run in the middle of the pool's work, which a
 * throw must not cut short: it is reported, and the work goes on.
 */
import { Exit } from "effect"
import type { PoolState } from "./PoolState.ts"

export const tellIdle = <C>(state: PoolState<C>, connection: C): void => {
  try {
    state.factory.onIdle?.(connection)
  } catch (defect) {
    state.onDefect(defect)
  }
}

export const tellLeased = <C>(state: PoolState<C>, connection: C): void => {
  try {
    state.factory.onLease?.(connection)
  } catch (defect) {
    state.onDefect(defect)
  }
}

/** A connection of which that cannot be said is not alive. */
export const isAlive = <C>(state: PoolState<C>, connection: C): boolean => {
  try {
    return state.factory.isAlive?.(connection) ?? true
  } catch (defect) {
    state.onDefect(defect)
    return false
  }
}

/** A connection of which that cannot be said is closed. */
export const isReusableAfter = <C>(state: PoolState<C>, connection: C, exit: Exit.Exit<unknown, unknown>): boolean => {
  try {
    return state.factory.isReusableAfter?.(connection, exit) ?? Exit.isSuccess(exit)
  } catch (defect) {
    state.onDefect(defect)
    return false
  }
}
