/**
 * What listeners hear, when, and what they cannot disturb.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import type { PoolEvent } from "../src/index.ts"
import { a, b, settled, spec } from "./support/withPool.ts"

const tags = (events: ReadonlyArray<PoolEvent>) => events.map((event) => event._tag)

describe("events", () => {
  spec("tell the life of a connection in order", {}, function* ({ listen, pass, take }) {
    const heard = yield* listen
    const lease = take(a, { holder: "me" })
    yield* pass(40)
    lease.release()
    yield* pass(60_000)
    assert.deepStrictEqual(tags(yield* heard), [
      "RouteAdded",
      "Waiting",
      "Dialling",
      "Connected",
      "Leased",
      "Returned",
      "Closed"
    ])
    const [, waiting, dialling, , leased, returned, closed] = yield* heard
    assert.deepInclude(waiting, { pendingCount: 1, holder: "me", route: "test://a:1" })
    assert.deepInclude(dialling, { connectionId: 1, atMillis: 0 })
    assert.deepInclude(leased, { connectionId: 1, isReused: false, waitedMillis: 0, holder: "me" })
    assert.deepInclude(returned, { heldMillis: 40, atMillis: 40 })
    assert.deepInclude(closed, { reason: "idle-timeout", usesCount: 1, ageMillis: 60_040 })
  })

  spec(
    "tell of failed dials, timeouts, refusals and withdrawals",
    {
      connectionsPerRouteMax: 1,
      pendingPerRouteMax: 1
    },
    function* ({ ask, factory, listen, pass, take }) {
      const heard = yield* listen
      factory.isAutomatic = false
      ask(a)
      factory.dial(1).fail("no")
      factory.isAutomatic = true
      const held = take(a)
      ask(a, { timeout: 10 })
      ask(a)
      yield* pass(10)
      ask(a).withdraw()
      held.release()
      const events = yield* heard
      assert.deepInclude(
        events.find((event) => event._tag === "ConnectFailed"),
        { error: "no", phase: "start" }
      )
      assert.deepInclude(
        events.find((event) => event._tag === "TimedOut"),
        { phase: "queue", waitedMillis: 10 }
      )
      assert.deepInclude(
        events.find((event) => event._tag === "Refused"),
        { reason: "pending-route-limit" }
      )
      assert.deepInclude(
        events.find((event) => event._tag === "Cancelled"),
        { waitedMillis: 0 }
      )
    }
  )

  spec(
    "tell of probes and pings",
    { pingInterval: 1000, pingJitterRatio: 0, validateAfterInactivity: 1500 },
    function* ({ factory, listen, pass, touch }) {
      const heard = yield* listen
      touch(a)
      yield* pass(1000)
      factory.pinged(1).succeed()
      yield* pass(0)
      const validated = (yield* heard).find((event) => event._tag === "Validated")
      assert.deepInclude(validated, { kind: "ping", isGood: true, connectionId: 1 })
    },
    { factory: { pings: "manual" } }
  )

  spec(
    "tell of routes that are forgotten and of the pool's end, and end with it",
    {
      idleTimeout: 10,
      routeIdleTimeout: 10
    },
    function* ({ pass, pool, touch }) {
      const hearing = yield* Effect.forkChild(Stream.runCollect(pool.events), { startImmediately: true })
      yield* settled
      touch(a)
      yield* pass(10)
      yield* pass(10)
      yield* pool.shutdown()
      const events = yield* Fiber.join(hearing)
      assert.deepStrictEqual(tags(events).slice(-3), ["RouteForgotten", "ShuttingDown", "ShutDown"])
    }
  )

  spec("of a pool that has shut down are none, and end at once", {}, function* ({ pool }) {
    yield* pool.shutdown()
    assert.deepStrictEqual(Array.from(yield* Stream.runCollect(pool.events)), [])
  })

  spec(
    "are not made while nobody listens, and no more once the last listener has gone",
    {},
    function* ({ pool, state, touch }) {
      assert.isFalse(state.hasListeners())
      const first = yield* Effect.forkChild(Stream.runDrain(pool.events), { startImmediately: true })
      const second = yield* Effect.forkChild(Stream.runDrain(pool.events), { startImmediately: true })
      yield* settled
      assert.isTrue(state.hasListeners())
      yield* Fiber.interrupt(first)
      assert.isTrue(state.hasListeners())
      yield* Fiber.interrupt(second)
      assert.isFalse(state.hasListeners())
      touch(a)
    }
  )

  spec("heard by a part of a listener's need leave it when that is met", {}, function* ({ pool, state, touch }) {
    const hearing = yield* Effect.forkChild(pool.events.pipe(Stream.take(2), Stream.runCollect), {
      startImmediately: true
    })
    yield* settled
    touch(a)
    assert.strictEqual((yield* Fiber.join(hearing)).length, 2)
    assert.isFalse(state.hasListeners())
  })

  spec("go to every listener", {}, function* ({ listen, touch }) {
    const [first, second] = [yield* listen, yield* listen]
    touch(a)
    assert.deepStrictEqual(tags(yield* first), tags(yield* second))
    assert.isAbove((yield* first).length, 3)
  })

  spec(
    "beyond what is kept for a slow listener drop the oldest, and never make the pool wait",
    {},
    function* ({ pool, touch }) {
      const seen: Array<PoolEvent> = []
      const hearing = yield* Effect.forkChild(
        Stream.runForEach(pool.events, (event) => Effect.sync(() => seen.push(event))),
        { startImmediately: true }
      )
      yield* settled
      // All on one turn: the listener cannot keep up.
      for (let count = 0; count < 5000; count++) touch(a)
      yield* settled
      yield* settled
      assert.isAtMost(seen.length, 4096)
      assert.strictEqual(seen.at(-1)?._tag, "Returned")
      yield* Fiber.interrupt(hearing)
    }
  )

  spec("never run a listener in the middle of the pool's work", {}, function* ({ assertSound, pool, touch }) {
    const problems: Array<unknown> = []
    const hearing = yield* Effect.forkChild(
      Stream.runForEach(pool.events, (event) =>
        Effect.gen(function* () {
          try {
            assertSound()
          } catch (problem) {
            problems.push([event._tag, problem])
          }
          if (event._tag === "Returned") yield* pool.closeIdle()
          if (event._tag === "Closed" && event.connectionId < 5) yield* pool.warm(b, 1)
        })
      ),
      { startImmediately: true }
    )
    yield* settled
    for (let count = 0; count < 5; count++) {
      touch(a)
      yield* settled
    }
    assert.deepStrictEqual(problems, [])
    yield* Fiber.interrupt(hearing)
  })
})
