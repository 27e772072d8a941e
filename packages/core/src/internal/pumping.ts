/**
 * The one place where waiters and connections are brought together.
 *
 * Whatever changes something marks the route dirty and calls `pump`. The outermost call looks at dirty routes, in turn,
 * until none is left; calls from further up its own stack return at once. So hand-overs never recurse, however long the
 * chain of callers is that each give back what the next one waits for, and no waiter waits while it could be served:
 * when `pump` returns, every route has been looked at since its last change.
 */
import { closeEntry } from "./closing.ts"
import { dial } from "./dialling.ts"
import type { Entry } from "./Entry.ts"
import { type Contender, mustYield } from "./FairShare.ts"
import { isBelowGuarantee, mayLoseOne } from "./guarantees.ts"
import { choose, grant, trimIdle } from "./leasing.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { type Lack, takePermits } from "./permitting.ts"
import type { RoutePool } from "./RoutePool.ts"
import { activeRefusal } from "./refusing.ts"
import { noteEmpty } from "./routing.ts"
import { validate } from "./validating.ts"
import { deliver, failWaiter } from "./waiting.ts"

export const pump = <C>(state: PoolState<C>): void => {
  if (state.isPumping) return
  state.isPumping = true
  try {
    for (;;) {
      const route = firstOf(state.dirty)
      if (route !== undefined) {
        state.dirty.delete(route)
        pumpRoute(state, route)
      } else if (!feedStarving(state)) {
        return
      }
    }
  } finally {
    state.isPumping = false
  }
}

/** May the route be given one more lease now? */
export const mayLease = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  if (state.isPaused || route.isPaused || route.activeCount >= route.limits.activeMax) return false
  const total = state.settings.activeMax
  return total === "unlimited" || state.activeCount < total
}

/** Dials that waiters need beyond what is on its way already: dials in flight, and idle connections being probed. */
export const dialsNeeded = <C>(state: PoolState<C>, route: RoutePool<C>): number => {
  const { limits } = route
  if (state.phase !== "open" || state.isPaused || route.isPaused) return 0
  const totalRoom =
    state.settings.activeMax === "unlimited" ? Number.POSITIVE_INFINITY : state.settings.activeMax - state.activeCount
  const room = Math.max(0, Math.min(limits.activeMax - route.activeCount, totalRoom))
  const wanted = Math.min(route.pending.liveCount, room)
  const uncovered = wanted - route.validatingCount
  if (uncovered <= 0) return 0
  const slots = Math.max(1, Math.min(limits.slotsMax, route.slotsExpected ?? limits.slotsMax))
  const dials = slots === Number.POSITIVE_INFINITY ? 1 : Math.ceil(uncovered / slots)
  return Math.max(0, dials - route.diallingCount)
}

const pumpRoute = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  serveWaiters(state, route)
  dialForWaiters(state, route)
  trimIdle(state, route)
  dialForMinimum(state, route)
  if (route.isEmpty) noteEmpty(state, route)
}

const serveWaiters = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  while (route.pending.liveCount > 0) {
    if (!mayLease(state, route)) {
      if (refusesActive(state, route)) continue
      // A place among the active of the whole pool comes free on another route, which wakes this one.
      if (route.activeCount < route.limits.activeMax) state.activeBlocked.add(route)
      return
    }
    const nowMillis = state.wallMillis()
    const entry = choose(state, route, nowMillis)
    if (entry === undefined) return
    if (entry === "unverified") {
      // One probe for each waiter that nothing else is on its way for; the probe's end marks the route dirty.
      const candidate = route.limits.isLifo ? route.idle.newest : route.idle.oldest
      if (candidate === undefined || route.validatingCount >= route.pending.liveCount) return
      validate(state, candidate, "probe")
      continue
    }
    if (state.starving.size > 0 && yieldsTo(state, route, entry)) continue
    const waiter = route.pending.take()
    if (waiter === undefined) return
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
    deliver(state, waiter, lease)
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

/** Closes an idle connection in favour of the route that has starved for longest, if fairness says so. */
const yieldsTo = <C>(state: PoolState<C>, holder: RoutePool<C>, entry: Entry<C>): boolean => {
  const starving = firstOf(state.starving)
  if (starving === undefined || starving === holder || entry.slotsInUse > 0) return false
  if (!mustYield(contender(holder), contender(starving))) return false
  closeEntry(state, entry, "yielded-to-other-route")
  feedStarving(state)
  return true
}

const contender = <C>(route: RoutePool<C>): Contender => ({
  heldCount: route.permits.held,
  isBelowGuarantee: isBelowGuarantee(route),
  mayLoseOne: mayLoseOne(route),
  firstSequence: route.pending.peek()?.sequence
})

const dialForWaiters = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  for (let needed = dialsNeeded(state, route); needed > 0; needed--) {
    if (isBackingOff(state, route) || dialOne(state, route) !== undefined) return
  }
}

