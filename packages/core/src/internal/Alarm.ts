/**
 * One armed timer for any number of things that are due at some time.
 *
 * `ring` does what is due and says when it wants to be woken next. A fiber sleeps until then, another one each time (see
 * `outsideOfCalls`); with nothing due there is no fiber and no timer. Whatever `ring` throws, it rings again a little
 * later: an upkeep that dies silently is worse than one that fails loudly now and then.
 */
import { Clock, Duration, Effect, type Fiber } from "effect"
import { outsideOfCalls } from "./outsideOfCalls.ts"

export interface AlarmOptions {
  /** Runs the alarm's fiber, bound to its owner's scope. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** The clock that the alarm sleeps by. */
  readonly clock: Clock.Clock
  /** The time base of `armBy` and of `ring`. */
  readonly nowMillis: () => number
  /** Does what is due; returns when the next thing is, if any. */
  readonly ring: (nowMillis: number) => number | undefined
  readonly onDefect: (defect: unknown) => void
}

/** After a defect in `ring` nobody knows what is due next: the alarm rings again this much later. */
const defectPauseMillis = 1000

export class Alarm {
  private readonly options: AlarmOptions
  private readonly sleepAndRing: Effect.Effect<void>
  private fiber: Fiber.Fiber<void> | undefined
  private armedForMillis: number | undefined
  private isRinging = false

  constructor(options: AlarmOptions) {
    this.options = options
    const ring = Effect.sync(() => this.ring())
    // Armed for a time that has come, it yields: it must not ring on the stack of whoever arms it.
    const ringSoon = Effect.andThen(Effect.yieldNow, ring)
    this.sleepAndRing = Effect.suspend(() => {
      const delay = this.delay()
      return Duration.isZero(delay) ? ringSoon : Effect.delay(ring, delay)
    }).pipe(Effect.provideService(Clock.Clock, options.clock))
  }

  /** Wakes no later than at `atMillis`. */
  armBy(atMillis: number): void {
    if (atMillis === Number.POSITIVE_INFINITY) return
    if (this.armedForMillis !== undefined && this.armedForMillis <= atMillis) return
    this.armedForMillis = atMillis
    // While it rings, the new time is read when `ring` returns.
    if (this.isRinging) return
    this.fiber?.interruptUnsafe()
    this.sleep()
  }

  /** Nothing is due any more: without a sleeping timer a process may end. */
  disarm(): void {
    this.armedForMillis = undefined
    if (this.isRinging) return
    this.fiber?.interruptUnsafe()
    this.fiber = undefined
  }

  private sleep(): void {
    this.fiber = outsideOfCalls(() => this.options.fork(this.sleepAndRing))
  }

  private delay(): Duration.Duration {
    const atMillis = this.armedForMillis
    if (atMillis === undefined) return Duration.zero
    // A timer may fire a fraction of a millisecond early; rounding up keeps that from becoming a busy loop.
    return Duration.millis(Math.max(0, Math.ceil(atMillis - this.options.nowMillis())))
  }

  private ring(): void {
    this.armedForMillis = undefined
    this.isRinging = true
    let nextMillis: number | undefined
    try {
      nextMillis = this.options.ring(this.options.nowMillis())
    } catch (defect) {
      this.options.onDefect(defect)
      nextMillis = this.options.nowMillis() + defectPauseMillis
    } finally {
      this.isRinging = false
    }
    // `ring` may have been armed for an earlier time meanwhile.
    const armedMillis: number | undefined = this.armedForMillis
    const wakeMillis = Math.min(nextMillis ?? Number.POSITIVE_INFINITY, armedMillis ?? Number.POSITIVE_INFINITY)
    this.fiber = undefined
    if (wakeMillis === Number.POSITIVE_INFINITY) return
    this.armedForMillis = wakeMillis
    this.sleep()
  }
}
