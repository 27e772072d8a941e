/**
 * Time that passes only when the simulation says so.
 *
 * The wall clock and the monotonic clock begin at different values, so that code which mixes them up is found out.
 * Like a runtime's timers, a delay is a whole number of milliseconds, at least 1.
 */
import { type Clock, Duration, Effect } from "effect"

/** 2026-01-01T00:00:00Z. */
const wallOriginMillis = 1_767_225_600_000
const monotonicOriginMillis = 1000

interface Timer {
  readonly atMillis: number
  readonly run: () => void
}

export class VirtualClock implements Clock.Clock {
  /** Since the start of the simulation. */
  elapsedMillis = 0
  /** The latest first, and of equal ones the first armed last: the next timer is at the end. */
  private readonly timers: Array<Timer> = []
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  currentTimeMillisUnsafe(): number {
    return wallOriginMillis + this.elapsedMillis
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.currentTimeMillisUnsafe()) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(monotonicOriginMillis + this.elapsedMillis) * 1_000_000n
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (millis === Number.POSITIVE_INFINITY) return Effect.never
    return Effect.callback<void>((resume) => {
      const cancel = this.schedule(millis, () => {
        resume(Effect.void)
      })
      return Effect.sync(cancel)
    })
  }

  /** Calls `run` after `millis`; the result takes that back. */
  schedule(millis: number, run: () => void): () => void {
    const timer = { atMillis: this.elapsedMillis + Math.max(1, Math.trunc(millis)), run }
    let low = 0
    let high = this.timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.timers[middle]?.atMillis ?? 0) > timer.atMillis) low = middle + 1
      else high = middle
    }
    this.timers.splice(low, 0, timer)
    return () => {
      const index = this.timers.indexOf(timer)
      if (index >= 0) this.timers.splice(index, 1)
    }
  }

  get timerCount(): number {
    return this.timers.length
  }

  /** When the next timer is due; `undefined` when none is armed. */
  get nextMillis(): number | undefined {
    return this.timers.at(-1)?.atMillis
  }

  /** Moves to the next timer's time; each timer that is due then is handed over, in the order armed. */
  advance(handOver: (timer: () => void) => void): void {
    const atMillis = this.nextMillis
    if (atMillis === undefined) return
    this.elapsedMillis = atMillis
    while (this.nextMillis === atMillis) {
      const timer = this.timers.pop()
      if (timer !== undefined) handOver(timer.run)
    }
  }
}
