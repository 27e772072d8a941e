/**
 * When does the peer close idle connections? Learned from watching it.
 *
 * A server that closes after its keep-alive timeout does so at the same idle age each time; one that restarts closes
 * connections of all ages at once. So an age counts as learned only after `agesNeeded` closes in a row lay close
 * together, and closes that fall within the same second count as one.
 *
 * A close within the first second says nothing: no server is that impatient on purpose, but one in trouble is, and what
 * was learned of it would keep every connection from being used again long after its recovery.
 */

const agesNeeded = 3
const ageMillisMin = 1000
/** How far the ages may lie apart: a tenth, or half a second for short ones. */
const spreadRatio = 0.1
const spreadMillisMin = 500
/** Connections are retired before the learned age by a tenth of it, between these bounds. */
const marginMillisMin = 100
const marginMillisMax = 2000
/** What was learned is forgotten after this, so that a peer that has become more patient is noticed. */
const memoryMillis = 15 * 60_000

export interface IdleObservations {
  readonly agesMillis: ReadonlyArray<number>
  readonly lastAtMillis: number
  /** Close idle connections at this age. */
  readonly retireAfterMillis: number | undefined
}

/** The peer has closed a connection that had been idle for `ageMillis`. */
export const observe = (
  before: IdleObservations | undefined,
  ageMillis: number,
  nowMillis: number
): IdleObservations | undefined => {
  if (ageMillis < ageMillisMin) return before
  // What is too old to be used is too old to be built upon.
  const known = before !== undefined && nowMillis - before.lastAtMillis < memoryMillis ? before : undefined
  const isSameSecond = known !== undefined && nowMillis - known.lastAtMillis < 1000
  const kept = known?.agesMillis ?? []
  const agesMillis = isSameSecond ? kept : [...kept, ageMillis].slice(-agesNeeded)
  const least = Math.min(...agesMillis)
  const spread = Math.max(...agesMillis) - least
  const isStable = agesMillis.length === agesNeeded && spread <= Math.max(spreadMillisMin, least * spreadRatio)
  const margin = Math.min(marginMillisMax, Math.max(marginMillisMin, least * spreadRatio))
  return {
    agesMillis,
    lastAtMillis: isSameSecond ? known.lastAtMillis : nowMillis,
    retireAfterMillis: isStable ? least - margin : known?.retireAfterMillis
  }
}

/** The age to retire at, while what was learned is fresh; `Infinity` otherwise. */
export const retireAfter = (observations: IdleObservations | undefined, nowMillis: number): number =>
  observations?.retireAfterMillis !== undefined && nowMillis - observations.lastAtMillis < memoryMillis
    ? observations.retireAfterMillis
    : Number.POSITIVE_INFINITY
