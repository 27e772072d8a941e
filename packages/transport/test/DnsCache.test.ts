/**
 * What a cache of names promises, in virtual time: who is asked when, what is told to whom, what is forgotten.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { type DnsCacheOptions, dnsSettings } from "../src/CachedAnswer.ts"
import { makeDnsCache } from "../src/DnsCache.ts"
import type { Resolution } from "../src/Resolver.ts"
import { type TransportError, transportError } from "../src/TransportError.ts"

const down = transportError({ reason: "DnsFailed", phase: "dns", address: "a.test", detail: "no name server answers" })

/** A resolver that answers what it is told to, and tells what it was asked. */
class Source {
  readonly asked: Array<string> = []
  answer: Resolution | TransportError | "silence" = { addresses: ["192.0.2.1"] }
  /** How long an answer takes. */
  afterMillis = 0

  readonly lookup = (host: string): Effect.Effect<Resolution, TransportError> =>
    Effect.suspend(() => {
      this.asked.push(host)
      const { afterMillis, answer } = this
      if (answer === "silence") return Effect.never
      const told = "addresses" in answer ? Effect.succeed(answer) : Effect.fail(answer)
      return afterMillis === 0 ? told : Effect.delay(told, afterMillis)
    })
}

const cached = (options?: DnsCacheOptions) =>
  Effect.gen(function* () {
    const source = new Source()
    return { source, cache: yield* makeDnsCache(source.lookup, options) }
  })

const told = (addresses: ReadonlyArray<string>, seconds: number): Resolution => ({
  addresses,
  timeToLive: Duration.seconds(seconds)
})

describe("an answer", () => {
  it.effect("is kept for 30 seconds if its resolver tells no time, whatever the case of the name", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      assert.deepStrictEqual(yield* cache.resolve("A.test"), ["192.0.2.1"])
      yield* TestClock.adjust("29999 millis")
      assert.deepStrictEqual(yield* cache.resolve("a.TEST"), ["192.0.2.1"])
      assert.deepStrictEqual(source.asked, ["a.test"])
      yield* TestClock.adjust("1 millis")
      source.answer = { addresses: ["192.0.2.2"] }
      assert.deepStrictEqual(yield* cache.resolve("a.test"), ["192.0.2.2"])
    })
  )

  const lives: ReadonlyArray<readonly [string, DnsCacheOptions, Resolution, keptSeconds: number]> = [
    ["by the resolver's time to live, if it tells one", {}, told(["192.0.2.1"], 77), 77],
    ["no shorter than the minimum", {}, told(["192.0.2.1"], 0), 5],
    ["no longer than the maximum", {}, told(["192.0.2.1"], 86_400), 3600],
    ["as long as it is told where no time is known", { timeToLive: "3 minutes" }, { addresses: ["192.0.2.1"] }, 180],
    ["for 10 seconds if it is that there is no address", {}, { addresses: [] }, 10],
    ["by the resolver's time also then", {}, told([], 60), 60]
  ]
  for (const [what, options, answer, keptSeconds] of lives) {
    it.effect(`is kept ${what}`, () =>
      Effect.gen(function* () {
        const { cache, source } = yield* cached(options)
        source.answer = answer
        yield* Effect.exit(cache.resolve("a.test"))
        yield* TestClock.adjust(keptSeconds * 1000 - 1)
        yield* Effect.exit(cache.resolve("a.test"))
        assert.strictEqual(source.asked.length, 1)
        yield* TestClock.adjust(1)
        yield* Effect.exit(cache.resolve("a.test"))
        assert.strictEqual(source.asked.length, 2)
      })
    )
  }

  it.effect("with no time to live at all is asked for each time", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached({ timeToLive: 0 })
      yield* cache.resolve("a.test")
      yield* cache.resolve("a.test")
      assert.strictEqual(source.asked.length, 2)
    })
  )

  it.effect("without an address is a failure in phase dns, and so is one that is no IP address", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      source.answer = { addresses: [] }
      const none = yield* Effect.flip(cache.resolve("a.test"))
      assert.deepStrictEqual([none.reason, none.phase, none.code], ["DnsFailed", "dns", "ENOTFOUND"])
      source.answer = { addresses: ["192.0.2.1", "b.test"] }
      const stray = yield* Effect.flip(cache.resolve("b.test"))
      assert.strictEqual(stray.message, 'b.test: dns: the resolver answered with "b.test", which is no IP address')
    })
  )

  it.effect("tells an address once that its resolver tells twice", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      source.answer = { addresses: ["192.0.2.1", "192.0.2.2", "192.0.2.1"] }
      assert.deepStrictEqual(yield* cache.resolve("a.test"), ["192.0.2.1", "192.0.2.2"])
    })
  )
})

