/**
 * What an operator does to a running pool: warm, drain, close idle, pause, resume.
 */
import { Effect, Fiber } from "effect"
import type { Route } from "../Route.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { dialSpare, wakeAll } from "./pumping.ts"
import type { RoutePool } from "./RoutePool.ts"

const chosen = <C>(state: PoolState<C>, route: Route | undefined): ReadonlyArray<RoutePool<C>> => {
  if (route === undefined) return Array.from(state.routes.values())
  const record = state.routes.get(route.key)
  return record === undefined ? [] : [record]
}

/** Opens connections until `count` are open, as far as limits allow; returns how many came to be open. */
export const warm = <C>(state: PoolState<C>, route: RoutePool<C>, count: number): Effect.Effect<number> =>
  Effect.suspend(() => {
    const before = new Set(route.connections)
    while (state.phase === "open" && route.connections.size < count && dialSpare(state, route)) {
      // Each turn starts one dial.
    }
    const begun = Array.from(route.connections).filter((entry) => !before.has(entry))
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

export const pause = <C>(state: PoolState<C>, route: RoutePool<C> | undefined): void => {
  if (route === undefined) state.isPaused = true
  else route.isPaused = true
}

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
