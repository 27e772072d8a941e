/**
 * What is done when a time has come: deadlines and back-off ends, which callers wait for, and the upkeep of idle
 * connections, leases and routes, which nobody waits for. Each costs what is due, not what there is.
 */
import { poolError } from "../PoolError.ts"
import type { TimeoutPhase } from "../PoolReason.ts"
import type { RouteReport } from "../RouteReport.ts"
import { lookBy } from "./availability.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { cancelSurplus, keepsMinimum } from "./dialTurns.ts"
import { Entry } from "./Entry.ts"
import type { HeldLease } from "./Lease.ts"
import { endLease } from "./leasing.ts"
import { markDirty, type PoolState, type RouteWake } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"
import { reportRoute } from "./report.ts"
import { forgetRoute } from "./routing.ts"
import { validate } from "./validating.ts"
import { Waiter } from "./Waiter.ts"
import { cancelWaiter, failWaiter } from "./waiting.ts"

/** Fails the waiters whose deadline has passed, and wakes the routes whose back-off is over. */
export const ringUrgent = <C>(state: PoolState<C>, nowMillis: number): number | undefined => {
  for (let item = state.urgent.takeDue(nowMillis); item !== undefined; item = state.urgent.takeDue(nowMillis)) {
    if (item instanceof Waiter) {
      if (item.state === "waiting") timeOut(state, item, nowMillis)
    } else {
      wake(state, item)
    }
  }
  state.pump()
  return state.urgent.nextMillis
}

/** Its back-off is over; it may have been forgotten since. */
const wake = <C>(state: PoolState<C>, { route }: RouteWake<C>): void => {
  if (state.routes.get(route.route.key) === route) markDirty(state, route)
}

const timeOut = <C>(state: PoolState<C>, waiter: Waiter<C>, nowMillis: number): void => {
  const { route } = waiter
  const report = reportRoute(state, route)
  const phase = phaseOf(report)
  const waitedMillis = nowMillis - waiter.arrivedAtMillis
  route.counters.countTimedOut(phase)
  state.counters.countTimedOut(phase)
  if (state.hasListeners()) {
    state.emit({ _tag: "TimedOut", route: route.route.label, atMillis: state.wallMillis(), phase, waitedMillis })
  }
  failWaiter(
    state,
    waiter,
    poolError({
      reason: {
        _tag: "AcquireTimeout",
        phase,
        waitedMillis,
        timeoutMillis: waiter.deadlineMillis - waiter.arrivedAtMillis
      },
      route: route.route.label,
      retry: "always",
      report,
      cause: route.lastConnectError
    })
  )
  cancelSurplus(state, route)
}

const phaseOf = (report: RouteReport): TimeoutPhase => {
  if (report.blockedBy === "dialling") return `connect:${report.connectPhase ?? "start"}`
  return report.blockedBy === "validating" ? "validation" : "queue"
}

/** The caller has gone away while it waited. */
export const abandon = <C>(state: PoolState<C>, waiter: Waiter<C>): void => {
  if (cancelWaiter(state, waiter)) cancelSurplus(state, waiter.route)
}

/** Closes and pings idle connections, reports and reclaims leases, forgets routes. */
export const ringUpkeep = <C>(state: PoolState<C>, nowMillis: number): number | undefined => {
  for (let item = state.upkeep.takeDue(nowMillis); item !== undefined; item = state.upkeep.takeDue(nowMillis)) {
    if (!(item instanceof Entry)) wake(state, item)
    // Otherwise it has been looked at since this was noted, and what is noted last will come up by itself.
    else if (item.upkeepAtMillis <= nowMillis) {
      item.upkeepAtMillis = Number.POSITIVE_INFINITY
      if (item.state === "idle") tend(state, item, nowMillis)
    }
  }
  const leakMillis = watchLeases(state, nowMillis)
  const forgetMillis = forgetEmptyRoutes(state, nowMillis)
  state.pump()
  return Math.min(state.upkeep.nextMillis ?? Number.POSITIVE_INFINITY, leakMillis, forgetMillis)
}

const tend = <C>(state: PoolState<C>, entry: Entry<C>, nowMillis: number): void => {
  if (entry.expiresAtMillis <= nowMillis) {
    if (entry.expiryReason !== "idle-timeout" || !isOfMinimum(state, entry.route)) {
      closeEntry(state, entry, entry.expiryReason)
      return
    }
    const againMillis = nowMillis + Math.max(minimumLookMillis, entry.route.limits.idleTimeoutMillis)
    if (entry.diesAtMillis < againMillis) entry.expiryReason = "lifetime"
    entry.expiresAtMillis = Math.min(entry.diesAtMillis, againMillis)
  }
  if (entry.pingAtMillis <= nowMillis) validate(state, entry, "ping")
  else lookBy(state, entry, Math.min(entry.expiresAtMillis, entry.pingAtMillis))
}

/** A connection of the minimum outlives its idle timeout, and is looked at again after it, or after this if it is longer. */
const minimumLookMillis = 1000

/** Would closing an idle connection of the route only mean dialling another? */
const isOfMinimum = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  route.idle.size <= route.limits.idleMin && keepsMinimum(state, route)

/** Returns when the next lease has to be looked at. */
const watchLeases = <C>(state: PoolState<C>, nowMillis: number): number => {
  const { leakMillis, leases, reclaimMillis, reportedLeases } = state
  for (let lease = leases.oldest; lease !== undefined; lease = leases.oldest) {
    if (lease.leasedAtMillis + leakMillis > nowMillis) break
    leases.remove(lease)
    lease.isReported = true
    reportedLeases.add(lease)
    if (state.hasListeners()) {
      state.emit({ _tag: "LeakSuspected", ...describe(lease, nowMillis), stack: lease.stack })
    }
  }
  for (let lease = reportedLeases.oldest; lease !== undefined; lease = reportedLeases.oldest) {
    if (lease.leasedAtMillis + reclaimMillis > nowMillis) break
    if (state.hasListeners()) state.emit({ _tag: "Reclaimed", ...describe(lease, nowMillis) })
    revoke(state, lease, "reclaimed")
  }
  const nextReport = (leases.oldest?.leasedAtMillis ?? Number.POSITIVE_INFINITY) + leakMillis
  const nextReclaim = (reportedLeases.oldest?.leasedAtMillis ?? Number.POSITIVE_INFINITY) + reclaimMillis
  return Math.min(nextReport, nextReclaim)
}

/** Takes a lease from its holder. The connection takes no new one, and is closed when those of others have ended. */
export const revoke = <C>(
  state: PoolState<C>,
  lease: HeldLease<C>,
  reason: "reclaimed" | "shutdown-deadline"
): void => {
  const { entry } = lease
  drainEntry(state, entry, reason)
  endLease(state, lease, reason)
}

const describe = <C>(lease: HeldLease<C>, nowMillis: number) => ({
  route: lease.route.label,
  atMillis: nowMillis,
  connectionId: lease.connectionId,
  heldMillis: nowMillis - lease.leasedAtMillis,
  holder: lease.holder
})

/** Returns when the next route may be forgotten. */
const forgetEmptyRoutes = <C>(state: PoolState<C>, nowMillis: number): number => {
  // In the order in which they became empty.
  for (const route of state.emptyRoutes) {
    const atMillis = route.emptySinceMillis + state.routeIdleMillis
    if (atMillis > nowMillis) return atMillis
    forgetRoute(state, route)
  }
  return Number.POSITIVE_INFINITY
}
