/**
 * Opening connections.
 *
 * A dial belongs to the route, not to a waiter: whoever is first in the queue when it ends gets what it brought. One
 * that fails costs at most one waiter, the first; the others are dialled for again.
 */
import { Cause, Effect, Exit, Scope } from "effect"
import { type PoolFailure, poolError } from "../PoolError.ts"
import { backoffMillis } from "./Backoff.ts"
import { closeEntry } from "./closing.ts"
import { recount } from "./covering.ts"
import { Entry } from "./Entry.ts"
import { EntryControl } from "./EntryControl.ts"
import { isAlive } from "./factoryHooks.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"
import { reportRoute } from "./report.ts"
import { noteUsed } from "./routing.ts"
import { traceDial } from "./tracing.ts"
import { settle, takeNext } from "./waiting.ts"

/** `connectTimeout` passed; interrupting the dial is how it ends. */
class ConnectTimedOut {
  readonly _tag = "ConnectTimedOut"
}
const connectTimedOut = new ConnectTimedOut()

/** Starts a dial whose permits have been taken; a spare one is for no waiter in particular. */
export const dial = <C>(state: PoolState<C>, route: RoutePool<C>, isSpare: boolean): Entry<C> => {
  const { limits } = route
  const entry = new Entry<C>({
    id: state.nextConnectionId++,
    route,
    // Not a child of the pool's scope: the shutdown closes every connection itself, and a child costs 130 bytes more.
    scope: Scope.makeUnsafe(),
    nowMillis: state.wallMillis(),
    isSpare
  })
  noteUsed(state, route)
  route.connections.add(entry)
  route.diallingCount++
  if (isSpare) route.spareDialCount++
  recount(state, route)
  if (state.hasListeners()) {
    state.emit({ _tag: "Dialling", route: route.route.label, atMillis: entry.createdAtMillis, connectionId: entry.id })
  }
  // `connect` is the user's code and may throw before it returns an effect.
  const connecting = Effect.suspend(() => state.factory.connect(route.route, new EntryControl(state, entry))).pipe(
    Scope.provide(entry.scope)
  )
  const timed =
    limits.connectTimeoutMillis === Number.POSITIVE_INFINITY
      ? connecting
      : Effect.timeoutOrElse(connecting, {
          duration: limits.connectTimeoutMillis,
          orElse: () => Effect.fail(connectTimedOut)
        })
  const fiber = state.forkDetached(traceDial(state, entry, timed))
  entry.fiber = fiber
  fiber.addObserver((exit) => {
    entry.fiber = undefined
    state.dialSpans.delete(entry)
    route.diallingCount--
    if (isSpare) route.spareDialCount--
    if (isGivenUp(entry)) route.givenUpDialCount--
    state.diallingPermits.give()
    // Otherwise it outlived the pool's shutdown, which has closed its scope: whatever came of it is closed.
    if (entry.state === "connecting") {
      if (Exit.isSuccess(exit)) connected(state, entry, exit.value)
      else connectFailed(state, entry, exit.cause)
    }
    markDirty(state, route)
    state.pump()
  })
  return entry
}

/** Gives up the youngest of the dials for waiters: nobody needs it any more. */
export const cancelDial = <C>(route: RoutePool<C>): void => {
  let youngest: Entry<C> | undefined
  for (const entry of route.connections) {
    if (entry.state === "connecting" && !entry.isSpare && !isGivenUp(entry)) youngest = entry
  }
  if (youngest !== undefined) giveUp(youngest, "surplus")
}

/** Interrupts a dial. One that cannot be interrupted goes on, and its connection is closed. */
export const giveUp = <C>(entry: Entry<C>, reason: "surplus" | "shutdown"): void => {
  if (isGivenUp(entry)) return
  entry.closeReason = reason
  entry.route.givenUpDialCount++
  entry.fiber?.interruptUnsafe()
}

const isGivenUp = <C>(entry: Entry<C>): boolean => entry.closeReason === "surplus" || entry.closeReason === "shutdown"

const connected = <C>(state: PoolState<C>, entry: Entry<C>, connection: C): void => {
  const { route } = entry
  const { limits } = route
  const flaw = isGivenUp(entry) ? undefined : flawOf(state, entry, connection)
  if (flaw !== undefined) {
    connectFailed(state, entry, Cause.fail(new Error(`the connection was of no use from the start: ${flaw}`)))
    return
  }
  const nowMillis = state.wallMillis()
  const connectMillis = nowMillis - entry.createdAtMillis
  entry.connection = connection
  entry.moveTo("idle")
  route.lastConnectError = undefined
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
  if (entry.closeReason !== undefined) {
    closeEntry(state, entry, entry.closeReason)
    return
  }
  entry.freshness = "connected"
  route.fresh.push(entry)
}

/**
 * Why a connection cannot be used though its dial succeeded: it ended, or the peer asked not to use it, meanwhile. That
 * counts as a failed dial: dialling again and again without a pause would help nobody. One that was withdrawn meanwhile is
 * no such case: the next dial leads elsewhere.
 */
const flawOf = <C>(state: PoolState<C>, entry: Entry<C>, connection: C): string | undefined => {
  if (entry.closeReason !== undefined && entry.closeReason !== "withdrawn") return entry.closeReason
  if (entry.isUsedUp) return "the peer allows no use of it"
  return isAlive(state, connection) ? undefined : "it has ended"
}

const connectFailed = <C>(state: PoolState<C>, entry: Entry<C>, cause: Cause.Cause<unknown>): void => {
  const { route } = entry
  const wasGivenUp = isGivenUp(entry)
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
  // The waiter that pays leaves the queue before the permits come home, or they would be spent on another dial for it;
  // and they come home before it hears of the failure: whatever it does next finds them.
  const waiter = wasGivenUp ? undefined : takeNext(state, route, "failed")
  closeEntry(state, entry, "discarded")
  if (waiter === undefined) return
  const isTimeout = error instanceof ConnectTimedOut
  const reason: PoolFailure = isTimeout
    ? { _tag: "ConnectTimeout", phase: entry.connectPhase, timeoutMillis: route.limits.connectTimeoutMillis }
    : { _tag: "ConnectFailed", phase: entry.connectPhase, afterMillis }
  settle(
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
