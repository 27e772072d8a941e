/**
 * Closing connections. A connection's permits are given back once, when its scope has been closed, so that permits held
 * are connections open, and a limit is never exceeded by sockets on their way out.
 */
import { Effect, Exit, Scope } from "effect"
import type { CloseReason } from "../PoolReason.ts"
import { list, listByAge, planIdle, unlist } from "./availability.ts"
import { Entry } from "./Entry.ts"
import { observe } from "./LearnedIdle.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { givePermits, noteReturning } from "./permitting.ts"

/** The connection came to its end by itself, by its own word or its peer's, and not because somebody wanted room. */
const endsOfItself: ReadonlySet<CloseReason> = new Set<CloseReason>([
  "idle-timeout",
  "idle-hint",
  "idle-learned",
  "lifetime",
  "uses",
  "peer-data",
  "peer-closed",
  "peer-error",
  "validation-failed",
  "drained"
])

/**
 * A connection of the minimum that ends unused is replaced no sooner than this after it was dialled: one whose peer lets
 * none live would otherwise be dialled for in a circle.
 */
const unusedMillisMin = 1000

/** Closes a connection that has no slot in use. Does nothing if it is being closed already. */
export const closeEntry = <C>(state: PoolState<C>, entry: Entry<C>, reason: CloseReason): void => {
  if (entry.state === "closing" || entry.state === "closed") return
  unlist(state, entry)
  const isOpen = entry.state !== "connecting"
  const wasValidating = entry.state === "validating"
  entry.closeReason ??= reason
  entry.freshness = undefined
  entry.moveTo("closing")
  noteReturning(state, entry)
  // A probe or ping of it is pointless now, and its end, which may come on this stack, finds the entry closing already.
  // (A dial ends by itself: its end is what brought us here.)
  if (wasValidating) entry.fiber?.interruptUnsafe()
  if (isOpen) {
    const nowMillis = state.wallMillis()
    const ageMillis = nowMillis - entry.createdAtMillis
    entry.route.counters.countClosed(reason)
    state.counters.countClosed(reason)
    state.histograms.lifeMillis.record(ageMillis)
    if (entry.usesCount === 0 && endsOfItself.has(reason)) {
      entry.route.spareAfterMillis = Math.max(entry.route.spareAfterMillis, entry.createdAtMillis + unusedMillisMin)
    }
    if (state.hasListeners()) {
      state.emit({
        _tag: "Closed",
        route: entry.route.route.label,
        atMillis: nowMillis,
        connectionId: entry.id,
        reason,
        ageMillis,
        usesCount: entry.usesCount
      })
    }
  }
  closeScope(state, entry)
}

/** Lets a leased connection take no new lease; it is closed with its last one. An idle one is closed now. */
export const drainEntry = <C>(state: PoolState<C>, entry: Entry<C>, reason: CloseReason): void => {
  switch (entry.state) {
    case "idle":
    case "validating":
      closeEntry(state, entry, reason)
      return
    case "leased":
      entry.closeReason ??= reason
      unlist(state, entry)
      entry.moveTo("draining")
      return
    case "connecting":
    case "draining":
    case "closing":
    case "closed":
      return
  }
}

/** The connection has ended or spoken out of turn. */
export const loseEntry = <C>(
  state: PoolState<C>,
  entry: Entry<C>,
  reason: "peer-data" | "peer-closed" | "peer-error"
): void => {
  if (entry.state === "idle" && reason === "peer-closed" && entry.usesCount > 0) {
    const nowMillis = state.wallMillis()
    entry.route.idleObservations = observe(entry.route.idleObservations, nowMillis - entry.idleSinceMillis, nowMillis)
  }
  drainEntry(state, entry, reason)
}

const isUpkept = (item: object): boolean => !(item instanceof Entry) || item.state !== "closed"

/**
 * What the connection offers, or what the route allows it, has changed: puts it where it belongs now. One that is idle
 * and has no use left is closed.
 */
export const refit = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  if (entry.state !== "idle" && entry.state !== "leased") return
  if (entry.state === "leased") {
    unlist(state, entry)
    list(state, entry)
  } else if (entry.isUsedUp) {
    closeEntry(state, entry, "uses")
  } else if (entry.freshness === undefined) {
    planIdle(state, entry)
    if (!entry.hasFreeSlot) unlist(state, entry)
    else if (!entry.isIdleListed) listByAge(state, entry)
  }
}

const closeScope = <C>(state: PoolState<C>, entry: Entry<C>): void => {
  const closing = Scope.closeUnsafe(entry.scope, Exit.void)
  if (closing === undefined) {
    closed(state, entry)
    return
  }
  const { closeTimeoutMillis } = entry.route.limits
  // The scope's finalizers cannot be interrupted, so a close that hangs is left behind by racing against its own fiber:
  // the permit has to come back whatever the connection does.
  const fiber = state.forkDetached(closing)
  const settled = fiber.pollUnsafe()
  if (settled !== undefined) {
    closed(state, entry, settled)
    return
  }
  const timer = state.fork(Effect.sleep(closeTimeoutMillis))
  timer.addObserver((exit) => {
    if (Exit.isSuccess(exit) && entry.state === "closing") {
      closed(state, entry, Exit.fail(`not closed within ${closeTimeoutMillis} ms (closeTimeout)`))
    }
  })
  fiber.addObserver((exit) => {
    timer.interruptUnsafe()
    if (entry.state === "closing") closed(state, entry, exit)
  })
}

/** The connection is gone: its permits come home, once, and whoever waits for them is woken. */
const closed = <C>(state: PoolState<C>, entry: Entry<C>, exit: Exit.Exit<unknown, unknown> = Exit.void): void => {
  entry.moveTo("closed")
  state.returningCount--
  entry.route.returningCount--
  if (entry.upkeepAtMillis !== Number.POSITIVE_INFINITY) state.upkeep.forget(isUpkept)
  const { route } = entry
  route.connections.delete(entry)
  givePermits(state, route)
  if (Exit.isFailure(exit) && state.hasListeners()) {
    state.emit({
      _tag: "CloseFailed",
      route: route.route.label,
      atMillis: state.wallMillis(),
      connectionId: entry.id,
      error: exit.cause
    })
  }
  // The route may need its minimum of idle connections back, may be empty now, or may have waiters for the permit.
  markDirty(state, route)
  state.pump()
  if (state.phase !== "open" && state.openCount === 0) state.onEmpty?.()
}
