/**
 * Probes before use and pings while idle. The connection is reserved meanwhile: nobody can lease it, and nobody closes
 * it for being idle.
 */
import { Effect, Exit } from "effect"
import { unlist } from "./availability.ts"
import { closeEntry } from "./closing.ts"
import type { Entry } from "./Entry.ts"
import { isAlive } from "./factoryHooks.ts"
import { markDirty, type PoolState } from "./PoolState.ts"

export type ValidationKind = "probe" | "ping"

/** Reserves an idle connection and checks it; the result comes back through the route's queue. */
export const validate = <C>(state: PoolState<C>, entry: Entry<C>, kind: ValidationKind): void => {
  const { connection, route } = entry
  const { factory } = state
  const check = kind === "ping" && factory.ping !== undefined ? "ping" : "probe"
  if (connection === undefined) return
  unlist(state, entry)
  entry.moveTo("validating")
  route.validatingCount++
  if (kind === "ping") route.pingingCount++
  // The check is the user's code and may throw before it returns an effect.
  const checked = Effect.suspend(() => factory[check]?.(connection, route.route) ?? Effect.void).pipe(
    Effect.timeout(route.limits.validationTimeoutMillis)
  )
  const fiber = state.fork(checked)
  entry.fiber = fiber
  fiber.addObserver((exit) => {
    validated(state, entry, kind, exit)
  })
}

const validated = <C>(
  state: PoolState<C>,
  entry: Entry<C>,
  kind: ValidationKind,
  exit: Exit.Exit<void, unknown>
): void => {
  const { route } = entry
  entry.fiber = undefined
  route.validatingCount--
  if (kind === "ping") route.pingingCount--
  // Closed while the check ran, and the check interrupted for it: nothing is left to decide.
  if (entry.state === "validating") {
    const isGood = Exit.isSuccess(exit)
    const nowMillis = state.wallMillis()
    if (state.hasListeners()) {
      state.emit({
        _tag: "Validated",
        route: route.route.label,
        atMillis: nowMillis,
        connectionId: entry.id,
        isGood,
        kind
      })
    }
    if (!isGood) {
      closeEntry(state, entry, "validation-failed")
    } else if (entry.isUsedUp) {
      closeEntry(state, entry, "uses")
    } else if (entry.connection === undefined || !isAlive(state, entry.connection)) {
      // It ended after the check had looked.
      closeEntry(state, entry, "peer-closed")
    } else {
      entry.moveTo("idle")
      entry.verifiedAtMillis = nowMillis
      entry.freshness = "verified"
      route.fresh.push(entry)
    }
  }
  markDirty(state, route)
  state.pump()
}
