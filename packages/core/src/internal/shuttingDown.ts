/**
 * The end of a pool: nothing new comes in, what is out may finish until a deadline, and the last connection's close is
 * the end.
 */
import { Effect } from "effect"
import { toMillis } from "../Settings.ts"
import { closeEntry, drainEntry } from "./closing.ts"
import { giveUp } from "./dialling.ts"
import type { PoolState } from "./PoolState.ts"
import { refuse } from "./refusing.ts"
import { revoke } from "./upkeep.ts"
import { failWaiter } from "./waiting.ts"

/** Shuts the pool down; a second call waits for the same end, and may bring the deadline forward. */
export const shutdown = <C>(state: PoolState<C>, timeoutMillis: number | undefined): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (state.phase === "open") begin(state)
    const deadlineMillis = timeoutMillis ?? toMillis(state.settings.shutdownTimeout)
    const emptied = Effect.callback<void>((resume) => {
      if (state.openCount === 0) {
        resume(Effect.void)
        return
      }
      const next = state.onEmpty
      state.onEmpty = () => {
        next?.()
        resume(Effect.void)
      }
    })
    const closeAll = Effect.suspend(() => {
      revokeAll(state)
      return emptied
    })
    return Effect.timeoutOrElse(emptied, { duration: deadlineMillis, orElse: () => closeAll }).pipe(
      Effect.andThen(
        Effect.sync(() => {
          end(state)
        })
      )
    )
  })

const begin = <C>(state: PoolState<C>): void => {
  state.phase = "closing"
  if (state.hasListeners()) {
    state.emit({ _tag: "ShuttingDown", atMillis: state.wallMillis(), activeCount: state.activeCount })
  }
  for (const route of state.routes.values()) {
    for (let waiter = route.pending.peek(); waiter !== undefined; waiter = route.pending.peek()) {
      const numbers = { limitCount: 0, usedCount: state.openCount, source: "shutdown" }
      failWaiter(state, waiter, refuse(state, route, route.route.label, "pool-closed", numbers))
    }
    for (const entry of Array.from(route.connections)) {
      if (entry.state === "connecting") giveUp(entry, "shutdown")
      else drainEntry(state, entry, "shutdown")
    }
  }
}

/** The deadline has passed: leases are taken from their holders, and dials that do not heed their interrupt are left. */
const revokeAll = <C>(state: PoolState<C>): void => {
  for (const list of [state.reportedLeases, state.leases]) {
    for (let lease = list.oldest; lease !== undefined; lease = list.oldest) revoke(state, lease, "shutdown-deadline")
  }
  for (const route of state.routes.values()) {
    for (const entry of Array.from(route.connections)) {
      if (entry.slotsInUse === 0) closeEntry(state, entry, "shutdown-deadline")
    }
  }
}

const end = <C>(state: PoolState<C>): void => {
  if (state.phase === "closed") return
  state.phase = "closed"
  state.urgent.clear()
  state.urgentAlarm.disarm()
  state.upkeep.clear()
  state.upkeepAlarm.disarm()
  if (state.hasListeners()) state.emit({ _tag: "ShutDown", atMillis: state.wallMillis() })
}
