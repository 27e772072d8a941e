/**
 * What a tracer sees of a pool: callers that wait, and dials.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, type Scope, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { ConnectionPool, type PoolConfig } from "../src/index.ts"
import { type FakeConnection, ScriptedFactory } from "./support/ScriptedFactory.ts"
import { a } from "./support/withPool.ts"

type Pool = ConnectionPool.ConnectionPool<FakeConnection>

/** Hears of events that come after its end too. */
class RecordedSpan extends Tracer.NativeSpan {
  readonly heard: Array<string> = []

  override event(name: string, startTime: bigint, attributes?: Record<string, unknown>): void {
    this.heard.push(name)
    super.event(name, startTime, attributes)
  }
}

/** Keeps every span that it is asked for. */
class Recorder {
  readonly spans: Array<RecordedSpan> = []
  readonly tracer = Tracer.make({
    span: (options) => {
      const span = new RecordedSpan(options)
      this.spans.push(span)
      return span
    }
  })

  named(name: string): ReadonlyArray<RecordedSpan> {
    return this.spans.filter((span) => span.name === name)
  }

  only(name: string): RecordedSpan {
    const [span, ...others] = this.named(name)
    if (span === undefined || others.length > 0)
      throw new Error(`${others.length + (span ? 1 : 0)} spans named ${name}`)
    return span
  }
}

interface Scene {
  readonly pool: Pool
  readonly factory: ScriptedFactory
  readonly recorder: Recorder
  /** Begins an effect, traced by the recorder, as a child of the span `caller`. */
  readonly begin: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<Fiber.Fiber<A, E>>
}

/** A pool made by a fiber that is not traced, unless `isTraced`. */
const scenario = (
  name: string,
  config: PoolConfig,
  body: (scene: Scene) => Effect.Effect<void, unknown, Scope.Scope>,
  isTraced = false
) =>
  it.effect(name, () =>
    Effect.scoped(
      Effect.gen(function* () {
        const recorder = new Recorder()
        const factory = new ScriptedFactory({ dials: "manual" })
        const making = ConnectionPool.make(factory, config)
        const pool = yield* isTraced
          ? making.pipe(Effect.withSpan("maker"), Effect.withTracer(recorder.tracer))
          : making
        yield* body({
          pool,
          factory,
          recorder,
          begin: (effect) =>
            Effect.forkChild(effect.pipe(Effect.withSpan("caller"), Effect.withTracer(recorder.tracer)), {
              startImmediately: true
            })
        })
        assert.deepStrictEqual(
          recorder.spans.filter((span) => span.status._tag !== "Ended").map((span) => span.name),
          []
        )
      })
    )
  )

const parentOf = (span: Tracer.Span): string | undefined => {
  const parent = Option.getOrUndefined(span.parent)
  return parent?._tag === "Span" ? parent.name : undefined
}

const exitOf = (span: Tracer.Span): Exit.Exit<unknown, unknown> | undefined =>
  span.status._tag === "Ended" ? span.status.exit : undefined

