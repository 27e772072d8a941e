/**
 * One timer for many times: earlier times arriving while it sleeps or rings, defects, disarming.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Alarm } from "../src/internal/Alarm.ts"
import { settled } from "./support/withPool.ts"

interface Ringing {
  readonly alarm: Alarm
  readonly rungAt: Array<number>
  readonly defects: Array<unknown>
}

/** An alarm whose `ring` notes the time and then does what the spec says. */
const ringing = (ring: (alarm: Alarm, nowMillis: number) => number | undefined) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const scope = yield* Effect.scope
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const rungAt: Array<number> = []
    const defects: Array<unknown> = []
    const alarm: Alarm = new Alarm({
      fork: (effect) => Fiber.runIn(runFork(effect), scope),
      clock,
      nowMillis: () => clock.currentTimeMillisUnsafe(),
      ring: (nowMillis) => {
        rungAt.push(nowMillis)
        return ring(alarm, nowMillis)
      },
      onDefect: (defect) => defects.push(defect)
    })
    return { alarm, rungAt, defects } satisfies Ringing
  })

const fibersOf = (scope: Scope.Scope): number => (scope.state._tag === "Open" ? (scope.state.finalizers?.size ?? 1) : 0)

describe("Alarm", () => {
  it.effect("rings once at the time it was armed for, and then has no fiber", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing(() => undefined)
      alarm.armBy(10)
      yield* TestClock.adjust(9)
      assert.deepStrictEqual(rungAt, [])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rungAt, [10])
      assert.strictEqual(fibersOf(yield* Effect.scope), 0)
    })
  )

  it.effect("rings earlier when an earlier time arrives while it sleeps, and not for a later one", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing(() => undefined)
      alarm.armBy(10)
      alarm.armBy(20)
      alarm.armBy(5)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rungAt, [5])
    })
  )

  it.effect("rings at the earlier of what `ring` answers and what arrived while it rang", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing((alarm, nowMillis) => {
        if (nowMillis !== 10) return undefined
        alarm.armBy(30)
        return 50
      })
      alarm.armBy(10)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rungAt, [10, 30])
    })
  )

  it.effect("rings outside of the call that armed it", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string>()
      const seen: Array<string | undefined> = []
      const { alarm } = yield* ringing((_, nowMillis) => {
        seen.push(storage.getStore())
        return nowMillis === 10 ? 20 : undefined
      })
      storage.run("a call", () => alarm.armBy(10))
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(seen, [undefined, undefined])
    })
  )

  it.effect("can be armed again after it has run out", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing(() => undefined)
      alarm.armBy(10)
      yield* TestClock.adjust(20)
      alarm.armBy(30)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(rungAt, [10, 30])
    })
  )

  it.effect("never rings on the stack of whoever arms it, even for a time that has come", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing(() => undefined)
      alarm.armBy(-5)
      assert.deepStrictEqual(rungAt, [])
      yield* settled
      assert.deepStrictEqual(rungAt, [0])
    })
  )

  // OkHttp: interruptStopsThread.
  it.effect("rings again a second after a defect, and reports the defect", () =>
    Effect.gen(function* () {
      const { alarm, defects, rungAt } = yield* ringing((_, nowMillis) => {
        if (nowMillis < 1000) throw new Error("broken upkeep")
        return undefined
      })
      alarm.armBy(10)
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(rungAt, [10, 1010])
      assert.strictEqual(defects.length, 1)
    })
  )

  it.effect("sleeps no more once disarmed, and can be armed again", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing(() => undefined)
      alarm.armBy(10)
      alarm.disarm()
      assert.strictEqual(fibersOf(yield* Effect.scope), 0)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(rungAt, [])
      alarm.armBy(30)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(rungAt, [30])
    })
  )

  it.effect("may be disarmed while it rings", () =>
    Effect.gen(function* () {
      const { alarm, rungAt } = yield* ringing((alarm) => {
        alarm.armBy(20)
        alarm.disarm()
        return undefined
      })
      alarm.armBy(10)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rungAt, [10])
      alarm.armBy(110)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rungAt, [10, 110])
    })
  )

  it.effect("never wakes for a time without end", () =>
    Effect.gen(function* () {
      const { alarm } = yield* ringing(() => Number.POSITIVE_INFINITY)
      alarm.armBy(Number.POSITIVE_INFINITY)
      assert.strictEqual(fibersOf(yield* Effect.scope), 0)
      alarm.armBy(10)
      yield* TestClock.adjust(20)
      assert.strictEqual(fibersOf(yield* Effect.scope), 0)
    })
  )
})
