/**
 * The clock for upkeep that nobody waits for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { makeConnector } from "./runtime.ts"

const backgroundClock = Effect.map(makeConnector(), (connector) => connector.backgroundClock)

describe("the background clock", () => {
  it.live("tells the same time as the live clock", () =>
    Effect.gen(function* () {
      const background = yield* backgroundClock
      const before = yield* Clock.monotonicTimeNanos
      const between = yield* background.monotonicTimeNanos
      assert.isTrue(before <= between && between <= background.monotonicTimeNanosUnsafe())
      assert.isAtMost(Math.abs((yield* background.currentTimeMillis) - (yield* Clock.currentTimeMillis)), 1000)
      assert.isAtMost(background.currentTimeMillisUnsafe(), Number(background.currentTimeNanosUnsafe()) / 1e6 + 1000)
    })
  )

  it.live("wakes a sleeper when its time has come, not before", () =>
    Effect.gen(function* () {
      const background = yield* backgroundClock
      const before = yield* Clock.monotonicTimeNanos
      yield* background.sleep(Duration.millis(20))
      // Timers count whole milliseconds.
      assert.isAtLeast(Number((yield* Clock.monotonicTimeNanos) - before) / 1e6, 19)
      yield* background.sleep(Duration.zero)
    })
  )

  it.live("does not wake a sleeper at once whose time is too far for a timer", () =>
    Effect.gen(function* () {
      const background = yield* backgroundClock
      const sleepers = yield* Effect.forEach([Duration.millis(2 ** 31 + 5), Duration.infinity], (duration) =>
        Effect.forkChild(background.sleep(duration), { startImmediately: true })
      )
      yield* background.sleep(Duration.millis(20))
      assert.deepStrictEqual(
        sleepers.map((sleeper) => sleeper.pollUnsafe()),
        [undefined, undefined]
      )
      yield* Fiber.interruptAll(sleepers)
    })
  )

  it.effect("is the clock in use when that is a virtual one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* backgroundClock, yield* Clock.Clock)
    })
  )
})
