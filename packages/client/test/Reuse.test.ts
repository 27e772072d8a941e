/**
 * When a connection carries the next call, and when it never does.
 */
import { Buffer } from "node:buffer"
import { getEventListeners } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import type { RawConnection } from "./support/RawServer.ts"
import { type Counts, type RequestFields, withRawServer } from "./support/world.ts"

expectNothingLeft()

/** Answers every request on the connection with its number. */
const answerAll = (connection: RawConnection): Effect.Effect<void> =>
  Effect.forever(
    Effect.map(connection.request, () => connection.answer(`${connection.number}.${connection.requestCount}`))
  )

/** The pool tells nobody of a drained body, so this looks again and again. */
const untilIdle = (counts: Effect.Effect<Counts>): Effect.Effect<Counts> =>
  Effect.repeat(counts, { until: ({ idle }) => idle === 1, schedule: Schedule.spaced(1) })

describe("a connection", () => {
  it.live("is back in the pool before the caller sees the end of the body", () =>
    withRawServer(
      function* ({ call, client, counts }) {
        const texts = yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.gen(function* () {
            const response = yield* call()
            const text = yield* response.text
            // In the same turn: no other connection is opened for it.
            assert.strictEqual((yield* counts).idle, 1)
            return text
          })
        )
        assert.deepStrictEqual(texts.slice(0, 3), ["1.1", "1.2", "1.3"])
        assert.strictEqual((yield* client.pool.stats).createdCount, 1)
      },
      {},
      { onConnection: answerAll }
    )
  )

  it.live("is back in the pool when the last piece of a streamed body is pulled", () =>
    withRawServer(function* ({ call, counts, server }) {
      const caller = yield* Effect.forkChild(call())
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      const response = yield* Fiber.join(caller)
      const idleAt: Array<number> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(response.stream, () => Effect.map(counts, ({ idle }) => idleAt.push(idle))),
        { startImmediately: true }
      )
      connection.send("cd")
      yield* Fiber.join(reader)
      assert.deepStrictEqual(idleAt, [0, 1])
    })
  )

  it.live("goes to the longest waiting caller, and each gets its own answer", () =>
    withRawServer(
      function* ({ call, client }) {
        const callers = Array.from({ length: 10 }, (_, number) =>
          Effect.flatMap(call({ target: `/${number}` }), (response) => response.text)
        )
        const answers = yield* Effect.all(callers, { concurrency: "unbounded" })
        assert.deepStrictEqual(
          answers,
          callers.map((_, number) => `/${number}`)
        )
        assert.strictEqual((yield* client.pool.stats).createdCount, 1)
      },
      { pool: { connectionsPerRouteMax: 1 } },
      {
        onConnection: (connection) =>
          Effect.forever(Effect.map(connection.request, ({ line }) => connection.answer(line.split(" ")[1] ?? "")))
      }
    )
  )

  const closing: ReadonlyArray<readonly [what: string, answer: string, fields?: RequestFields]> = [
    ["the answer says close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"],
    ["the answer says close among others", "HTTP/1.1 200 OK\r\nConnection: foo , CLOSE\r\nContent-Length: 1\r\n\r\nx"],
    ["the request says close", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", { isKeepAlive: false }],
    ["HTTP/1.0 does not say keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"],
    ["bytes follow the answer", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy"],
    ["another answer follows the answer", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n"]
  ]
  for (const [what, answer, fields] of closing) {
    it.live(`is never used again when ${what}`, () =>
      withRawServer(function* ({ call, counts, server }) {
        const caller = yield* Effect.forkChild(Effect.flatMap(call(fields), (response) => response.text))
        const connection = yield* server.accept
        yield* connection.request
        connection.send(answer)
        assert.strictEqual(yield* Fiber.join(caller), "x")
        assert.strictEqual((yield* counts).connections, 0)
        yield* connection.ended
      })
    )
  }

  it.live("is never used again when its call was given up in mid-body", () =>
    withRawServer(function* ({ call, counts, server }) {
      const caller = yield* Effect.forkChild(Effect.flatMap(call(), (response) => response.text))
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nab")
      yield* Effect.sleep(0)
      yield* Fiber.interrupt(caller)
      assert.strictEqual((yield* counts).connections, 0)
      yield* connection.ended
    })
  )

  for (const [what, say] of [
    ["the server ends it", (connection: RawConnection) => connection.finish()],
    ["the server resets it", (connection: RawConnection) => connection.reset()],
    ["the server says something unasked", (connection: RawConnection) => connection.answer("x")],
    ["the server says 408", (connection: RawConnection) => connection.answer("", "408 Request Timeout")]
  ] as const) {
    it.live(`leaves the pool when ${what} while it is idle`, () =>
      withRawServer(function* ({ call, client, counts, server }) {
        const caller = yield* Effect.forkChild(Effect.flatMap(call(), (response) => response.text))
        const connection = yield* server.accept
        yield* connection.request
        connection.answer("x")
        yield* Fiber.join(caller)
        const closed = yield* Effect.forkChild(
          Stream.runHead(Stream.filter(client.pool.events, ({ _tag }) => _tag === "Closed")),
          {
            startImmediately: true
          }
        )
        say(connection)
        yield* Fiber.join(closed)
        assert.strictEqual((yield* counts).connections, 0)
      })
    )
  }

  it.live("is used as often as Keep-Alive: max allows", () =>
    withRawServer(
      function* ({ call, client }) {
        for (const expected of ["1.1", "1.2", "1.3", "2.1"]) {
          assert.strictEqual(yield* Effect.flatMap(call(), (response) => response.text), expected)
        }
        assert.strictEqual((yield* client.pool.stats).closedByReason.uses, 1)
      },
      {},
      {
        onConnection: (connection) =>
          Effect.forever(
            Effect.map(connection.request, () => {
              const left = 3 - connection.requestCount
              connection.answer(
                `${connection.number}.${connection.requestCount}`,
                "200 OK",
                `Keep-Alive: max=${left}\r\n`
              )
            })
          )
      }
    )
  )

  it.live("is not kept when Keep-Alive: timeout leaves no time to use it safely", () =>
    withRawServer(
      function* ({ call, client, counts }) {
        assert.strictEqual(yield* Effect.flatMap(call(), (response) => response.text), "x")
        assert.strictEqual((yield* counts).connections, 0)
        assert.strictEqual((yield* client.pool.stats).closedByReason["idle-hint"], 1)
      },
      { pool: { idleHintMargin: "1 second" } },
      {
        onConnection: (connection) =>
          Effect.asVoid(
            Effect.map(connection.request, () => connection.answer("x", "200 OK", "Keep-Alive: timeout=1\r\n"))
          )
      }
    )
  )
})

describe("an answer that nobody wants", () => {
  it.live("is read to its end when little is left of it, and its connection kept", () =>
    withRawServer(function* ({ call, counts, server }) {
      const caller = yield* Effect.forkChild(call())
      const connection = yield* server.accept
      yield* connection.request
      // What has been read of it already does not count.
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${"x".repeat(60_000)}`)
      const response = yield* Fiber.join(caller)
      yield* Stream.runHead(response.stream)
      connection.send("x".repeat(40_000))
      yield* untilIdle(counts)
    })
  )

  it.live("is not waited for when more is left than may be thrown away", () =>
    withRawServer(
      function* ({ call, counts, server }) {
        const caller = yield* Effect.forkChild(call())
        const connection = yield* server.accept
        yield* connection.request
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 103\r\n\r\nab")
        const response = yield* Fiber.join(caller)
        response.discard()
        assert.strictEqual((yield* counts).connections, 0)
        yield* connection.ended
      },
      { http: { drainByteCountMax: 100 } }
    )
  )

  it.live("of unknown length is given up when more has come than may be thrown away", () =>
    withRawServer(
      function* ({ call, counts, server }) {
        const caller = yield* Effect.forkChild(call())
        const connection = yield* server.accept
        yield* connection.request
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        const response = yield* Fiber.join(caller)
        response.discard()
        assert.strictEqual((yield* counts).active, 1)
        connection.send(`65\r\n${"x".repeat(101)}\r\n`)
        yield* connection.ended
        assert.strictEqual((yield* counts).connections, 0)
      },
      { http: { drainByteCountMax: 100, drainTimeout: "1 hour" } }
    )
  )

  it.live("is not read at all with drainByteCountMax 0", () =>
    withRawServer(
      function* ({ call, server }) {
        const caller = yield* Effect.forkChild(call())
        const connection = yield* server.accept
        yield* connection.request
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")
        const response = yield* Fiber.join(caller)
        response.discard()
        yield* connection.ended
      },
      { http: { drainByteCountMax: 0 } }
    )
  )

  it.live("tells whoever reads it nonetheless", () =>
    withRawServer(function* ({ call, counts, server }) {
      const caller = yield* Effect.forkChild(call())
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      const response = yield* Fiber.join(caller)
      const reader = yield* Effect.forkChild(Effect.flip(response.text), { startImmediately: true })
      response.discard()
      const message = `GET http://127.0.0.1:${server.port}/: the call was given up`
      assert.strictEqual((yield* Fiber.join(reader)).message, message)
      assert.strictEqual((yield* Effect.flip(response.bytes)).message, message)
      assert.strictEqual((yield* Effect.flip(Stream.runCollect(response.stream))).message, message)
      let told = ""
      response.pipeTo({
        onChunk: () => assert.fail("a discarded byte was handed over"),
        onEnd: () => assert.fail("a discarded body was called whole"),
        onError: (error) => {
          told = error.message
        }
      })
      assert.strictEqual(told, message)
      connection.send("cd")
      yield* untilIdle(counts)
    })
  )

  it.live("leaves no listener on its request's signal once it has ended", () =>
    withRawServer(function* ({ call, server }) {
      const { signal } = new AbortController()
      const caller = yield* Effect.forkChild(call({ signal }))
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      const response = yield* Fiber.join(caller)
      assert.strictEqual(getEventListeners(signal, "abort").length, 1)
      const reader = yield* Effect.forkChild(response.text, { startImmediately: true })
      connection.send("cd")
      yield* Fiber.join(reader)
      assert.strictEqual(getEventListeners(signal, "abort").length, 0)
    })
  )

  it.live("is discarded by the request's signal, which does nothing to the connection's next call", () =>
    withRawServer(function* ({ call, counts, server }) {
      const first = new AbortController()
      const firstCaller = yield* Effect.forkChild(call({ signal: first.signal }))
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      const response = yield* Fiber.join(firstCaller)
      const reader = yield* Effect.forkChild(response.text, { startImmediately: true })
      connection.send("cd")
      assert.strictEqual(yield* Fiber.join(reader), "abcd")
      const second = yield* Effect.forkChild(Effect.flatMap(call(), ({ text }) => text))
      yield* connection.request
      first.abort()
      response.discard()
      connection.answer("second")
      assert.strictEqual(yield* Fiber.join(second), "second")
      const third = new AbortController()
      const thirdCaller = yield* Effect.forkChild(call({ signal: third.signal }))
      yield* connection.request
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${Buffer.from("ab")}`)
      yield* Fiber.join(thirdCaller)
      third.abort()
      yield* connection.ended
      assert.strictEqual((yield* counts).connections, 0)
    })
  )
})
