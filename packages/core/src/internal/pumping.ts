/**
 * The one place where waiters and connections are brought together.
 *
 * Whatever changes something marks the route dirty and calls `pump`. The outermost call looks at dirty routes, in turn,
 * until none is left; calls from further up its own stack return at once. So hand-overs never recurse, however long the
 * chain of callers is that each give back what the next one waits for, and no waiter waits while it could be served:
 * when `pump` returns, every route has been looked at since its last change.
 */
import { beginIdle, list, listByAge, planPing } from "./availability.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { recount } from "./covering.ts"
import { freshCount, isActiveTotalMet } from "./demand.ts"
import {
  cancelSurplus,
  dialForMinimum,
  dialForWaiters,
  feedDialling,
  feedMinimum,
  feedRoom,
  feedStarving,
  firstStarving,
  isReturningEnough
} from "./dialTurns.ts"
import type { Entry } from "./Entry.ts"
import { type Contender, mustYield } from "./FairShare.ts"
import { tellIdle } from "./factoryHooks.ts"
import { isBelowGuarantee, mayLoseOne } from "./guarantees.ts"
import { choose, grant, trimIdle } from "./leasing.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { noteReturning } from "./permitting.ts"
import type { RoutePool } from "./RoutePool.ts"
import { activeRefusal } from "./refusing.ts"
import { noteEmpty } from "./routing.ts"
import { firstOf, isOthersTurn } from "./turns.ts"
import { validate } from "./validating.ts"
import { failWaiter, settle, takeNext } from "./waiting.ts"

export const pump = <C>(state: PoolState<C>, releasedAtMillis?: number): void => {
  if (state.isPumping) return
  state.isPumping = true
  state.releasedAtMillis = releasedAtMillis
  try {
    for (;;) {
      const route = firstOf(state.dirty)
      if (route !== undefined) {
        state.dirty.delete(route)
        pumpRoute(state, route)
      } else if (!feed(state)) {
        return
      }
    }
  } finally {
    state.isPumping = false
  }
}

/**
 * Gives out what routes wait for beside their own connections, in turn. Places among the active come before dials: who
 * stands behind another for a place is dialled for after it. Returns whether anything changed.
 */
const feed = <C>(state: PoolState<C>): boolean =>
  feedActive(state) || feedStarving(state) || feedDialling(state) || feedRoom(state) || feedMinimum(state)

/** May the route be given one more lease now? */
export const mayLease = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  !state.isPaused && !route.isPaused && route.activeCount < route.limits.activeMax && !isActiveTotalMet(state)

const pumpRoute = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  if (route.isForgotten) return
  serveWaiters(state, route)
  settleFresh(state, route)
  dialForWaiters(state, route)
  cancelSurplus(state, route)
  trimIdle(state, route)
  dialForMinimum(state, route)
  recount(state, route)
  if (route.isEmpty) noteEmpty(state, route)
}

const serveWaiters = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  while (route.pending.liveCount > 0) {
    if (!mayLease(state, route)) {
      if (refusesActive(state, route)) continue
      // A place among the active of the whole pool comes free on another route, and is given out in turn.
      if (route.activeCount < route.limits.activeMax && isActiveTotalMet(state)) state.activeBlocked.add(route)
      return
    }
    // What has just been dialled or probed is what the route had its turn for.
    if (isOthersTurn(state.activeBlocked, route) && freshCount(route) === 0) {
      state.activeBlocked.add(route)
      return
    }
    const nowMillis = state.releasedAtMillis ?? state.wallMillis()
    const entry = choose(state, route, nowMillis)
    if (entry === undefined) return
    if (entry === "unverified") {
      // One probe for each waiter that nothing else is on its way for; the probe's end marks the route dirty.
      const candidate = route.limits.isLifo ? route.idle.newest : route.idle.oldest
      if (candidate === undefined || route.probingCount >= route.pending.liveCount) return
      validate(state, candidate, "probe")
      continue
    }
    if (!mayLease(state, route)) continue
    if (state.starving.size > 0 && yieldsTo(state, route, entry)) continue
    const waiter = takeNext(state, route, "delivered")
    if (waiter === undefined) return
    state.activeBlocked.delete(route)
    const lease = grant(state, entry, nowMillis, waiter.holder, waiter.stack)
    const waitedMillis = state.monotonicMillis() - waiter.arrivedAtMillis
    state.histograms.acquireWaitMillis.record(waitedMillis)
    if (state.hasListeners()) {
      state.emit({
        _tag: "Leased",
        route: route.route.label,
        atMillis: nowMillis,
        connectionId: entry.id,
        isReused: lease.isReused,
        waitedMillis,
        holder: waiter.holder
      })
    }
    settle(state, waiter, lease)
  }
}