/** Keeps the minimum of idle connections; nobody waits for it, so nothing is evicted and no turn is taken. */
const dialForMinimum = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const { idleMin } = route.limits
  if (idleMin === 0 || state.phase !== "open") return
  const spareDials = Math.max(0, route.diallingCount - route.pending.liveCount)
  const missing = idleMin - route.idle.size - route.validatingCount - spareDials
  if (missing <= 0 || isBackingOff(state, route)) return
  for (let count = 0; count < missing; count++) if (!dialSpare(state, route)) return
}

/** Starts a dial that no waiter asked for, if permits are free. */
export const dialSpare = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  if (state.starving.size > 0 || takePermits(state, route) !== undefined) return false
  dial(state, route)
  return true
}

/** Does the route wait after failed dials? Then it is woken when the wait is over. */
const isBackingOff = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  const untilMillis = route.backoffUntilMillis
  if (untilMillis <= state.monotonicMillis()) return false
  if (route.wakeAtMillis !== untilMillis) {
    route.wakeAtMillis = untilMillis
    state.urgent.add(untilMillis, { route })
    state.urgentAlarm.armBy(untilMillis)
  }
  return true
}

/** Starts one dial if its permits can be had; otherwise notes what the route waits for. */
const dialOne = <C>(state: PoolState<C>, route: RoutePool<C>): Lack | undefined => {
  // No barging: while others wait for the total, a route that is not first among them takes none of it.
  const first = firstOf(state.starving)
  if (first !== undefined && first !== route && !isBelowGuarantee(route)) {
    state.starving.add(route)
    return "total"
  }
  let lack = takePermits(state, route)
  while (lack === "total" && evictForOther(state, route)) lack = takePermits(state, route)
  if (lack === undefined) dial(state, route)
  else if (lack === "total") state.starving.add(route)
  else if (lack === "dialling-total") state.diallingBlocked.add(route)
  // "route" and "dialling-route": the end of one of the route's own connections or dials wakes it.
  return lack
}

/** The total is full: closes the least recently used idle connection of another route, if there is one to be had. */
const evictForOther = <C>(state: PoolState<C>, route: RoutePool<C>): boolean => {
  let victim = state.idle.oldest
  // Without guarantees the first look decides. (The route's own idle connections would have been leased.)
  while (victim !== undefined && (victim.route === route || !mayLoseOne(victim.route))) {
    victim = state.idle.newerThan(victim)
  }
  if (victim === undefined) return false
  const freeBefore = state.budget.free
  closeEntry(state, victim, "evicted-for-other-route")
  // A connection that takes its time to close gives its permit back later, and `feedStarving` passes it on.
  return state.budget.free > freeBefore
}

/** Lets the routes that wait for the total dial, in turn. Returns whether anything changed. */
const feedStarving = <C>(state: PoolState<C>): boolean => {
  if (state.starving.size === 0) return false
  // With guarantees, the first may have to go on waiting where one behind it may be served.
  const turns = state.guarantees.size === 0 ? [firstOf(state.starving)] : Array.from(state.starving)
  for (const route of turns) {
    if (route === undefined) continue
    if (dialsNeeded(state, route) === 0 || isBackingOff(state, route)) {
      state.starving.delete(route)
      return true
    }
    const hasTotal = state.budget.free > 0 || state.idle.size > 0
    const lack = hasTotal ? dialOne(state, route) : "total"
    if (lack === "total") continue
    state.starving.delete(route)
    // Served, and to be served again: behind the others.
    if (lack === undefined && dialsNeeded(state, route) > 0) state.starving.add(route)
    return true
  }
  return false
}

const firstOf = <A>(set: ReadonlySet<A>): A | undefined => {
  for (const value of set) return value
  return undefined
}

/** Limits have changed: every route that wants something is looked at anew. */
export const wakeAll = <C>(state: PoolState<C>): void => {
  for (const route of state.routes.values())
    if (route.pending.liveCount > 0 || route.limits.idleMin > 0) markDirty(state, route)
  state.pump()
}
