/**
 * What a connection, or the code that opens it, tells the pool. It lives as long as the connection does, so it is one
 * small object rather than six functions.
 */
import type { ConnectionControl } from "../ConnectionFactory.ts"
import { drainEntry, loseEntry, refit } from "./closing.ts"
import type { Entry } from "./Entry.ts"
import { markDirty, type PoolState } from "./PoolState.ts"
import { tracePhase } from "./tracing.ts"

export class EntryControl<C> implements ConnectionControl {
  private readonly state: PoolState<C>
  private readonly entry: Entry<C>

  constructor(state: PoolState<C>, entry: Entry<C>) {
    this.state = state
    this.entry = entry
  }

  enterPhase(phase: string): void {
    this.entry.connectPhase = phase
    tracePhase(this.state, this.entry, phase)
  }

  setSlots(count: number): void {
    const { entry, state } = this
    if (entry.slotsOffered === count || isOnItsWayOut(entry)) return
    entry.slotsOffered = count
    entry.route.slotsExpected = entry.slotsMax
    refit(state, entry)
    markDirty(state, entry.route)
    state.pump()
  }

  limitIdle(millis: number): void {
    const { entry, state } = this
    entry.idleHintMillis = Math.max(0, millis - entry.route.limits.idleHintMarginMillis)
    refit(state, entry)
  }

  limitUses(count: number): void {
    const { entry, state } = this
    entry.usesOffered = Math.min(entry.usesOffered, entry.usesCount + count)
    refit(state, entry)
  }

  drain(reason: "drained" | "withdrawn" = "drained"): void {
    const { entry, state } = this
    if (entry.state === "connecting") entry.closeReason ??= reason
    else drainEntry(state, entry, reason)
  }

  lost(reason: "peer-data" | "peer-closed" | "peer-error"): void {
    const { entry, state } = this
    if (entry.state === "connecting") entry.closeReason ??= reason
    else loseEntry(state, entry, reason)
  }
}

const isOnItsWayOut = <C>(entry: Entry<C>): boolean =>
  entry.state === "draining" || entry.state === "closing" || entry.state === "closed"