/**
 * The limit on active leases was met after the waiter had joined the queue: under `activeOverflow: "refuse"` it is
 * refused now, as Envoy does when it attaches a queued request.
 */
const refusesActive = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  if (state.isPaused || route.isPaused) return false
  const refusal = activeRefusal(state, route)
  const waiter = refusal === undefined ? undefined : route.pending.peek()
  if (refusal === undefined || waiter === undefined) return false
  failWaiter(state, waiter, refusal)
  return true
}

/** The waiters have been served: what they left of the fresh connections becomes idle. */
const settleFresh = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  for (let entry = route.fresh.pop(); entry !== undefined; entry = route.fresh.pop()) {
    const { freshness } = entry
    if (freshness === undefined || entry.state !== "idle") continue
    entry.freshness = undefined
    if (freshness === "verified") {
      planPing(state, entry)
      listByAge(state, entry)
    } else {
      beginIdle(state, entry, state.wallMillis())
      list(state, entry)
      if (entry.connection !== undefined) tellIdle(state, entry.connection)
    }
  }
}

/**
 * Lets a connection go in favour of the route that has starved for longest, if fairness says so: an idle one is closed,
 * one in use takes no new lease.
 */
const yieldsTo = <C>(state: PoolState<C>, holder: RoutePool<C>, entry: Entry<C>): boolean => {
  // One that has just been dialled is what the route had its turn for.
  if (entry.freshness === "connected") return false
  const starving = firstStarving(state, holder)
  if (starving === undefined || isReturningEnough(state, starving)) return false
  if (!mustYield(contender(holder), contender(starving))) return false
  // The holder may starve as well, for one more; it must not take back what it has let go.
  if (state.starving.delete(holder)) state.starving.add(holder)
  if (entry.slotsInUse === 0) {
    closeEntry(state, entry, "yielded-to-other-route")
  } else {
    drainEntry(state, entry, "yielded-to-other-route")
    noteReturning(state, entry)
  }
  feedStarving(state)
  return true
}

const contender = <C>(route: RoutePool<C>): Contender => ({
  heldCount: route.permits.held,
  isBelowGuarantee: isBelowGuarantee(route),
  mayLoseOne: mayLoseOne(route),
  firstSequence: route.pending.peek()?.sequence
})

/** Lets the routes that wait for a place among the active leases have one, in turn. Returns whether anything changed. */
const feedActive = <C>(state: PoolState<C>): boolean => {
  const route = firstOf(state.activeBlocked)
  if (route === undefined || isActiveTotalMet(state)) return false
  pumpRoute(state, route)
  // It was its turn and it took none: it has no connection yet, or nobody waits any more. What it lacks will wake it.
  if (firstOf(state.activeBlocked) === route && !isActiveTotalMet(state)) state.activeBlocked.delete(route)
  return true
}

/** Limits have changed: every route that wants something is looked at anew. */
export const wakeAll = <C>(state: PoolState<C>): void => {
  for (const route of state.routes.values())
    if (route.pending.liveCount > 0 || route.limits.idleMin > 0) markDirty(state, route)
  state.pump()
}