describe("a look-up", () => {
  it.effect("is one for all who ask meanwhile, and is not lost when one of them is interrupted", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      source.afterMillis = 100
      const callers = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(cache.resolve("a.test"), { startImmediately: true })
      )
      yield* TestClock.adjust(50)
      const [first, ...others] = callers
      if (first !== undefined) yield* Fiber.interrupt(first)
      yield* TestClock.adjust(50)
      for (const other of others) assert.deepStrictEqual(yield* Fiber.join(other), ["192.0.2.1"])
      assert.strictEqual(source.asked.length, 1)
    })
  )

  it.effect("whose callers have all left is kept for the next", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      source.afterMillis = 100
      const caller = yield* Effect.forkChild(cache.resolve("a.test"), { startImmediately: true })
      yield* Fiber.interrupt(caller)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* cache.resolve("a.test"), ["192.0.2.1"])
      assert.strictEqual(source.asked.length, 1)
    })
  )

  it.effect("that takes longer than lookupTimeout has failed, and the next is made after a pause", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached({ lookupTimeout: "2 seconds", failureTimeToLive: "5 seconds" })
      source.answer = "silence"
      const caller = yield* Effect.forkChild(Effect.flip(cache.resolve("a.test")), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(caller)
      assert.strictEqual(
        error.message,
        "a.test: dns: the resolver has not answered within 2000 ms (lookupTimeout) (ETIMEOUT)"
      )
      source.answer = { addresses: ["192.0.2.1"] }
      assert.strictEqual(yield* Effect.flip(cache.resolve("a.test")), error)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* cache.resolve("a.test"), ["192.0.2.1"])
    })
  )

  it.effect("that dies is a failure that says so", () =>
    Effect.gen(function* () {
      const cache = yield* makeDnsCache(() => {
        throw new Error("a broken resolver")
      })
      const error = yield* Effect.flip(cache.resolve("a.test"))
      assert.strictEqual(error.message, "a.test: dns: the resolver failed: a broken resolver")
    })
  )
})

describe("an answer that cannot be renewed", () => {
  it.effect("is used for a day longer, asked for again every 5 seconds, and then no more", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      yield* cache.resolve("a.test")
      source.answer = down
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* cache.resolve("a.test"), ["192.0.2.1"])
      yield* TestClock.adjust("4999 millis")
      yield* cache.resolve("a.test")
      assert.strictEqual(source.asked.length, 2)
      yield* TestClock.adjust("1 millis")
      yield* cache.resolve("a.test")
      assert.strictEqual(source.asked.length, 3)
      yield* TestClock.adjust(86_400_000 - 5000 - 1)
      assert.deepStrictEqual(yield* cache.resolve("a.test"), ["192.0.2.1"])
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Effect.flip(cache.resolve("a.test")), down)
    })
  )

  it.effect("is used no longer where stale answers are not wanted", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached({ staleMax: 0 })
      yield* cache.resolve("a.test")
      source.answer = down
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* Effect.flip(cache.resolve("a.test")), down)
    })
  )

  // RFC 8767 section 4: stale data is not for names that are known to be gone.
  it.effect("is used no longer when there is an answer, that the name has no address", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached()
      yield* cache.resolve("a.test")
      source.answer = { addresses: [] }
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Effect.flip(cache.resolve("a.test"))).code, "ENOTFOUND")
    })
  )

  it.effect("is warned about once, when it goes beyond its time", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))
      yield* Effect.gen(function* () {
        const { cache, source } = yield* cached()
        yield* cache.resolve("a.test")
        source.answer = down
        for (const _ of [1, 2]) {
          yield* TestClock.adjust("30 seconds")
          yield* cache.resolve("a.test")
        }
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(lines, [
        "Warn weir: the last known addresses of a.test are used beyond their time to live: a.test: dns: no name server answers"
      ])
    })
  )
})

