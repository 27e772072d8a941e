/**
 * Which connection goes when the total is full.
 */
import type { Entry } from "./Entry.ts"
import { mayLoseOne } from "./guarantees.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/**
 * The least recently used idle connection of another route, if one may be taken from it. Without guarantees the first
 * look decides: a route that needs a dial has nearly never an idle connection of its own.
 */
export const findVictim = <C>(state: PoolState<C>, route: RoutePool<C>): Entry<C> | undefined => {
  let victim = state.idle.oldest
  while (victim !== undefined && (victim.route === route || !mayLoseOne(victim.route))) {
    victim = state.idle.newerThan(victim)
  }
  return victim
}
