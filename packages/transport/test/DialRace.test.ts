/**
 * A plan carried out, in virtual time: what is open at the end, whatever the end is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Random, References } from "effect"
import { TestClock } from "effect/testing"
import { dialSettings } from "../src/DialPlan.ts"
import { race } from "../src/DialRace.ts"
import { type TransportError, type TransportReason, transportError } from "../src/TransportError.ts"

const addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]

/** What becomes of an attempt; absent: nothing is ever heard of it. */
interface Fate {
  readonly afterMillis: number
  readonly fails?: TransportReason
}

class Net {
  /** What was opened and not closed. */
  readonly open = new Set<string>()
  readonly pending = new Set<string>()
  readonly begun: Array<readonly [atMillis: number, address: string]> = []
  readonly #fates: ReadonlyMap<string, Fate>

  constructor(fates: ReadonlyArray<Fate | undefined>) {
    this.#fates = new Map(fates.flatMap((fate, index) => (fate === undefined ? [] : [[addresses[index] ?? "", fate]])))
  }

  /** As a layer's: interrupted at any moment, it has closed what it opened when the interruption returns. */
  readonly attempt = (address: string): Effect.Effect<string, TransportError> =>
    Effect.withFiber((fiber) =>
      Effect.callback<string, TransportError>((resume) => {
        this.begun.push([fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(), address])
        this.pending.add(address)
        const inner = Effect.runForkWith(fiber.context)(this.#live(address))
        inner.addObserver((exit) => {
          this.pending.delete(address)
          resume(exit)
        })
        return Effect.andThen(
          Fiber.interrupt(inner),
          Effect.sync(() => this.open.delete(address))
        )
      })
    )

  readonly discard = (address: string): Effect.Effect<void> =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => assert.isTrue(this.open.delete(address), `${address} is closed twice`))
    )

  #live(address: string): Effect.Effect<string, TransportError> {
    const fate = this.#fates.get(address)
    if (fate === undefined) return Effect.never
    const { afterMillis, fails } = fate
    const end = fails === undefined ? Effect.sync(() => this.open.add(address)) : Effect.fail(failure(address, fails))
    return Effect.as(afterMillis === 0 ? end : Effect.delay(end, afterMillis), address)
  }
}

const failure = (address: string, reason: TransportReason) =>
  transportError({ reason, phase: "tcp", address, code: `E${reason.toUpperCase()}`, detail: "no" })

const settings = dialSettings({ attemptDelay: 100 })

const racing = (net: Net) =>
  race({ addresses, settings, attempt: net.attempt, discard: net.discard, name: "a.test:80" })

