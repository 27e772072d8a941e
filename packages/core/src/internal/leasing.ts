/**
 * Giving a slot of a connection to somebody, and taking it back.
 */
import type { CloseReason } from "../PoolReason.ts"
import { beginIdle, list, unlist } from "./availability.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import type { Entry } from "./Entry.ts"
import { HeldLease } from "./Lease.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"

/**
 * The connection that the next lease of a route gets, or `undefined`. Connections that turn out to be of no use are
 * closed on the way. `"unverified"`: there is one, but it has to be probed first; it is returned by `oldestUnverified`.
 */
export const choose = <C>(
  state: PoolState<C>,
  route: RoutePool<C>,
  nowMillis: number
): Entry<C> | "unverified" | undefined => {
  const { idle, limits } = route
  const { isAlive, probe } = state.factory
  for (;;) {
    const entry = limits.isLifo ? idle.newest : idle.oldest
    if (entry === undefined) return route.partlyUsed.leastLoaded()
    if (entry.expiresAtMillis <= nowMillis) {
      closeEntry(state, entry, entry.expiryReason)
    } else if (isAlive !== undefined && entry.connection !== undefined && !isAlive(entry.connection)) {
      closeEntry(state, entry, "peer-closed")
    } else if (probe !== undefined && nowMillis - entry.verifiedAtMillis > limits.validateAfterMillis) {
      return "unverified"
    } else {
      return entry
    }
  }
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
  if (entry.slotsInUse === 0) entry.moveTo("leased")
  entry.slotsInUse++
  entry.usesCount++
  if (entry.slotsInUse < entry.slotsMax) list(state, entry)
  const { connection } = entry
  if (connection === undefined) throw new Error("a connection was leased before it was open")
  const lease = new HeldLease(state.leaseOwner, entry, connection, nowMillis, holder, stack)
  state.leases.add(lease)
  if (state.leakMillis !== Number.POSITIVE_INFINITY) state.upkeepAlarm.armBy(nowMillis + state.leakMillis)
  route.activeCount++
  state.activeCount++
  route.counters.leasedCount++
  state.counters.leasedCount++
  if (lease.isReused) {
    route.counters.reusedCount++
    state.counters.reusedCount++
    state.histograms.idleMillis.record(lease.idleMillis)
  }
  state.factory.onLease?.(connection)
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
      if (entry.connection !== undefined) state.factory.onIdle?.(entry.connection)
    }
    list(state, entry)
  }
  const isWanted = route.pending.liveCount > 0 || state.starving.size > 0 || state.activeBlocked.size > 0
  if (isWanted) {
    markDirty(state, route)
    for (const blocked of state.activeBlocked) {
      state.activeBlocked.delete(blocked)
      markDirty(state, blocked)
      break
    }
    state.pump()
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
  const { limits, permits } = entry.route
  if (entry.usesCount >= entry.usesMax) return limits.isPooling ? "uses" : "not-pooled"
  if (entry.diesAtMillis <= nowMillis) return "lifetime"
  if (entry.idleHintMillis <= 0) return "idle-hint"
  if (permits.isOver || state.budget.isOver) return "over-limit"
  if (state.phase !== "open") return "shutdown"
  return undefined
}

const emitReturned = <C>(state: PoolState<C>, lease: HeldLease<C>, atMillis: number, heldMillis: number): void => {
  const of = { route: lease.route.label, atMillis, connectionId: lease.connectionId, heldMillis }
  state.emit({ _tag: "Returned", ...of })
  if (lease.isReported) state.emit({ _tag: "Unleaked", ...of, holder: lease.holder })
}
