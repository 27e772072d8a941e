/**
 * What goes out: methods, headers, and bodies of every kind.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { type Body, ClientError } from "@weir/client"
import { Effect, Fiber, Stream } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { firstDifference, patternBytes } from "./support/bytes.ts"
import { untilStalled } from "./support/RawServer.ts"
import { withRawServer } from "./support/world.ts"

expectNothingLeft()

const bytesBody = (text: string): Body => ({ _tag: "Bytes", bytes: Buffer.from(text) })
const streamBody = (pieces: ReadonlyArray<string>, byteCount?: number): Body => ({
  _tag: "Stream",
  stream: Stream.fromIterable(pieces.map((piece) => Buffer.from(piece))),
  byteCount
})

describe("a request", () => {
  it.live("has a Host field with the port, and nothing else that nobody asked for", () =>
    withRawServer(function* ({ call, server }) {
      const caller = yield* Effect.forkChild(Effect.flatMap(call({ target: "/a?b=c" }), (response) => response.text))
      const connection = yield* server.accept
      const { head } = yield* connection.request
      assert.strictEqual(head, `GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`)
      connection.answer("hello")
      assert.strictEqual(yield* Fiber.join(caller), "hello")
    })
  )

  it.live("keeps the caller's Host field instead of its own", () =>
    withRawServer(function* ({ call, server }) {
      const caller = yield* Effect.forkChild(
        Effect.flatMap(call({ headers: ["hOST", "b.test"] }), (response) => response.text)
      )
      const connection = yield* server.accept
      const { head } = yield* connection.request
      assert.strictEqual(head, "GET / HTTP/1.1\r\nhOST: b.test\r\n\r\n")
      connection.answer("")
      assert.strictEqual(yield* Fiber.join(caller), "")
    })
  )

  it.live("carries the close token when its caller wants no other request after it", () =>
    withRawServer(function* ({ call, counts, server }) {
      const caller = yield* Effect.forkChild(Effect.flatMap(call({ isKeepAlive: false }), (response) => response.text))
      const connection = yield* server.accept
      const { head } = yield* connection.request
      assert.include(head, "\r\nConnection: close\r\n")
      connection.answer("x")
      assert.strictEqual(yield* Fiber.join(caller), "x")
      assert.strictEqual((yield* counts).connections, 0)
    })
  )
})

describe("a request's body", () => {
  const kinds: ReadonlyArray<
    readonly [what: string, method: string, body: Body, framing: string | undefined, received: string]
  > = [
    ["no body for GET", "GET", { _tag: "Empty" }, undefined, ""],
    ["no body for HEAD", "HEAD", { _tag: "Empty" }, undefined, ""],
    ["no body for DELETE", "DELETE", { _tag: "Empty" }, undefined, ""],
    ["no body for POST", "POST", { _tag: "Empty" }, "Content-Length: 0", ""],
    ["no body for PUT", "PUT", { _tag: "Empty" }, "Content-Length: 0", ""],
    ["bytes for POST", "POST", bytesBody("abc"), "Content-Length: 3", "abc"],
    ["bytes for PUT", "PUT", bytesBody("abc"), "Content-Length: 3", "abc"],
    ["bytes for DELETE", "DELETE", bytesBody("abc"), "Content-Length: 3", "abc"],
    ["no bytes", "POST", bytesBody(""), "Content-Length: 0", ""],
    ["a stream of known length", "POST", streamBody(["ab", "c"], 3), "Content-Length: 3", "abc"],
    ["an empty stream of known length", "POST", streamBody([], 0), "Content-Length: 0", ""],
    ["a stream of unknown length", "POST", streamBody(["ab", "", "c"]), "Transfer-Encoding: chunked", "abc"],
    ["an empty stream of unknown length", "PUT", streamBody([]), "Transfer-Encoding: chunked", ""]
  ]
  for (const [what, method, body, framing, expected] of kinds) {
    it.live(`is framed and whole: ${what}`, () =>
      withRawServer(function* ({ call, counts, server }) {
        const caller = yield* Effect.forkChild(Effect.flatMap(call({ method, body }), (response) => response.bytes))
        const connection = yield* server.accept
        const received = yield* connection.request
        const fields = received.head.match(/^(content-length|transfer-encoding): .*$/gim) ?? []
        assert.deepStrictEqual(fields, framing === undefined ? [] : [framing])
        assert.strictEqual(received.body, expected)
        connection.send("HTTP/1.1 204 No Content\r\n\r\n")
        assert.strictEqual((yield* Fiber.join(caller)).length, 0)
        assert.strictEqual((yield* counts).idle, 1)
      })
    )
  }

  it.live("of 10 MB arrives whole, and waits for a server that reads slowly", () =>
    withRawServer(function* ({ call, server }) {
      const bytes = patternBytes(10_000_000)
      const pieceCount = 160
      const pieceByteCount = bytes.length / pieceCount
      let pulledCount = 0
      const stream = Stream.fromIterable(Array.from({ length: pieceCount }, (_, index) => index)).pipe(
        Stream.rechunk(1),
        Stream.map((index) => {
          pulledCount++
          return bytes.subarray(index * pieceByteCount, (index + 1) * pieceByteCount)
        })
      )
      const caller = yield* Effect.forkChild(
        Effect.flatMap(
          call({ method: "PUT", body: { _tag: "Stream", stream, byteCount: bytes.length } }),
          (response) => response.text
        )
      )
      const connection = yield* server.accept
      yield* connection.until(({ receivedByteCount }) => receivedByteCount > 0)
      connection.socket.pause()
      // With the system's buffers full, nothing more is taken from the stream.
      assert.isBelow(yield* untilStalled(() => pulledCount), pieceCount - 20)
      connection.socket.resume()
      const { body } = yield* connection.request
      connection.answer("stored")
      assert.strictEqual(yield* Fiber.join(caller), "stored")
      assert.strictEqual(firstDifference(Buffer.from(body, "latin1"), bytes), -1)
    })
  )

  it.live("of 10 MB in one piece arrives whole", () =>
    withRawServer(function* ({ call, counts, server }) {
      const bytes = patternBytes(10_000_000)
      const caller = yield* Effect.forkChild(
        Effect.flatMap(call({ method: "POST", body: { _tag: "Bytes", bytes } }), (response) => response.text)
      )
      const connection = yield* server.accept
      const { body } = yield* connection.request
      connection.answer("stored")
      assert.strictEqual(yield* Fiber.join(caller), "stored")
      assert.strictEqual(firstDifference(Buffer.from(body, "latin1"), bytes), -1)
      assert.strictEqual((yield* counts).idle, 1)
    })
  )

  it.live("that is longer or shorter than announced fails the call and its connection", () =>
    withRawServer(function* ({ call, server }) {
      for (const [pieces, detail] of [
        [["ab", "cd"], "the body is 1 bytes longer than announced"],
        [["ab"], "the body ended 1 bytes short of what was announced"]
      ] as const) {
        const error = yield* Effect.flip(call({ method: "POST", body: streamBody(pieces, 3) }))
        assert.deepStrictEqual(error.reason, { _tag: "InvalidRequest", detail })
        assert.strictEqual(error.retry, "never")
        assert.strictEqual(yield* (yield* server.accept).ended, "FIN")
      }
    })
  )

  it.live("whose stream fails ends the call with the stream's error as the cause", () =>
    withRawServer(function* ({ call, server }) {
      const broken = new Error("disk on fire")
      const stream = Stream.concat(Stream.make(Buffer.from("ab")), Stream.fail(broken))
      const error = yield* Effect.flip(call({ method: "POST", body: { _tag: "Stream", stream } }))
      assert.instanceOf(error, ClientError)
      assert.strictEqual(
        error.message,
        `POST http://127.0.0.1:${server.port}/: the stream of the request's body failed: disk on fire`
      )
      assert.strictEqual(error.cause, broken)
      assert.strictEqual(error.retry, "never")
      const connection = yield* server.accept
      yield* connection.ended
      assert.notInclude(connection.unread, "0\r\n\r\n")
    })
  )

  it.live("whose stream fails after the answer has begun fails the reader of the answer the same way", () =>
    withRawServer(function* ({ call, server }) {
      const broken = new Error("disk on fire")
      let break_ = () => {}
      const failing = Effect.callback<never, Error>((resume) => {
        break_ = () => resume(Effect.fail(broken))
      })
      const stream = Stream.concat(Stream.make(Buffer.from("ab")), Stream.fromEffect(failing))
      const caller = yield* Effect.forkChild(call({ method: "POST", body: { _tag: "Stream", stream } }))
      const connection = yield* server.accept
      yield* connection.until(({ unread }) => unread.endsWith("ab\r\n"))
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      const response = yield* Fiber.join(caller)
      const reader = yield* Effect.forkChild(Effect.flip(response.text), { startImmediately: true })
      break_()
      const error = yield* Fiber.join(reader)
      assert.strictEqual(error.reason._tag, "RequestBodyFailed")
      assert.strictEqual(error.cause, broken)
      yield* connection.ended
    })
  )
})

describe("a request that HTTP cannot carry", () => {
  const refused: ReadonlyArray<readonly [what: string, fields: object, detail: RegExp]> = [
    ["a header value with CR and LF", { headers: ["a", "b\r\nc: d"] }, /the value of a has the character 0x0d/],
    ["a header name with a colon", { headers: ["a:b", "c"] }, /a header name has the character 0x3a/],
    ["a method with a space", { method: "GET /" }, /method/],
    ["a target with a space", { target: "/a b" }, /target/],
    ["Content-Length", { headers: ["Content-Length", "3"] }, /Content-Length follows from `body`/],
    ["Transfer-Encoding", { headers: ["transfer-encoding", "chunked"] }, /transfer-encoding follows from `body`/],
    ["Connection", { headers: ["Connection", "close"] }, /Connection follows from `isKeepAlive`/],
    ["Expect", { headers: ["Expect", "100-continue"] }, /Expect follows from `expectsContinue`/]
  ]
  for (const [what, fields, detail] of refused) {
    it.live(`is refused without a connection being dialled or lost: ${what}`, () =>
      withRawServer(function* ({ call, counts, server }) {
        const undialled = yield* Effect.flip(call(fields))
        assert.strictEqual((yield* counts).connections + server.connections.length, 0)
        const caller = yield* Effect.forkChild(Effect.flatMap(call(), (response) => response.text))
        const connection = yield* server.accept
        yield* connection.request
        connection.answer("")
        yield* Fiber.join(caller)
        const unwritten = yield* Effect.flip(call(fields))
        for (const error of [undialled, unwritten]) {
          assert.strictEqual(error.reason._tag, "InvalidRequest")
          assert.match(error.message, detail)
          assert.strictEqual(error.retry, "never")
        }
        assert.deepInclude(yield* counts, { idle: 1, connections: 1 })
        assert.strictEqual(connection.unread, "")
      })
    )
  }
})
