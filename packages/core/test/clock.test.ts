/**
 * Clocks that are corrected while the pool runs, and machines that sleep.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { a, withPool } from "./support/withPool.ts"

/**
 * The ambient clock, with a wall clock that can be set, and be made to move each time it is read; timers go by the monotonic
 * one.
 */
const withWallClock = <E>(
  body: (set: (byMillis: number) => void, moveAtReadings: (byMillis: number) => void) => Effect.Effect<void, E>
): Effect.Effect<void, E> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    let offsetMillis = 10 ** 9
    let stepMillis = 0
    const wall: Clock.Clock = {
      ...clock,
      currentTimeMillisUnsafe: () => {
        offsetMillis += stepMillis
        return clock.currentTimeMillisUnsafe() + offsetMillis
      },
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      sleep: (duration) => clock.sleep(duration)
    }
    return Effect.provideService(
      body(
        (byMillis) => {
          offsetMillis += byMillis
        },
        (byMillis) => {
          stepMillis = byMillis
        }
      ),
      Clock.Clock,
      wall
    )
  })

describe("a wall clock", () => {
  it.effect("that is set back lets no connection live longer, and makes no age negative", () =>
    withWallClock((set) =>
      withPool({ idleTimeout: 1000, validateAfterInactivity: "never" }, function* ({ factory, pass, take, touch }) {
        touch(a)
        yield* pass(500)
        set(-3_600_000)
        const lease = take(a)
        assert.isAtLeast(lease.idleMillis, 0)
        assert.isAtMost(lease.idleMillis, 500)
        lease.release()
        yield* pass(1000)
        assert.strictEqual(factory.open.size, 0)
      })
    )
  )

  it.effect("that jumps forward, as after a sleep of the machine, makes what was idle too old to use", () =>
    withWallClock((set) =>
      withPool({ idleTimeout: 60_000 }, function* ({ closedBy, pass, touch }) {
        assert.strictEqual(touch(a).id, 1)
        yield* pass(10)
        set(3_600_000)
        assert.strictEqual(touch(a).id, 2)
        assert.strictEqual(closedBy("idle-timeout"), 1)
      })
    )
  )

  it.effect("that is set, back or forward, moves no deadline", () =>
    withWallClock((set) =>
      withPool({ connectionsPerRouteMax: 1 }, function* ({ ask, pass, take }) {
        const held = take(a)
        const waiter = ask(a, { timeout: 100 })
        set(-3_600_000)
        yield* pass(50)
        set(7_200_000)
        yield* pass(49)
        assert.isTrue(waiter.isWaiting)
        yield* pass(1)
        assert.strictEqual(waiter.failure, "AcquireTimeout queue")
        held.release()
      })
    )
  )

  it.effect("that moves meanwhile does not make a connection idle that goes straight to the next caller", () =>
    withWallClock((_, moveAtReadings) =>
      withPool({ connectionsPerRouteMax: 1 }, function* ({ ask, pass, take }) {
        const held = take(a)
        const [next, last] = [ask(a), ask(a)]
        moveAtReadings(1)
        held.release()
        yield* pass(0)
        assert.strictEqual(next.lease.idleMillis, 0)
        next.release()
        yield* pass(0)
        assert.strictEqual(last.lease.idleMillis, 0)
        moveAtReadings(0)
        last.release()
      })
    )
  )

  it.effect("that is set back again and again only stands still", () =>
    withWallClock((set) =>
      withPool({}, function* ({ pass, state }) {
        const first = state.wallMillis()
        for (let count = 0; count < 10; count++) {
          set(-1000)
          yield* pass(5)
        }
        const later = state.wallMillis()
        assert.isTrue(later >= first && later - first <= 50, `${later - first}`)
      })
    )
  )
})