describe("a caller that waits", () => {
  scenario("has a span that says how long, for which route and whether the connection is new", {}, (scene) =>
    Effect.gen(function* () {
      const { begin, factory, pool, recorder } = scene
      const caller = yield* begin(pool.use(a, () => Effect.sleep(5)))
      yield* TestClock.adjust(20)
      factory.dial(1).succeed()
      yield* TestClock.adjust(5)
      yield* Fiber.join(caller)
      const span = recorder.only("weir.acquire")
      assert.strictEqual(parentOf(span), "caller")
      assert.deepStrictEqual(Object.fromEntries(span.attributes), {
        route: "test://a:1",
        waitedMillis: 20,
        reused: false
      })
      // It ends with the lease, not with its use.
      assert.strictEqual(span.status._tag === "Ended" ? span.status.endTime - span.status.startTime : 0n, 20_000_000n)
    })
  )

  scenario("is said to have a connection used before when it has another's", { connectionsPerRouteMax: 1 }, (scene) =>
    Effect.gen(function* () {
      const { begin, factory, pool, recorder } = scene
      const holder = yield* Effect.forkChild(pool.lease(a), { startImmediately: true })
      factory.dial(1).succeed()
      const held = yield* Fiber.join(holder)
      const caller = yield* begin(Effect.scoped(pool.acquire(a)))
      held.release()
      yield* Fiber.join(caller)
      assert.strictEqual(recorder.only("weir.acquire").attributes.get("reused"), true)
      assert.strictEqual(recorder.named("weir.connect").length, 0)
    })
  )

  scenario("ends its span with its failure", { connectionsPerRouteMax: 1 }, (scene) =>
    Effect.gen(function* () {
      const { begin, pool, recorder } = scene
      const late = yield* begin(Effect.flip(pool.lease(a, { timeout: 30 })))
      const gone = yield* begin(pool.lease(a))
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust(30)
      yield* Fiber.join(late)
      const [first, second] = recorder.named("weir.acquire")
      const exits = [first, second].map((span) => span && exitOf(span))
      assert.isTrue(exits[0] !== undefined && Exit.isFailure(exits[0]) && !Exit.hasInterrupts(exits[0]))
      assert.isTrue(exits[1] !== undefined && Exit.hasInterrupts(exits[1]))
      assert.strictEqual(first?.attributes.get("waitedMillis"), 30)
      yield* pool.shutdown(0)
    })
  )

  scenario("has none when it is served at once", {}, (scene) =>
    Effect.gen(function* () {
      const { begin, factory, pool, recorder } = scene
      const warming = yield* Effect.forkChild(pool.warm(a, 1), { startImmediately: true })
      factory.dial(1).succeed()
      yield* Fiber.join(warming)
      yield* Fiber.join(yield* begin(pool.use(a, () => Effect.void)))
      yield* Fiber.join(yield* begin(Effect.scoped(pool.acquire(a))))
      assert.deepStrictEqual(Array.from(new Set(recorder.spans.map((span) => span.name))), ["caller"])
    })
  )
})

