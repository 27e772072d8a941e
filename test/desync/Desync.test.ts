/**
 * Response splitting, request splitting and desynchronisation, from the caller to the sockets: whatever a server, or
 * somebody through it, sends, the caller gets a typed error or its own answer, the connection is closed, and the next
 * request gets its own answer on a new one.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import type { ClientError } from "@weir/client"
import { Effect, Exit, Fiber, type Scope, Stream } from "effect"
import type { RawConnection } from "../../packages/client/test/support/RawServer.ts"
import { type RawWorld, type RequestFields, withRawServer } from "../../packages/client/test/support/world.ts"
import { expectNothingLeft } from "../support/Leaks.ts"
import { excessiveAnswers, foreign, refusedAnswers } from "./attacks.ts"

expectNothingLeft()

interface Sent {
  readonly connection: RawConnection
  /** What the caller gets: status and body. */
  readonly told: Fiber.Fiber<readonly [status: number, body: string], ClientError>
}

/** Sends a request on a connection that the server has not seen before. */
const send = ({ call, server }: RawWorld, fields?: RequestFields): Effect.Effect<Sent, never, Scope.Scope> =>
  Effect.gen(function* () {
    const exchange = Effect.flatMap(call(fields), ({ status, text }) =>
      Effect.map(text, (body) => [status, body] as const)
    )
    const told = yield* Effect.forkScoped(exchange)
    const connection = yield* server.accept
    yield* connection.request
    return { connection, told }
  })

/** The connection is closed by the client; the next request comes on a new one and gets its own answer. */
const expectFreshStart = (world: RawWorld, connection: RawConnection): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    yield* connection.ended
    const next = yield* send(world)
    assert.notStrictEqual(next.connection, connection)
    next.connection.answer("the next one's own")
    assert.deepStrictEqual(yield* Fiber.join(next.told), [200, "the next one's own"])
    assert.strictEqual(connection.requestCount, 1)
    assert.strictEqual(connection.unread, "")
  })

describe("an answer that could be read in two ways fails its own call alone", () => {
  for (const [title, text] of refusedAnswers) {
    it.live(`when it has ${title}`, () =>
      withRawServer(function* (world) {
        const { connection, told } = yield* send(world)
        connection.send(text)
        const error = yield* Effect.flip(Fiber.join(told))
        assert.include(error.reason, { _tag: "BadResponse", kind: "malformed" })
        assert.deepStrictEqual([error.retry, error.retryCount], ["never", 0])
        yield* expectFreshStart(world, connection)
      })
    )
  }
})

describe("what follows a whole answer reaches nobody", () => {
  for (const [title, method, text, body] of excessiveAnswers) {
    it.live(`when it is ${title}`, () =>
      withRawServer(function* (world) {
        const { connection, told } = yield* send(world, { method })
        connection.send(text)
        assert.strictEqual((yield* Fiber.join(told))[1], body)
        yield* expectFreshStart(world, connection)
      })
    )
  }

  it.live("when it comes later, on an idle connection", () =>
    withRawServer(function* (world) {
      const { connection, told } = yield* send(world)
      connection.answer("own")
      assert.deepStrictEqual(yield* Fiber.join(told), [200, "own"])
      connection.send(foreign)
      yield* expectFreshStart(world, connection)
    })
  )

  it.live("when the body that it follows ended with the connection", () =>
    withRawServer(function* (world) {
      const { connection, told } = yield* send(world)
      connection.send(`HTTP/1.1 200 OK\r\n\r\n${foreign}`)
      connection.finish()
      // Without a length all of it is the body of the one answer.
      assert.deepStrictEqual(yield* Fiber.join(told), [200, foreign])
      yield* expectFreshStart(world, connection)
    })
  )

  it.live("when it is the answer to a call that was given up", () =>
    withRawServer(function* (world) {
      const { connection, told } = yield* send(world)
      yield* Fiber.interrupt(told)
      connection.send(foreign)
      yield* expectFreshStart(world, connection)
    })
  )

  it.live("when the answer came before the request's body had been sent", () =>
    withRawServer(function* (world) {
      const { call, server } = world
      const body = { _tag: "Stream", stream: Stream.never, byteCount: 40 } as const
      const told = yield* Effect.forkScoped(Effect.flatMap(call({ method: "POST", body }), ({ text }) => text))
      const connection = yield* server.accept
      yield* connection.head
      connection.answer("early", "400 Bad Request")
      assert.strictEqual(yield* Fiber.join(told), "early")
      yield* connection.ended
      // A request written here would be taken for the body.
      assert.strictEqual(connection.unread, "")
      const next = yield* send(world)
      next.connection.answer("the next one's own")
      assert.deepStrictEqual(yield* Fiber.join(next.told), [200, "the next one's own"])
    })
  )
})

const smuggled = "x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

const splitRequests: ReadonlyArray<readonly [title: string, fields: RequestFields]> = [
  ["the method", { method: `GET / HTTP/1.1\r\nX: ${smuggled}` }],
  ["the target", { target: `/ HTTP/1.1\r\nX: ${smuggled}` }],
  ["a target with a space", { target: "/ HTTP/1.1" }],
  ["a header's name", { headers: [`X: ${smuggled}`, "a"] }],
  ["a header's value", { headers: ["X", smuggled] }],
  ["a header's value, by a bare LF", { headers: ["X", "a\nY: b"] }],
  ["a header's value, by a bare CR", { headers: ["X", "a\rY: b"] }],
  ["a header's value, by a NUL", { headers: ["X", "a\0b"] }],
  ["a header's value, by a character that loses its high byte", { headers: ["X", "a\u010d\u010aY: b"] }],
  ["Host", { headers: ["Host", `a\r\nX: ${smuggled}`] }],
  ["a second Host", { headers: ["Host", "a", "Host", "b"] }],
  ["a length of the caller's own", { headers: ["Content-Length", "0"], method: "POST" }],
  ["a coding of the caller's own", { headers: ["Transfer-Encoding", "chunked"], method: "POST" }],
  ["a space before the colon", { headers: ["Content-Length ", "0"], method: "POST" }]
]

describe("a request that would be two is refused before a byte of it is sent", () => {
  for (const [title, fields] of splitRequests) {
    it.live(`when the second is in ${title}`, () =>
      withRawServer(function* (world) {
        const error = yield* Effect.flip(world.call({ body: { _tag: "Bytes", bytes: Buffer.from("") }, ...fields }))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        // The connection was opened for it, if any, and is as good as new.
        const told = yield* Effect.forkScoped(Effect.flatMap(world.call(), ({ text }) => text))
        const connection = yield* world.server.accept
        assert.strictEqual((yield* connection.request).line, "GET / HTTP/1.1")
        connection.answer("own")
        assert.strictEqual(yield* Fiber.join(told), "own")
      })
    )
  }

  it.live("when the second is in a body longer than announced", () =>
    withRawServer(function* (world) {
      const body = { _tag: "Stream", stream: Stream.make(Buffer.from(`ab${smuggled}`)), byteCount: 2 } as const
      const told = yield* Effect.forkScoped(Effect.exit(world.call({ method: "POST", body })))
      const connection = yield* world.server.accept
      assert.isTrue(Exit.isFailure(yield* Fiber.join(told)))
      yield* connection.ended
      assert.notInclude(connection.unread, "smuggled")
    })
  )
})
