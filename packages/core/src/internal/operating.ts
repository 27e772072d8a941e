/**
 * What an operator does to a running pool: warm, drain, close idle, pause, resume.
 */
import { Effect, Fiber } from "effect"
import { PoolError } from "../PoolError.ts"
import type { Route } from "../Route.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { dialSpare } from "./dialTurns.ts"
import type { Entry } from "./Entry.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { wakeAll } from "./pumping.ts"
import type { RoutePool } from "./RoutePool.ts"
import { noteUsed, routePool } from "./routing.ts"

const chosen = <C>(state: PoolState<C>, route: Route | undefined): ReadonlyArray<RoutePool<C>> => {
  if (route === undefined) return Array.from(state.routes.values())
  const record = state.routes.get(route.key)
  return record === undefined ? [] : [record]
}

/** Opens connections until `count` are open, as far as limits allow; returns how many came to be open. */
export const warm = <C>(state: PoolState<C>, route: Route, count: number): Effect.Effect<number, PoolError> =>
  Effect.suspend(() => {
    const record = routePool(state, route)
    if (record instanceof PoolError) return Effect.fail(record)
    const begun: Array<Entry<C>> = []
    // Reckoned once: connections that fail or are closed at once are not dialled again and again.
    for (let missing = count - record.connections.size; missing > 0 && state.phase === "open"; missing--) {
      const entry = dialSpare(state, record)
      if (entry === undefined) break
      begun.push(entry)
    }
    const dials = begun.flatMap((entry) => (entry.fiber === undefined ? [] : [Fiber.await(entry.fiber)]))
    return Effect.map(Effect.all(dials), () => begun.filter((entry) => entry.connection !== undefined).length)
  })

/** Closes connections as they fall idle. Dials under way go on: callers wait for what they bring. */
export const drain = <C>(state: PoolState<C>, route: Route | undefined): void => {
  for (const one of chosen(state, route)) {
    for (const entry of Array.from(one.connections)) drainEntry(state, entry, "drained")
  }
}

export const closeIdle = <C>(state: PoolState<C>, route: Route | undefined): void => {
  for (const one of chosen(state, route)) {
    for (const entry of Array.from(one.connections)) if (entry.state === "idle") closeEntry(state, entry, "closed-idle")
  }
}

export const pauseAll = <C>(state: PoolState<C>): void => {
  state.isPaused = true
}

/** A paused route is remembered until it is resumed. */
export const pause = <C>(state: PoolState<C>, route: Route): Effect.Effect<void, PoolError> =>
  Effect.suspend(() => {
    const record = routePool(state, route)
    if (record instanceof PoolError) return Effect.fail(record)
    record.isPaused = true
    noteUsed(state, record)
    return Effect.void
  })

export const resume = <C>(state: PoolState<C>, route: Route | undefined): void => {
  if (route === undefined) {
    state.isPaused = false
    wakeAll(state)
    return
  }
  for (const one of chosen(state, route)) {
    one.isPaused = false
    markDirty(state, one)
  }
  state.pump()
}