describe("a watched address", () => {
  /** Watches the addresses, and collects which were withdrawn. */
  const watching = (options?: DnsCacheOptions) =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached(options)
      const withdrawn: Array<string> = []
      yield* cache.resolve("a.test")
      const watch = (address: string) => cache.watch("a.test", address, () => void withdrawn.push(address))
      return { cache, source, withdrawn, watch }
    })

  it.effect("is told once when the next answer is without it, and nobody has to ask for that answer", () =>
    Effect.gen(function* () {
      const { source, watch, withdrawn } = yield* watching()
      watch("192.0.2.1")
      watch("192.0.2.1")
      watch("192.0.2.2")
      source.answer = { addresses: ["192.0.2.2"] }
      yield* TestClock.adjust("29999 millis")
      assert.deepStrictEqual(withdrawn, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(withdrawn, ["192.0.2.1", "192.0.2.1"])
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(withdrawn, ["192.0.2.1", "192.0.2.1"])
    })
  )

  it.effect("is told by the answer that a connect has asked for as well", () =>
    Effect.gen(function* () {
      const { cache, source, watch, withdrawn } = yield* watching({ timeToLive: 0 })
      watch("192.0.2.1")
      source.answer = { addresses: ["192.0.2.2"] }
      yield* cache.resolve("a.test")
      assert.deepStrictEqual(withdrawn, ["192.0.2.1"])
    })
  )

  it.effect("is told nothing when its watch has ended, and without a watch nothing is looked up", () =>
    Effect.gen(function* () {
      const { source, watch, withdrawn } = yield* watching()
      const stops = [watch("192.0.2.1"), watch("192.0.2.1")]
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(source.asked.length, 3)
      for (const stop of stops) stop()
      source.answer = { addresses: ["192.0.2.3"] }
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual([withdrawn, source.asked.length], [[], 3])
    })
  )

  it.effect("is told nothing when another that was told first has ended its watch", () =>
    Effect.gen(function* () {
      const { cache, source, withdrawn } = yield* watching()
      cache.watch("a.test", "192.0.2.1", () => stopOther())
      const stopOther = cache.watch("a.test", "192.0.2.1", () => void withdrawn.push("other"))
      source.answer = { addresses: ["192.0.2.2"] }
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(withdrawn, [])
    })
  )

  it.effect("is left alone while look-ups fail, or say that there is no address at all", () =>
    Effect.gen(function* () {
      const { source, watch, withdrawn } = yield* watching()
      watch("192.0.2.1")
      for (const answer of [down, { addresses: [] }, { addresses: ["no address"] }]) {
        source.answer = answer
        yield* TestClock.adjust("1 minute")
      }
      assert.deepStrictEqual(withdrawn, [])
      source.answer = { addresses: ["192.0.2.2"] }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(withdrawn, ["192.0.2.1"])
    })
  )

  it.effect("may be missing for a while where that is said, and comes back", () =>
    Effect.gen(function* () {
      const { source, watch, withdrawn } = yield* watching({ withdrawAfter: "1 minute" })
      watch("192.0.2.1")
      for (const address of ["192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.3"]) {
        source.answer = { addresses: [address] }
        yield* TestClock.adjust("30 seconds")
      }
      assert.deepStrictEqual(withdrawn, [])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(withdrawn, ["192.0.2.1"])
    })
  )

  it.effect("is never told where that is said", () =>
    Effect.gen(function* () {
      const { source, watch, withdrawn } = yield* watching({ withdrawAfter: "never" })
      watch("192.0.2.1")
      source.answer = { addresses: ["192.0.2.2"] }
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(withdrawn, [])
    })
  )

  it.effect("whose listener throws keeps no other from hearing", () =>
    Effect.gen(function* () {
      const { cache, source, watch, withdrawn } = yield* watching()
      cache.watch("a.test", "192.0.2.1", () => {
        throw new Error("a broken listener")
      })
      watch("192.0.2.1")
      source.answer = { addresses: ["192.0.2.2"] }
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(withdrawn, ["192.0.2.1"])
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("is looked up no more than once a second, though answers are not to be kept", () =>
    Effect.gen(function* () {
      const { source, watch } = yield* watching({ timeToLive: 0 })
      watch("192.0.2.1")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(source.asked.length, 11)
    })
  )

  it.effect("is looked up by the background clock", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const slept: Array<number> = []
      const background: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration) => {
          slept.push(Duration.toMillis(duration))
          return Effect.never
        }
      }
      const cache = yield* makeDnsCache(new Source().lookup, {}, background)
      yield* cache.resolve("a.test")
      const stop = cache.watch("a.test", "192.0.2.1", () => {})
      assert.deepStrictEqual(slept, [30_000])
      stop()
    })
  )
})

