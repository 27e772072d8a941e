/**
 * Where a connection stands while it can be leased: among the idle, among the partly used, or nowhere.
 */
import type { CloseReason } from "../PoolReason.ts"
import type { Entry } from "./Entry.ts"
import { retireAfter } from "./LearnedIdle.ts"
import type { PoolState } from "./PoolState.ts"

/** Takes the entry out of whichever list it stands in. */
export const unlist = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  if (entry.isIdleListed) {
    entry.isIdleListed = false
    entry.route.idle.remove(entry)
    state.idle.remove(entry)
  }
  if (entry.bucketIndex >= 0) entry.route.partlyUsed.remove(entry)
}

/** Puts the entry where it belongs by its slots. An idle one goes to the young end of its lists. */
export const list = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  if (!entry.hasFreeSlot) return
  if (entry.slotsInUse > 0) {
    entry.route.partlyUsed.add(entry)
    return
  }
  entry.isIdleListed = true
  entry.route.idle.push(entry)
  state.idle.push(entry)
}

/** Puts an entry back among the idle where its age belongs, after a probe. */
export const listByAge = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  if (!entry.hasFreeSlot) return
  entry.isIdleListed = true
  entry.route.idle.insertByAge(entry)
  state.idle.insertByAge(entry)
}

/** The entry begins an idle period. */
export const beginIdle = <C>(state: PoolState<C>, entry: Entry<C>, nowMillis: number): void => {
  entry.idleSinceMillis = nowMillis
  entry.verifiedAtMillis = nowMillis
  planIdle(state, entry)
}

/** Works out when the entry's idle period ends, and why, and sees that the upkeep looks in time. */
export const planIdle = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  const { limits } = entry.route
  const { idleSinceMillis } = entry
  let idleMillis = limits.idleTimeoutMillis
  let reason: CloseReason = "idle-timeout"
  if (limits.settings.idleJitterRatio > 0) idleMillis *= 1 - limits.settings.idleJitterRatio * state.random()
  if (entry.idleHintMillis < idleMillis) {
    idleMillis = entry.idleHintMillis
    reason = "idle-hint"
  }
  if (entry.route.idleObservations !== undefined && limits.settings.isIdleLearned) {
    const learnedMillis = retireAfter(entry.route.idleObservations, idleSinceMillis)
    if (learnedMillis < idleMillis) {
      idleMillis = learnedMillis
      reason = "idle-learned"
    }
  }
  let expiresAtMillis = idleSinceMillis + idleMillis
  if (entry.diesAtMillis < expiresAtMillis) {
    expiresAtMillis = entry.diesAtMillis
    reason = "lifetime"
  }
  entry.expiresAtMillis = expiresAtMillis
  entry.expiryReason = reason
  planPing(state, entry)
}

/** Works out when the entry is to be pinged next, if it is at all, and sees that the upkeep looks in time. */
export const planPing = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  const { pingIntervalMillis, settings } = entry.route.limits
  const isPinged = (state.factory.ping ?? state.factory.probe) !== undefined
  entry.pingAtMillis =
    isPinged && pingIntervalMillis !== Number.POSITIVE_INFINITY
      ? entry.verifiedAtMillis + pingIntervalMillis * (1 - settings.pingJitterRatio * state.random())
      : Number.POSITIVE_INFINITY
  lookBy(state, entry, Math.min(entry.expiresAtMillis, entry.pingAtMillis))
}

/**
 * Sees that the upkeep looks at the entry no later than `atMillis`. An entry that stands in the heap with an earlier
 * time is left there: returning a connection again and again costs nothing, and the upkeep puts the entry back when it
 * comes up too early. So it is looked at once per idle timeout, not once per use.
 */
export const lookBy = <C>(state: PoolState<C>, entry: Entry<C>, atMillis: number): void => {
  if (atMillis >= entry.upkeepAtMillis || atMillis === Number.POSITIVE_INFINITY) return
  entry.upkeepAtMillis = atMillis
  state.upkeep.add(atMillis, entry)
  state.upkeepAlarm.armBy(atMillis)
}
