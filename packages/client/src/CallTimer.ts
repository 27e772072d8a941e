/**
 * Takes the times of one call to fractions of a millisecond, for a caller who asks by `onTiming`.
 */
import type { ConnectionInfo } from "@weir/transport"
import { type Clock, Effect } from "effect"
import type { Call } from "./Call.ts"
import type { CallTiming } from "./Request.ts"

export class CallTimer {
  leasedAfterMillis = 0
  headAfterMillis = 0
  endAfterMillis: number | undefined
  private readonly clock: Clock.Clock
  private readonly startedAtNanos: bigint

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.startedAtNanos = clock.monotonicTimeNanosUnsafe()
  }

  leased(): void {
    this.leasedAfterMillis = this.afterMillis
  }

  head(): void {
    this.headAfterMillis = this.afterMillis
  }

  end(): void {
    this.endAfterMillis = this.afterMillis
  }

  private get afterMillis(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe() - this.startedAtNanos) / 1e6
  }
}

/** How the call went so far: by its timer, or by the whole milliseconds that it takes for its own time limits. */
export const timingOf = (call: Call, { timing: phases }: ConnectionInfo): CallTiming => {
  const { hasWaited, idleBeforeMillis, isReused, retryCount, timer } = call
  const leasedAfterMillis = timer?.leasedAfterMillis ?? call.leasedAfterMillis
  // One that was opened before the call began has been idle for longer than the call has lasted.
  const isDialled = hasWaited && !isReused && idleBeforeMillis <= call.leasedAfterMillis
  const { dnsMillis = 0, proxyMillis = 0, tcpMillis = 0, tlsMillis = 0 } = isDialled ? phases : noPhases
  return {
    leasedAfterMillis,
    // The dial may have begun, for another caller, before this call did.
    queuedMillis: Math.max(0, leasedAfterMillis - dnsMillis - proxyMillis - tcpMillis - tlsMillis),
    connect: isDialled ? phases : undefined,
    headAfterMillis: timer?.headAfterMillis ?? call.headAfterMillis,
    endAfterMillis: timer?.endAfterMillis,
    isReused,
    idleBeforeMillis,
    retryCount
  }
}

/** To whoever asked, of a call that is over. */
export const tellTiming = (call: Call, info: ConnectionInfo, fork: (effect: Effect.Effect<never>) => unknown): void => {
  try {
    call.request.onTiming?.(timingOf(call, info))
  } catch (defect) {
    // Nobody waits for the call any more who could be told: it ends a fiber of its own, and is logged.
    fork(Effect.die(defect))
  }
}

const noPhases: ConnectionInfo["timing"] = {}
