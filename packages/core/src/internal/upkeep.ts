/**
 * What is done when a time has come: deadlines and back-off ends, which callers wait for, and the upkeep of idle
 * connections, leases and routes, which nobody waits for. Each costs what is due, not what there is.
 */
import { poolError } from "../PoolError.ts"
import type { TimeoutPhase } from "../PoolReason.ts"
import type { RouteReport } from "../RouteReport.ts"
import { lookBy } from "./availability.ts"
import { countUp } from "./Counters.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { cancelDial } from "./dialling.ts"
import type { Entry } from "./Entry.ts"
import type { HeldLease } from "./Lease.ts"
import { endLease } from "./leasing.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { dialsNeeded } from "./pumping.ts"
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
      markDirty(state, item.route)
    }
  }
  state.pump()
  return state.urgent.nextMillis
}

const timeOut = <C>(state: PoolState<C>, waiter: Waiter<C>, nowMillis: number): void => {
  const { route } = waiter
  const report = reportRoute(state, route)
  const phase = phaseOf(report)
  const waitedMillis = nowMillis - waiter.arrivedAtMillis
  countUp(route.counters.timedOutByPhase, phase)
  countUp(state.counters.timedOutByPhase, phase)
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
  cancelSurplus(state, waiter)
}

const phaseOf = (report: RouteReport): TimeoutPhase => {
  if (report.blockedBy === "dialling") return `connect:${report.connectPhase ?? "start"}`
  return report.blockedBy === "validating" ? "validation" : "queue"
}

/** The caller has gone away while it waited. */
export const abandon = <C>(state: PoolState<C>, waiter: Waiter<C>): void => {
  if (cancelWaiter(state, waiter)) cancelSurplus(state, waiter)
}

/** Under `surplusDial: "cancel"`, a dial that the leaving waiter was the last to need is given up. */
const cancelSurplus = <C>(state: PoolState<C>, waiter: Waiter<C>): void => {
  const { route } = waiter
  if (route.limits.settings.surplusDial !== "cancel") return
  if (route.diallingCount > route.pending.liveCount && dialsNeeded(state, route) === 0) cancelDial(route)
}

/** Closes and pings idle connections, reports and reclaims leases, forgets routes. */
export const ringUpkeep = <C>(state: PoolState<C>, nowMillis: number): number | undefined => {
  for (let entry = state.upkeep.takeDue(nowMillis); entry !== undefined; entry = state.upkeep.takeDue(nowMillis)) {
    entry.upkeepAtMillis = Number.POSITIVE_INFINITY
    if (entry.state === "idle") tend(state, entry, nowMillis)
  }
  const leakMillis = watchLeases(state, nowMillis)
  const forgetMillis = forgetEmptyRoutes(state, nowMillis)
  state.pump()
  return Math.min(state.upkeep.nextMillis ?? Number.POSITIVE_INFINITY, leakMillis, forgetMillis)
}

const tend = <C>(state: PoolState<C>, entry: Entry<C>, nowMillis: number): void => {
  if (entry.expiresAtMillis <= nowMillis) {
    const { idleMin, idleTimeoutMillis } = entry.route.limits
    const isNeeded = entry.expiryReason === "idle-timeout" && entry.route.idle.size <= idleMin
    if (!isNeeded) {
      closeEntry(state, entry, entry.expiryReason)
      return
    }
    // One of the minimum: closing it would only mean dialling it again.
    entry.expiresAtMillis = Math.min(entry.diesAtMillis, nowMillis + idleTimeoutMillis)
  }
  if (entry.pingAtMillis <= nowMillis) validate(state, entry, "ping")
  else lookBy(state, entry, Math.min(entry.expiresAtMillis, entry.pingAtMillis))
}

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

/** Takes a lease from its holder. The connection is closed even if others hold slots of it: its holder may still write. */
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
