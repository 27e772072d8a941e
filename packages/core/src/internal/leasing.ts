/**
 * Giving a slot of a connection to somebody, and taking it back.
 */
import type { CloseReason } from "../PoolReason.ts"
import { beginIdle, list, unlist } from "./availability.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { roomTotal } from "./demand.ts"
import type { Entry } from "./Entry.ts"
import { isAlive, tellIdle, tellLeased } from "./factoryHooks.ts"
import { HeldLease } from "./Lease.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { isOverLimit } from "./permitting.ts"
import type { RoutePool } from "./RoutePool.ts"

/**
 * The connection that the next lease of a route gets, or `undefined`. Connections that turn out to be of no use are
 * closed on the way, and what that wakes may change the pool: whoever has looked at limits before looks again.
 * `"unverified"`: the next one, at the end of the idle that leases are taken from, has to be probed first.
 */
export const choose = <C>(
  state: PoolState<C>,
  route: RoutePool<C>,
  nowMillis: number
): Entry<C> | "unverified" | undefined => {
  const { fresh, idle, limits } = route
  for (const entry of fresh) if (entry.freshness !== undefined && entry.hasFreeSlot) return entry
  for (;;) {
    const entry = limits.isLifo ? idle.newest : idle.oldest
    if (entry === undefined) return chooseShared(state, route, nowMillis)
    if (entry.expiresAtMillis <= nowMillis) {
      closeEntry(state, entry, entry.expiryReason)
    } else if (entry.connection === undefined || !isAlive(state, entry.connection)) {
      closeEntry(state, entry, "peer-closed")
    } else if (isUnverified(state, entry, nowMillis)) {
      return chooseShared(state, route, nowMillis) ?? "unverified"
    } else {
      return entry
    }
  }
}

/** The least loaded of the partly used connections; one that has come of age, or has ended, takes no new lease. */
const chooseShared = <C>(state: PoolState<C>, route: RoutePool<C>, nowMillis: number): Entry<C> | undefined => {
  for (;;) {
    const entry = route.partlyUsed.leastLoaded()
    if (entry === undefined) return undefined
    if (entry.diesAtMillis <= nowMillis) drainEntry(state, entry, "lifetime")
    else if (entry.connection === undefined || !isAlive(state, entry.connection)) {
      drainEntry(state, entry, "peer-closed")
    } else {
      return entry
    }
  }
}

const isUnverified = <C>(state: PoolState<C>, entry: Entry<C>, nowMillis: number): boolean => {
  if (state.factory.probe === undefined) return false
  const { validateAfterMillis } = entry.route.limits
  // Within one millisecond nothing is older than 0; 0 means always all the same.
  return validateAfterMillis === 0 || nowMillis - entry.verifiedAtMillis > validateAfterMillis
}

/** Leases one slot of an entry that `choose` returned. */
export const grant = <C>(
  state: PoolState<C>,
  entry: Entry<C>,
  nowMillis: number,
  holder: string | undefined,
  stack: string | undefined
): HeldLease<C> => {
  const { route } = entry
  unlist(state, entry)
  entry.freshness = undefined
  if (entry.slotsInUse === 0) entry.moveTo("leased")
  entry.slotsInUse++
  entry.usesCount++
  if (entry.slotsInUse < entry.slotsMax) list(state, entry)
  const { connection } = entry
  if (connection === undefined) throw new Error("a connection was leased before it was open")
  const lease = new HeldLease(state.leaseOwner, entry, connection, nowMillis, holder, stack)
  state.leases.add(lease)
  if (state.leakMillis !== Number.POSITIVE_INFINITY) state.upkeepAlarm.armBy(nowMillis + state.leakMillis)
  route.usedAtMillis = nowMillis
  route.activeCount++
  state.activeCount++
  route.counters.leasedCount++
  state.counters.leasedCount++
  if (lease.isReused) {
    route.counters.reusedCount++
    state.counters.reusedCount++
    if (entry.slotsInUse === 1) state.histograms.idleMillis.record(lease.idleMillis)
  }
  if (entry.slotsInUse === 1) tellLeased(state, connection)
  return lease
}

/**
 * Ends a lease. The connection is idle again (or closed) before anybody else's code runs, and only then are waiters
 * served: whoever is woken here finds the pool as if the release had long happened.
 */
export const endLease = <C>(
  state: PoolState<C>,
  lease: HeldLease<C>,
  reason: "discarded" | "use-failed" | "use-interrupted" | "reclaimed" | "shutdown-deadline" | undefined
): void => {
  const { entry } = lease
  const { route } = entry
  const nowMillis = state.wallMillis()
  lease.isLive = false
  if (lease.isReported) state.reportedLeases.remove(lease)
  else state.leases.remove(lease)
  // Leases have taken up room since the last one ended.
  if (state.roomBlocked.size > 0) state.roomSeenCount = Math.min(state.roomSeenCount, roomTotal(state))
  route.activeCount--
  state.activeCount--
  entry.slotsInUse--
  const heldMillis = nowMillis - lease.leasedAtMillis
  state.histograms.leaseMillis.record(heldMillis)
  route.serviceMillis = route.serviceMillis === undefined ? heldMillis : route.serviceMillis * 0.9 + heldMillis * 0.1
  if (state.hasListeners()) emitReturned(state, lease, nowMillis, heldMillis)
  const end = reason ?? entry.closeReason ?? endOfLife(state, entry, nowMillis)
  if (end !== undefined) {
    if (entry.slotsInUse === 0) closeEntry(state, entry, end)
    else if (entry.state === "leased") drainEntry(state, entry, end)
  } else {
    unlist(state, entry)
    if (entry.slotsInUse === 0) {
      entry.moveTo("idle")
      beginIdle(state, entry, nowMillis)
      if (entry.connection !== undefined) tellIdle(state, entry.connection)
    }
    list(state, entry)
  }
  const isWanted =
    route.pending.liveCount > 0 || state.starving.size > 0 || state.activeBlocked.size > 0 || state.roomBlocked.size > 0
  if (isWanted) {
    markDirty(state, route)
    state.pump(nowMillis)
  } else {
    trimIdle(state, route)
  }
}

/** Closes idle connections above the limits on them, the least recently used first. */
export const trimIdle = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const { idleMax } = route.limits
  while (route.idle.size > idleMax && route.idle.oldest !== undefined) {
    closeEntry(state, route.idle.oldest, "idle-limit")
  }
  const total = state.settings.idleMax
  if (total === "unlimited") return
  while (state.idle.size > total && state.idle.oldest !== undefined) {
    closeEntry(state, state.idle.oldest, "idle-limit")
  }
}

/** Why a connection that comes back has to be closed, if it has to. */
const endOfLife = <C>(state: PoolState<C>, entry: Entry<C>, nowMillis: number): CloseReason | undefined => {
  const { limits } = entry.route
  if (entry.isUsedUp) return limits.isPooling ? "uses" : "not-pooled"
  if (entry.diesAtMillis <= nowMillis) return "lifetime"
  if (entry.idleHintMillis <= 0) return "idle-hint"
  if (isOverLimit(state, entry.route)) return "over-limit"
  if (state.phase !== "open") return "shutdown"
  return undefined
}

const emitReturned = <C>(state: PoolState<C>, lease: HeldLease<C>, atMillis: number, heldMillis: number): void => {
  const of = { route: lease.route.label, atMillis, connectionId: lease.connectionId, heldMillis }
  state.emit({ _tag: "Returned", ...of })
  if (lease.isReported) state.emit({ _tag: "Unleaked", ...of, holder: lease.holder })
}
