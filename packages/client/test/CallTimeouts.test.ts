/**
 * Every time limit of a call that has its connection, to the millisecond, in virtual time; and what the errors say.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import type { Body } from "@weir/client"
import { Clock, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { begun, endsAfter, respond, spec, timeoutOf } from "./support/time.ts"
import { settled, withMemory } from "./support/world.ts"

expectNothingLeft()

const bytes: Body = { _tag: "Bytes", bytes: Buffer.from("abc") }

describe("waiting for the answer's head", () => {
  spec("ends after responseHeadTimeout", { http: { responseHeadTimeout: 100 } }, function* ({ call, network, start }) {
    const caller = yield* start(Effect.flip(call()))
    const error = yield* endsAfter(caller, 100)
    assert.deepInclude(timeoutOf(error), { phase: "response-head", waitedFor: "server" })
    assert.strictEqual(
      error.message,
      "GET http://127.0.0.1:80/: no answer within 100 ms of sending (responseHeadTimeout)"
    )
    assert.strictEqual(error.retry, "if-idempotent")
    assert.strictEqual(network.openCount, 0)
  })

  spec(
    "does not count the wait for a connection",
    { pool: { connectionsPerRouteMax: 1 }, http: { responseHeadTimeout: 100 } },
    function* ({ call, network, start }) {
      yield* start(call())
      const second = yield* start(Effect.flip(call()))
      yield* TestClock.adjust(90)
      network.connection(1).answer("x")
      assert.deepInclude(timeoutOf(yield* endsAfter(second, 100)), { phase: "response-head" })
    }
  )

  spec(
    "begins when a streamed body has been sent",
    { http: { responseHeadTimeout: 100 } },
    function* ({ call, network, start }) {
      const stream = Stream.concat(
        Stream.make(Buffer.from("ab")),
        Stream.fromEffect(Effect.as(Effect.sleep(500), Buffer.from("c")))
      )
      const caller = yield* start(Effect.flip(call({ method: "POST", body: { _tag: "Stream", stream } })))
      yield* TestClock.adjust(500)
      yield* settled
      assert.include(network.connection(1).take(), "1\r\nc\r\n0\r\n\r\n")
      assert.deepInclude(timeoutOf(yield* endsAfter(caller, 100)), { phase: "response-head" })
    }
  )

  spec(
    "begins when the last of a streamed body has left, of which the length was known",
    { http: { responseHeadTimeout: 100, bodyIdleTimeout: "never" } },
    function* ({ call, network, start }) {
      const stream = Stream.fromEffect(Effect.as(Effect.sleep(50), Buffer.from("abc")))
      const caller = yield* start(Effect.flip(call({ method: "PUT", body: { _tag: "Stream", stream, byteCount: 3 } })))
      network.connection(1).isFlowing = false
      yield* TestClock.adjust(500)
      network.connection(1).drain()
      yield* settled
      assert.deepInclude(timeoutOf(yield* endsAfter(caller, 100)), { phase: "response-head" })
    }
  )

  spec(
    "begins when many bytes have left, however long the server takes to take them",
    { http: { responseHeadTimeout: 100, bodyIdleTimeout: 100 } },
    function* ({ call, network, start }) {
      const many: Body = { _tag: "Bytes", bytes: Buffer.alloc(1_000_000, "x") }
      const caller = yield* start(Effect.flip(call({ method: "PUT", body: many })))
      const connection = network.connection(1)
      let sent = connection.take()
      while (sent.length < many.bytes.length) {
        connection.isFlowing = false
        yield* TestClock.adjust(90)
        connection.drain()
        yield* settled
        sent += connection.take()
      }
      assert.deepInclude(timeoutOf(yield* endsAfter(caller, 100)), { phase: "response-head" })
    }
  )

  spec(
    "of a streamed body that the server does not take ends after bodyIdleTimeout",
    { http: { responseHeadTimeout: "never", bodyIdleTimeout: 100 } },
    function* ({ call, network, start }) {
      const pieces = Stream.fromIterable([1, 2, 3]).pipe(
        Stream.rechunk(1),
        Stream.mapEffect(() => Effect.as(Effect.sleep(60), Buffer.from("ab")))
      )
      const caller = yield* start(Effect.flip(call({ method: "PUT", body: { _tag: "Stream", stream: pieces } })))
      yield* TestClock.adjust(60)
      network.connection(1).isFlowing = false
      yield* TestClock.adjust(60)
      // Taken just in time, and stalled again with the next piece, 10 ms later.
      yield* TestClock.adjust(90)
      network.connection(1).drain()
      network.connection(1).isFlowing = false
      yield* TestClock.adjust(60)
      yield* settled
      const error = yield* endsAfter(caller, 100)
      assert.deepInclude(timeoutOf(error), { phase: "request-body-idle", waitedFor: "server" })
      assert.strictEqual(
        error.message,
        "PUT http://127.0.0.1:80/: the server took nothing of the request's body for 100 ms (bodyIdleTimeout)"
      )
      assert.strictEqual(error.retry, "if-idempotent")
    }
  )

  spec(
    "for 100 Continue ends after expectContinueTimeout, and the body is sent",
    { http: { expectContinueTimeout: 100, responseHeadTimeout: 1000 } },
    function* ({ call, network, start }) {
      yield* start(call({ method: "POST", body: bytes, expectsContinue: true }))
      const connection = network.connection(1)
      assert.include(connection.take(), "Expect: 100-continue")
      yield* TestClock.adjust(99)
      assert.strictEqual(connection.take(), "")
      yield* TestClock.adjust(1)
      yield* settled
      assert.strictEqual(connection.take(), "abc")
      connection.answer("x")
    }
  )

  spec(
    "for 100 Continue begins anew with a retry",
    { http: { expectContinueTimeout: 100 } },
    function* ({ call, network, start }) {
      yield* start(call())
      network.connection(1).answer("x")
      yield* TestClock.adjust(5)
      yield* start(call({ method: "PUT", body: bytes, expectsContinue: true }))
      yield* TestClock.adjust(60)
      network.connection(1).finish()
      yield* settled
      const connection = network.connection(2)
      assert.include(connection.take(), "Expect: 100-continue")
      yield* TestClock.adjust(99)
      yield* settled
      assert.strictEqual(connection.take(), "")
      yield* TestClock.adjust(1)
      yield* settled
      assert.strictEqual(connection.take(), "abc")
      connection.answer("x")
    }
  )
})

describe("a body", () => {
  spec(
    "ends after bodyIdleTimeout without a byte from the server",
    { http: { bodyIdleTimeout: 100 } },
    function* (world) {
      const response = yield* respond(world, begun(10, "ab"))
      const reader = yield* world.start(Effect.flip(response.text))
      yield* TestClock.adjust(90)
      world.network.connection(1).send("c")
      const error = yield* endsAfter(reader, 100)
      assert.deepInclude(timeoutOf(error), { phase: "body-idle", waitedFor: "server" })
      assert.strictEqual(
        error.message,
        "GET http://127.0.0.1:80/: the server sent nothing of the body for 100 ms (bodyIdleTimeout)"
      )
      assert.strictEqual(error.retry, "never")
    }
  )

  spec(
    "that nobody reads is given up after bodyIdleTimeout, and the error says that the reader was waited for",
    { http: { bodyIdleTimeout: 100, bodyBufferByteCount: 4 } },
    function* (world) {
      const response = yield* respond(world, begun(10, "abcdef"))
      assert.isTrue(world.network.connection(1).isPaused)
      yield* TestClock.adjust(99)
      assert.strictEqual((yield* world.counts).active, 1)
      yield* TestClock.adjust(1)
      yield* settled
      assert.deepStrictEqual(yield* world.counts, { active: 0, pending: 0, dialling: 0, idle: 0, connections: 0 })
      const error = yield* Effect.flip(response.text)
      assert.deepInclude(timeoutOf(error), { phase: "body-idle", waitedFor: "reader" })
      assert.strictEqual(error.message, "GET http://127.0.0.1:80/: nobody read the body for 100 ms (bodyIdleTimeout)")
    }
  )

  spec(
    "has its time from the last piece that its reader took",
    { http: { bodyIdleTimeout: 100, bodyBufferByteCount: 4 } },
    function* (world) {
      const response = yield* respond(world, begun(20, "abcdef"))
      const taken: Array<string> = []
      const reader = yield* world.start(
        Stream.runForEach(response.stream, (chunk) =>
          Effect.andThen(
            Effect.sync(() => taken.push(Buffer.from(chunk).toString())),
            Effect.sleep(90)
          )
        )
      )
      world.network.connection(1).send("ghijkl")
      yield* TestClock.adjust(90)
      world.network.connection(1).send("mnopqrst")
      yield* TestClock.adjust(90)
      yield* settled
      yield* TestClock.adjust(90)
      yield* settled
      assert.deepStrictEqual([taken.join(""), reader.pollUnsafe()?._tag], ["abcdefghijklmnopqrst", "Success"])
    }
  )

  spec("that is thrown away has drainTimeout, whatever drips in", { http: { drainTimeout: 100 } }, function* (world) {
    const response = yield* respond(world, begun(100, "ab"))
    response.discard()
    for (let count = 0; count < 9; count++) {
      yield* TestClock.adjust(11)
      world.network.connection(1).send("c")
    }
    assert.strictEqual((yield* world.counts).active, 1)
    yield* TestClock.adjust(1)
    yield* settled
    assert.strictEqual((yield* world.counts).connections, 0)
  })
})

describe("the whole call", () => {
  spec(
    "ends after requestTimeout, opening a connection",
    { http: { requestTimeout: 100 }, pool: { surplusDial: "cancel" } },
    function* ({ call, network, start }) {
      network.stuckIn = "tls"
      const caller = yield* start(Effect.flip(call()))
      const error = yield* endsAfter(caller, 100)
      assert.deepInclude(timeoutOf(error), { phase: "request", waitedFor: "connection" })
      assert.include(
        error.message,
        "waiting for a connection: http://127.0.0.1:80: a connect is under way, in phase tls"
      )
    }
  )

  spec(
    "ends after requestTimeout, waiting for the head",
    { http: { requestTimeout: 100 } },
    function* ({ call, start }) {
      const caller = yield* start(Effect.flip(call()))
      const error = yield* endsAfter(caller, 100)
      assert.strictEqual(
        error.message,
        "GET http://127.0.0.1:80/: not finished within 100 ms (requestTimeout), waiting for the server"
      )
      assert.strictEqual(error.retry, "if-idempotent")
    }
  )

  spec("ends after requestTimeout, reading the body", { http: { requestTimeout: 100 } }, function* (world) {
    const response = yield* respond(world, begun(10, "ab"))
    const reader = yield* world.start(Effect.flip(response.text))
    yield* TestClock.adjust(60)
    world.network.connection(1).send("c")
    const error = yield* endsAfter(reader, 40)
    assert.deepInclude(timeoutOf(error), { phase: "request", waitedFor: "server" })
    assert.strictEqual(error.retry, "never")
  })

  spec(
    "has as much time as it asks for, more or less than the client's",
    { http: { requestTimeout: 100 } },
    function* ({ call, network, start }) {
      const short = yield* start(Effect.flip(call({ timeout: "40 millis" })))
      const long = yield* start(Effect.flip(call({ timeout: "1 second" })))
      yield* endsAfter(short, 40)
      yield* endsAfter(long, 960)
      assert.strictEqual(network.openCount, 0)
    }
  )

  spec("has no more time for its retries", { http: { requestTimeout: 100 } }, function* ({ call, network, start }) {
    yield* start(call())
    network.connection(1).answer("x")
    yield* TestClock.adjust(50)
    const caller = yield* start(Effect.flip(call()))
    yield* TestClock.adjust(70)
    network.connection(1).finish()
    yield* settled
    assert.strictEqual(network.connections.length, 2)
    const error = yield* endsAfter(caller, 30)
    assert.deepInclude(timeoutOf(error), { phase: "request", timeoutMillis: 100 })
    assert.match(error.message, /\(after 1 retry\)$/)
  })
})

describe("timers", () => {
  it.effect("are not armed for each call", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let sleepCount = 0
      const counting: Clock.Clock = {
        currentTimeMillis: clock.currentTimeMillis,
        currentTimeNanos: clock.currentTimeNanos,
        monotonicTimeNanos: clock.monotonicTimeNanos,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration) => {
          sleepCount++
          return clock.sleep(duration)
        }
      }
      const steps = withMemory(
        { http: { requestTimeout: "10 seconds", responseHeadTimeout: "5 seconds", bodyIdleTimeout: "5 seconds" } },
        function* ({ call, network, start }) {
          const one = function* () {
            const caller = yield* start(Effect.flatMap(call(), ({ text }) => text))
            const connection = network.connection(1)
            connection.send(begun(2, "a"))
            connection.send("b")
            yield* settled
            assert.strictEqual(caller.pollUnsafe()?._tag, "Success")
          }
          yield* Effect.gen(one)
          const before = sleepCount
          for (let count = 0; count < 100; count++) yield* Effect.gen(one)
          assert.strictEqual(sleepCount - before, 0)
        }
      )
      yield* Effect.provideService(steps, Clock.Clock, counting)
    })
  )
})

describe("a connection", () => {
  spec(
    "is closed when the server's Keep-Alive: timeout is over, less the margin",
    { pool: { idleHintMargin: "1 second" } },
    function* ({ call, counts, network, start }) {
      yield* start(call())
      network.connection(1).answer("x", "Keep-Alive: timeout=5\r\n")
      yield* TestClock.adjust("3999 millis")
      assert.strictEqual((yield* counts).idle, 1)
      yield* TestClock.adjust("1 millis")
      yield* settled
      assert.strictEqual((yield* counts).connections, 0)
    }
  )

  spec("keeps the process alive only while a call has it", {}, function* ({ call, network, start }) {
    yield* start(call())
    const connection = network.connection(1)
    assert.isTrue(connection.isReferenced)
    connection.answer("x")
    assert.isFalse(connection.isReferenced)
    yield* start(call())
    assert.isTrue(connection.isReferenced)
    connection.answer("x")
  })
})
