/**
 * Watches for a time in which nothing happens. It costs a timer only while a time is set, and one for many events: the
 * timer that goes off looks how long nothing has happened, and is set again for the rest.
 */
import { Clock, Context, Effect, type Fiber } from "effect"

export class Inactivity {
  readonly #onIdle: () => void
  #limitMillis = 0
  #activeAtMillis = 0
  #timer: Fiber.Fiber<void> | undefined

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** From now on; 0 ends it. */
  watch(millis: number): void {
    this.#timer?.interruptUnsafe()
    this.#timer = undefined
    this.#limitMillis = millis
    if (millis === 0) return
    this.touch()
    this.#arm(millis)
  }

  /** Something has happened. */
  touch(): void {
    if (this.#limitMillis > 0) this.#activeAtMillis = clock.currentTimeMillisUnsafe()
  }

  #arm(millis: number): void {
    this.#timer = Effect.runFork(
      Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => {
          const leftMillis = this.#activeAtMillis + this.#limitMillis - clock.currentTimeMillisUnsafe()
          if (leftMillis > 0) this.#arm(leftMillis)
          else this.#onIdle()
        })
      )
    )
  }
}

const clock = Context.get(Context.empty(), Clock.Clock)
