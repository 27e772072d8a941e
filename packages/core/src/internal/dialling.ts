/**
 * Opening connections.
 *
 * A dial belongs to the route, not to a waiter: whoever is first in the queue when it ends gets what it brought. One
 * that fails costs at most one waiter, the first; the others are dialled for again.
 */
import { Cause, Effect, Exit, Scope } from "effect"
import type { ConnectionControl } from "../ConnectionFactory.ts"
import { type PoolFailure, poolError } from "../PoolError.ts"
import { beginIdle, list, listByAge, unlist } from "./availability.ts"
import { backoffMillis } from "./Backoff.ts"
import { closeEntry, drainEntry, loseEntry } from "./closing.ts"
import { Entry } from "./Entry.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"
import { reportRoute } from "./report.ts"
import { noteUsed } from "./routing.ts"
import { failWaiter } from "./waiting.ts"

/** `connectTimeout` passed; interrupting the dial is how it ends. */
class ConnectTimedOut {
  readonly _tag = "ConnectTimedOut"
}
const connectTimedOut = new ConnectTimedOut()

/** Starts a dial whose permits have been taken. */
export const dial = <C>(state: PoolState<C>, route: RoutePool<C>): void => {
  const { limits } = route
  const entry = new Entry<C>({
    id: state.nextConnectionId++,
    route,
    scope: Scope.forkUnsafe(state.scope),
    nowMillis: state.wallMillis(),
    usesMax: limits.usesMax,
    slotsOffered: Number.POSITIVE_INFINITY
  })
  noteUsed(state, route)
  route.connections.add(entry)
  route.diallingCount++
  if (state.hasListeners()) {
    state.emit({ _tag: "Dialling", route: route.route.label, atMillis: entry.createdAtMillis, connectionId: entry.id })
  }
  // `connect` is the user's code and may throw before it returns an effect.
  const connecting = Effect.suspend(() => state.factory.connect(route.route, controlOf(state, entry))).pipe(
    Scope.provide(entry.scope)
  )
  const timed =
    limits.connectTimeoutMillis === Number.POSITIVE_INFINITY
      ? connecting
      : Effect.timeoutOrElse(connecting, {
          duration: limits.connectTimeoutMillis,
          orElse: () => Effect.fail(connectTimedOut)
        })
  const fiber = state.fork(timed)
  entry.fiber = fiber
  fiber.addObserver((exit) => {
    entry.fiber = undefined
    route.diallingCount--
    state.diallingPermits.give()
    for (const blocked of state.diallingBlocked) {
      state.diallingBlocked.delete(blocked)
      markDirty(state, blocked)
      break
    }
    if (Exit.isSuccess(exit)) connected(state, entry, exit.value)
    else connectFailed(state, entry, exit.cause)
    markDirty(state, route)
    state.pump()
  })
}

/** Gives up the youngest dial: nobody needs it any more. */
export const cancelDial = <C>(route: RoutePool<C>): void => {
  let youngest: Entry<C> | undefined
  for (const entry of route.connections) if (entry.state === "connecting" && entry.fiber) youngest = entry
  if (youngest === undefined) return
  youngest.closeReason = "surplus"
  youngest.fiber?.interruptUnsafe()
}

const connected = <C>(state: PoolState<C>, entry: Entry<C>, connection: C): void => {
  const { route } = entry
  const { limits } = route
  const nowMillis = state.wallMillis()
  const connectMillis = nowMillis - entry.createdAtMillis
  entry.connection = connection
  entry.moveTo("idle")
  route.failuresInRow = 0
  route.backoffUntilMillis = Number.NEGATIVE_INFINITY
  route.slotsExpected = entry.slotsMax
  route.counters.createdCount++
  state.counters.createdCount++
  state.histograms.connectMillis.record(connectMillis)
  if (limits.lifetimeMillis !== Number.POSITIVE_INFINITY) {
    const jitter = 1 - limits.settings.lifetimeJitterRatio * state.random()
    entry.diesAtMillis = nowMillis + limits.lifetimeMillis * jitter
  }
  if (state.hasListeners()) {
    state.emit({
      _tag: "Connected",
      route: route.route.label,
      atMillis: nowMillis,
      connectionId: entry.id,
      connectMillis
    })
  }
  // Shut down, drained or given up while it was being dialled.
  if (entry.closeReason !== undefined) {
    closeEntry(state, entry, entry.closeReason)
    return
  }
  beginIdle(state, entry, nowMillis)
  list(state, entry)
}

