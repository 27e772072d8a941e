/**
 * Sets of routes as queues: whoever is first is served first.
 */
import type { RoutePool } from "./RoutePool.ts"

export const firstOf = <A>(set: ReadonlySet<A>): A | undefined => {
  for (const value of set) return value
  return undefined
}

/** Is it another route's turn to have what these wait for? */
export const isOthersTurn = <C>(turns: ReadonlySet<RoutePool<C>>, route: RoutePool<C>): boolean => {
  const first = firstOf(turns)
  return first !== undefined && first !== route
}