describe("a dial", () => {
  scenario("has a trace of its own, linked to the caller that caused it, with its phases as events", {}, (scene) =>
    Effect.gen(function* () {
      const { begin, factory, pool, recorder } = scene
      const first = yield* begin(pool.use(a, () => Effect.void))
      const second = yield* begin(pool.use(a, () => Effect.void))
      const { control } = factory.dial(1)
      yield* TestClock.adjust(3)
      control.enterPhase("tcp")
      yield* TestClock.adjust(4)
      control.enterPhase("tls")
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      yield* Fiber.joinAll([first, second])
      // The dial is over: nothing is said of it any more.
      control.enterPhase("late")
      const dials = recorder.named("weir.connect")
      const callers = recorder.named("weir.acquire")
      assert.deepStrictEqual(
        dials.map((span) => span.links.map((link) => link.span.spanId)),
        callers.map((span) => [span.spanId])
      )
      assert.deepStrictEqual(dials.map(parentOf), [undefined, undefined])
      assert.deepStrictEqual(dials[0]?.heard, ["tcp", "tls"])
      assert.strictEqual(dials[0]?.kind, "client")
      assert.deepStrictEqual(Object.fromEntries(dials[0]?.attributes ?? []), { route: "test://a:1", connectionId: 1 })
      assert.deepStrictEqual(
        dials[0]?.events.map(([event, atNanos]) => [event, atNanos]),
        [
          ["tcp", 3_000_000n],
          ["tls", 7_000_000n]
        ]
      )
    })
  )

  scenario(
    "is linked to the first in line when it is begun after its caller joined",
    { connectionsPerRouteMax: 1 },
    (scene) =>
      Effect.gen(function* () {
        const { begin, factory, pool, recorder } = scene
        const first = yield* begin(Effect.flip(pool.use(a, () => Effect.void)))
        const second = yield* begin(pool.use(a, () => Effect.void))
        const third = yield* begin(pool.use(a, () => Effect.void))
        factory.dial(1).fail("refused")
        factory.dial(2).succeed()
        yield* Fiber.joinAll([first, second, third])
        const [failed, made] = recorder.named("weir.connect")
        const [, waiter] = recorder.named("weir.acquire")
        const exit = failed && exitOf(failed)
        assert.isTrue(exit !== undefined && Exit.isFailure(exit))
        assert.strictEqual(made?.links[0]?.span.spanId, waiter?.spanId)
      })
  )

  scenario("is the parent of what the factory traces", {}, (scene) =>
    Effect.gen(function* () {
      const { begin, factory, pool, recorder } = scene
      const { connect } = factory
      Object.assign(factory, {
        connect: (...of: Parameters<typeof connect>) => Effect.withSpan(connect.apply(factory, of), "handshake")
      })
      const caller = yield* begin(pool.use(a, () => Effect.void))
      factory.dial(1).succeed()
      yield* Fiber.join(caller)
      assert.strictEqual(parentOf(recorder.only("handshake")), "weir.connect")
    })
  )

  scenario(
    "that somebody waits for is no part of the span that the pool was made in",
    {},
    ({ begin, factory, pool, recorder }) =>
      Effect.gen(function* () {
        const caller = yield* begin(pool.use(a, () => Effect.void))
        factory.dial(1).succeed()
        yield* Fiber.join(caller)
        assert.isUndefined(parentOf(recorder.only("weir.connect")))
      }),
    true
  )

  scenario(
    "that nobody waits for belongs to the span that the pool was made in",
    {},
    ({ factory, pool, recorder }) =>
      Effect.gen(function* () {
        const warming = yield* Effect.forkChild(pool.warm(a, 1), { startImmediately: true })
        factory.dial(1).succeed()
        yield* Fiber.join(warming)
        assert.strictEqual(parentOf(recorder.only("weir.connect")), "maker")
      }),
    true
  )

  scenario("that takes too long ends its span as a failure", { connectTimeout: 10 }, (scene) =>
    Effect.gen(function* () {
      const { begin, pool, recorder } = scene
      const caller = yield* begin(Effect.flip(pool.lease(a)))
      yield* TestClock.adjust(10)
      yield* Fiber.join(caller)
      const exit = exitOf(recorder.only("weir.connect"))
      assert.isTrue(exit !== undefined && Exit.isFailure(exit))
    })
  )
})

describe("with tracing off no span is made", () => {
  const dialAndWait = (pool: Pool, factory: ScriptedFactory) =>
    Effect.gen(function* () {
      const caller = yield* Effect.forkChild(
        pool.use(a, () => Effect.void),
        { startImmediately: true }
      )
      factory.dial(1).succeed()
      yield* Fiber.join(caller)
    })

  it.effect("under Effect's native tracer, which is the default", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const recorder = new Recorder()
        const native = Tracer.nativeTracer.span
        const factory = new ScriptedFactory({ dials: "manual" })
        const pool = yield* ConnectionPool.make(factory)
        // The native tracer is one object for everybody: for the length of one synchronous run it records.
        Tracer.nativeTracer.span = recorder.tracer.span
        yield* Effect.ensuring(
          dialAndWait(pool, factory),
          Effect.sync(() => {
            Tracer.nativeTracer.span = native
          })
        )
        assert.deepStrictEqual(recorder.spans, [])
      })
    )
  )

  it.effect("under a tracer that is switched off", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const recorder = new Recorder()
        const factory = new ScriptedFactory({ dials: "manual" })
        const parents: Array<unknown> = []
        const { connect } = factory
        Object.assign(factory, {
          connect: (...of: Parameters<typeof connect>) =>
            Effect.tap(connect.apply(factory, of), () =>
              Effect.withFiber((fiber) => Effect.sync(() => parents.push(fiber.cache.span)))
            )
        })
        const off = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          effect.pipe(Effect.withTracerEnabled(false), Effect.withTracer(recorder.tracer))
        const pool = yield* off(ConnectionPool.make(factory))
        yield* off(dialAndWait(pool, factory))
        assert.deepStrictEqual(recorder.spans, [])
        // Effect stands in a span of its own for one that is switched off: nor has it been asked to.
        assert.deepStrictEqual(parents, [undefined])
      })
    )
  )
})
