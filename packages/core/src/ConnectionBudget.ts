/**
 * Who grants the permits of the pool's total limit.
 *
 * The default counts in memory. Another implementation may share one budget between many processes: its `take` answers
 * from what this process holds already, and `onAvailable` tells the pool when more has come.
 */
import { Context, Effect, type Scope } from "effect"
import { Permits } from "./internal/Permits.ts"
import type { Route } from "./Route.ts"

/** The permits of one pool, taken before a dial and given back after a close. */
export interface Budget {
  /** Connections open now, by this pool. */
  readonly held: number
  /** The limit as far as it is known here; `Infinity` for none. */
  readonly limit: number
  /** Permits that `take` would grant now. */
  readonly free: number
  /** Has the limit fallen below what is held? Then connections are closed as they come back. */
  readonly isOver: boolean
  /** Takes one permit, at once or not at all. */
  take(route: Route): boolean
  /** Gives one back. */
  give(route: Route): void
  resize(limit: number): void
  /** Calls `wake` whenever permits may have become free in another way than by this pool's own `give`. */
  onAvailable(wake: () => void): void
}

/** Makes the budget of one pool; `limit` is its `connectionsMax`, `Infinity` for unlimited. */
export const ConnectionBudget = Context.Reference<{
  readonly make: (poolName: string, limit: number) => Effect.Effect<Budget, never, Scope.Scope>
}>("@weir/core/ConnectionBudget", {
  defaultValue: () => ({ make: (_poolName, limit) => Effect.sync(() => inMemory(limit)) })
})

/** Counts in this process. */
export const inMemory = (limit: number): Budget => {
  const permits = new Permits(limit)
  return {
    get held() {
      return permits.held
    },
    get limit() {
      return permits.limit
    },
    get free() {
      return permits.free
    },
    get isOver() {
      return permits.isOver
    },
    take: () => permits.take(),
    give: () => permits.give(),
    resize: (count) => permits.resize(count),
    onAvailable: () => {}
  }
}