const connectFailed = <C>(state: PoolState<C>, entry: Entry<C>, cause: Cause.Cause<unknown>): void => {
  const { route } = entry
  const wasGivenUp = entry.closeReason !== undefined
  const afterMillis = state.wallMillis() - entry.createdAtMillis
  const error = Cause.squash(cause)
  if (!wasGivenUp) {
    const { dialBackoffBaseMillis, dialBackoffMaxMillis } = route.limits
    route.failuresInRow++
    const pause = backoffMillis(route.failuresInRow, dialBackoffBaseMillis, dialBackoffMaxMillis, state.random())
    route.backoffUntilMillis = pause > 0 ? state.monotonicMillis() + pause : Number.NEGATIVE_INFINITY
    const isTimeout = error instanceof ConnectTimedOut
    route.lastConnectError = isTimeout
      ? `not finished within ${route.limits.connectTimeoutMillis} ms (connectTimeout), in phase ${entry.connectPhase}`
      : error
    route.counters.connectFailedCount++
    state.counters.connectFailedCount++
    if (state.hasListeners()) {
      state.emit({
        _tag: "ConnectFailed",
        route: route.route.label,
        atMillis: state.wallMillis(),
        connectionId: entry.id,
        phase: entry.connectPhase,
        afterMillis,
        error: isTimeout ? route.lastConnectError : error,
        backoffMillis: pause
      })
    }
  }
  // The permits come home before the waiter hears of it: whatever it does next finds them.
  closeEntry(state, entry, "discarded")
  if (wasGivenUp) return
  const waiter = route.pending.peek()
  if (waiter === undefined) return
  const isTimeout = error instanceof ConnectTimedOut
  const reason: PoolFailure = isTimeout
    ? { _tag: "ConnectTimeout", phase: entry.connectPhase, timeoutMillis: route.limits.connectTimeoutMillis }
    : { _tag: "ConnectFailed", phase: entry.connectPhase, afterMillis }
  failWaiter(
    state,
    waiter,
    poolError({
      reason,
      route: route.route.label,
      retry: "always",
      report: reportRoute(state, route),
      cause: isTimeout ? undefined : error
    })
  )
}

const controlOf = <C>(state: PoolState<C>, entry: Entry<C>): ConnectionControl => ({
  enterPhase: (phase) => {
    entry.connectPhase = phase
  },
  setSlots: (count) => {
    if (entry.slotsOffered === count) return
    unlist(state, entry)
    entry.slotsOffered = count
    entry.route.slotsExpected = entry.slotsMax
    if (entry.state === "leased") list(state, entry)
    else if (entry.state === "idle") listByAge(state, entry)
    else return
    markDirty(state, entry.route)
    state.pump()
  },
  limitIdle: (millis) => {
    entry.idleHintMillis = Math.max(0, millis - entry.route.limits.idleHintMarginMillis)
  },
  limitUses: (count) => {
    entry.usesMax = Math.min(entry.usesMax, entry.usesCount + count)
    if (!entry.hasFreeSlot) unlist(state, entry)
  },
  drain: () => {
    drainEntry(state, entry, "drained")
  },
  lost: (reason) => {
    if (entry.state === "connecting") entry.closeReason = reason
    else loseEntry(state, entry, reason)
  }
})