describe("a cache", () => {
  it.effect("keeps so many names, those used last, and those that are watched besides", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached({ nameCountMax: 2 })
      yield* cache.resolve("watched.test")
      const stop = cache.watch("watched.test", "192.0.2.1", () => {})
      for (const host of ["a.test", "b.test", "a.test", "c.test"]) yield* cache.resolve(host)
      const before = source.asked.length
      yield* cache.resolve("watched.test")
      yield* cache.resolve("c.test")
      assert.strictEqual(source.asked.length, before)
      yield* cache.resolve("b.test")
      assert.strictEqual(source.asked.length, before + 1)
      stop()
    })
  )

  it.effect("forgets the names beyond that when their watches end", () =>
    Effect.gen(function* () {
      const { cache, source } = yield* cached({ nameCountMax: 2 })
      const hosts = ["a.test", "b.test", "c.test", "d.test"]
      const stops = hosts.map((host) => cache.watch(host, "192.0.2.1", () => {}))
      for (const host of hosts) yield* cache.resolve(host)
      for (const host of hosts) yield* cache.resolve(host)
      assert.strictEqual(source.asked.length, 4)
      for (const stop of stops) stop()
      for (const host of ["c.test", "d.test", "a.test", "b.test"]) yield* cache.resolve(host)
      assert.deepStrictEqual(source.asked.slice(4), ["a.test", "b.test"])
    })
  )

  it.effect("gives what it gives again when the same effect is run again", () =>
    Effect.gen(function* () {
      const { cache } = yield* cached()
      const resolve = cache.resolve("a.test")
      assert.deepStrictEqual(yield* resolve, yield* resolve)
    })
  )

  const misfits: ReadonlyArray<readonly [DnsCacheOptions, RegExp]> = [
    [{ nameCountMax: 0 }, /nameCountMax is 0, not a whole number from 1/],
    [{ timeToLiveMin: "2 hours" }, /timeToLiveMin is 7200000 ms, above timeToLiveMax of 3600000 ms/]
  ]
  it.effect.each(misfits)("cannot be made with %o, and says why", ([options, why]) =>
    Effect.gen(function* () {
      assert.throws(() => dnsSettings(options), why)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(makeDnsCache(new Source().lookup, options))))
    })
  )
})
