/**
 * A clock that reads the time of another clock, and whose sleeps do not keep the process alive.
 */
import { clearTimeout, setTimeout } from "node:timers"
import { Clock, Context, Duration, Effect } from "effect"

/** The longest delay a timer holds, 2^31 - 1 ms; Node fires at once on a longer one, so such sleeps are taken in parts. */
const timerMillisMax = 2_147_483_647

/**
 * The background form of `clock`. A clock that is not the live one (a test's, the simulator's) is returned as it is: its
 * sleeps hold no timer, and sleeping by real timers would pull readings and sleeps apart.
 */
export const makeBackgroundClock = (clock: Clock.Clock): Clock.Clock =>
  clock === Context.get(Context.empty(), Clock.Clock) ? new BackgroundClock(clock) : clock

class BackgroundClock implements Clock.Clock {
  readonly #clock: Clock.Clock
  readonly currentTimeMillis: Effect.Effect<number>
  readonly currentTimeNanos: Effect.Effect<bigint>
  readonly monotonicTimeNanos: Effect.Effect<bigint>

  constructor(clock: Clock.Clock) {
    this.#clock = clock
    this.currentTimeMillis = clock.currentTimeMillis
    this.currentTimeNanos = clock.currentTimeNanos
    this.monotonicTimeNanos = clock.monotonicTimeNanos
  }

  currentTimeMillisUnsafe(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  currentTimeNanosUnsafe(): bigint {
    return this.#clock.currentTimeNanosUnsafe()
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.#clock.monotonicTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return sleepMillis(Duration.toMillis(duration))
  }
}

const sleepMillis = (millis: number): Effect.Effect<void> => {
  if (millis <= 0) return Effect.yieldNow
  if (!Number.isFinite(millis)) return Effect.never
  return Effect.callback<void>((resume) => {
    const rest = millis > timerMillisMax ? sleepMillis(millis - timerMillisMax) : Effect.void
    const timer = setTimeout(() => resume(rest), Math.min(millis, timerMillisMax))
    timer.unref()
    return Effect.sync(() => clearTimeout(timer))
  })
}
