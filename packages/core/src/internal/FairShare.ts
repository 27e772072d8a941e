/**
 * When the total is full: must a route let a connection that has come back go, so that another route can dial?
 *
 * Without this, a route whose callers never stop coming would hand every connection to its own next waiter, and a route
 * that has none would wait for ever. With too much of it, two busy routes would close each other's connections at every
 * return. So a connection is let go only where that brings the two nearer to an equal share, or where the other has none
 * at all and its caller came first.
 */
export interface Contender {
  readonly heldCount: number
  /** Below what it is guaranteed. */
  readonly isBelowGuarantee: boolean
  /** Holds no more than it is guaranteed: nothing is taken from it. */
  readonly mayLoseOne: boolean
  /** Arrival order of its first waiter; `undefined`: nobody waits. */
  readonly firstSequence: number | undefined
}

export const mustYield = (holder: Contender, starving: Contender): boolean => {
  if (!holder.mayLoseOne || starving.firstSequence === undefined) return false
  if (holder.firstSequence === undefined || starving.isBelowGuarantee) return true
  if (starving.firstSequence > holder.firstSequence) return false
  return starving.heldCount === 0 || starving.heldCount + 1 < holder.heldCount
}