describe("a race", () => {
  it.effect("keeps the first that opens and gives the others up", () =>
    Effect.gen(function* () {
      const net = new Net([undefined, { afterMillis: 30 }])
      const fiber = yield* Effect.forkChild(racing(net), { startImmediately: true })
      yield* TestClock.adjust(130)
      assert.strictEqual(yield* Fiber.join(fiber), addresses[1])
      assert.deepStrictEqual(net.begun, [
        [0, "192.0.2.1"],
        [100, "192.0.2.2"]
      ])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(net.begun.length, 2)
      assert.deepStrictEqual([...net.open], ["192.0.2.2"])
      assert.strictEqual(net.pending.size, 0)
    })
  )

  it.effect("may be won by an earlier attempt that was only slow", () =>
    Effect.gen(function* () {
      const net = new Net([{ afterMillis: 150 }])
      const fiber = yield* Effect.forkChild(racing(net), { startImmediately: true })
      yield* TestClock.adjust(150)
      assert.strictEqual(yield* Fiber.join(fiber), addresses[0])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([[...net.open], net.pending.size], [["192.0.2.1"], 0])
    })
  )

  it.effect("tries the next at once when one fails, also before the first has returned", () =>
    Effect.gen(function* () {
      const net = new Net([
        { afterMillis: 0, fails: "Unreachable" },
        { afterMillis: 20, fails: "Refused" },
        { afterMillis: 5 }
      ])
      const fiber = yield* Effect.forkChild(racing(net), { startImmediately: true })
      yield* TestClock.adjust(25)
      assert.strictEqual(yield* Fiber.join(fiber), addresses[2])
      assert.deepStrictEqual(net.begun, [
        [0, "192.0.2.1"],
        [0, "192.0.2.2"],
        [20, "192.0.2.3"]
      ])
    })
  )

  it.effect("that nobody wins tells all failures, and by its reason the one that says most", () =>
    Effect.gen(function* () {
      const net = new Net([
        { afterMillis: 10, fails: "Refused" },
        { afterMillis: 10, fails: "LocalResource" },
        { afterMillis: 10, fails: "Unreachable" }
      ])
      const fiber = yield* Effect.forkChild(Effect.flip(racing(net)), { startImmediately: true })
      yield* TestClock.adjust(30)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason, "Refused")
      assert.strictEqual(error.code, "EREFUSED")
      assert.strictEqual(error.address, "a.test:80")
      for (const address of addresses) assert.include(error.message, address)
      assert.strictEqual(error.cause instanceof AggregateError ? error.cause.errors.length : 0, 3)
    })
  )

  it.effect("goes on after an attempt that broke off with a defect", () =>
    Effect.gen(function* () {
      const net = new Net([undefined, { afterMillis: 0 }])
      const attempt = (address: string) => (address === addresses[0] ? Effect.die("defect") : net.attempt(address))
      assert.strictEqual(
        yield* race({ addresses, settings, attempt, discard: net.discard, name: "a.test:80" }),
        addresses[1]
      )
    })
  )

  it.effect("closes what is opened by an attempt that has interrupted it", () =>
    Effect.gen(function* () {
      const net = new Net([undefined, { afterMillis: 0 }])
      const attempt = (address: string) => {
        if (address === addresses[1]) fiber.interruptUnsafe()
        return net.attempt(address)
      }
      const run = race({ addresses, settings, attempt, discard: net.discard, name: "a.test:80" })
      const fiber = yield* Effect.forkChild(run, { startImmediately: true })
      yield* TestClock.adjust(100)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* Effect.yieldNow
      assert.deepStrictEqual([net.open.size, net.pending.size], [0, 0])
    })
  )

  it.effect("that is interrupted has closed every attempt when the interruption returns", () =>
    Effect.gen(function* () {
      const net = new Net([])
      const fiber = yield* Effect.forkChild(racing(net), { startImmediately: true })
      yield* TestClock.adjust(200)
      assert.strictEqual(net.pending.size, 3)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(net.pending.size, 0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(net.begun.length, 3)
    })
  )

  // A fiber that yields all the time can be interrupted between any two steps.
  for (const maxOpsBeforeYield of [3, 2048]) {
    it.effect(`leaves open what it gave and nothing else, 500 times, yielding every ${maxOpsBeforeYield} steps`, () =>
      Effect.gen(function* () {
        let wonCount = 0
        for (let cycle = 0; cycle < 500; cycle++) {
          const fates: Array<Fate | undefined> = []
          for (const _ of addresses) {
            const afterMillis = yield* Random.nextIntBetween(0, 120)
            const kind = yield* Random.nextIntBetween(0, 4)
            fates.push(kind === 0 ? undefined : { afterMillis, ...(kind === 1 ? { fails: "Refused" as const } : {}) })
          }
          const net = new Net(fates)
          const fiber = yield* racing(net).pipe(
            Effect.provideService(References.MaxOpsBeforeYield, maxOpsBeforeYield),
            Effect.forkChild({ startImmediately: true })
          )
          for (let step = yield* Random.nextIntBetween(0, 8); step > 0; step--) {
            for (let turn = yield* Random.nextIntBetween(0, 20); turn > 0; turn--) yield* Effect.yieldNow
            yield* TestClock.adjust(yield* Random.nextIntBetween(0, 80))
          }
          for (let turn = yield* Random.nextIntBetween(0, 20); turn > 0; turn--) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          if (Exit.isSuccess(exit)) {
            wonCount++
            // Losers that a win has interrupted end by themselves.
            while (net.pending.size > 0 || net.open.size > 1) yield* Effect.yieldNow
          }
          assert.deepStrictEqual([...net.open], Exit.isSuccess(exit) ? [exit.value] : [], `cycle ${cycle}`)
          assert.strictEqual(net.pending.size, 0)
        }
        assert.isAbove(wonCount, 50)
        assert.isBelow(wonCount, 450)
      }).pipe(Random.withSeed("race"))
    )
  }
})
