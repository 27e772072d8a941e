/**
 * Answers that come before the request is sent: 100 and what takes its place, errors, and the start of an echo.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { type RequestFields, withRawServer } from "./support/world.ts"

expectNothingLeft()

const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

describe("Expect: 100-continue", () => {
  const fields: RequestFields = {
    method: "POST",
    body: { _tag: "Bytes", bytes: Buffer.from("abc") },
    expectsContinue: true
  }

  it.live("holds the body until the server says 100", () =>
    withRawServer(function* ({ call, counts, server }) {
      const heard: Array<number> = []
      const caller = yield* Effect.forkChild(
        Effect.flatMap(call({ ...fields, onInformational: (head) => heard.push(head.status) }), ({ text }) => text)
      )
      const connection = yield* server.accept
      assert.include(yield* connection.head, "Expect: 100-continue\r\n")
      assert.strictEqual(connection.unread, "")
      connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      yield* connection.until(({ unread }) => unread === "abc")
      connection.answer("stored")
      assert.strictEqual(yield* Fiber.join(caller), "stored")
      assert.deepStrictEqual([heard, (yield* counts).idle], [[100], 1])
    })
  )

  it.live("holds a streamed body as well", () =>
    withRawServer(function* ({ call, server }) {
      const stream = Stream.make(Buffer.from("ab"), Buffer.from("c")).pipe(Stream.rechunk(1))
      const caller = yield* Effect.forkChild(
        Effect.flatMap(call({ ...fields, body: { _tag: "Stream", stream, byteCount: 3 } }), ({ text }) => text)
      )
      const connection = yield* server.accept
      yield* connection.head
      assert.strictEqual(connection.unread, "")
      connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      yield* connection.until(({ unread }) => unread === "abc")
      connection.answer("stored")
      assert.strictEqual(yield* Fiber.join(caller), "stored")
    })
  )

  it.live("sends the body without the 100 after expectContinueTimeout", () =>
    withRawServer(
      function* ({ call, server }) {
        const caller = yield* Effect.forkChild(Effect.flatMap(call(fields), ({ text }) => text))
        const connection = yield* server.accept
        yield* connection.head
        yield* connection.until(({ unread }) => unread === "abc")
        connection.answer("stored")
        assert.strictEqual(yield* Fiber.join(caller), "stored")
      },
      { http: { expectContinueTimeout: 30 } }
    )
  )

  it.live("never sends the body after a final answer in place of the 100, and closes the connection", () =>
    withRawServer(
      function* ({ call, server }) {
        const caller = yield* Effect.forkChild(call(fields))
        const connection = yield* server.accept
        yield* connection.head
        connection.answer("too large", "417 Expectation Failed")
        const response = yield* Fiber.join(caller)
        assert.deepStrictEqual([response.status, yield* response.text], [417, "too large"])
        yield* connection.ended
        assert.strictEqual(connection.unread, "")
      },
      { http: { expectContinueTimeout: 30 } }
    )
  )
})

describe("an answer that comes before the request is sent", () => {
  /** A stream that goes on until it is interrupted, and tells when it is. */
  const endless = () => {
    let isInterrupted = false
    const stream = Stream.concat(
      Stream.make(Buffer.from("ab")),
      Stream.fromEffect(
        Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            isInterrupted = true
          })
        )
      )
    )
    return { stream, isInterrupted: () => isInterrupted }
  }

  it.live("with an error status ends the sending, is read whole, and closes the connection", () =>
    withRawServer(function* ({ call, counts, server }) {
      const { isInterrupted, stream } = endless()
      const caller = yield* Effect.forkChild(call({ method: "POST", body: { _tag: "Stream", stream } }))
      const connection = yield* server.accept
      yield* connection.until(({ unread }) => unread.endsWith("ab\r\n"))
      connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nno")
      const response = yield* Fiber.join(caller)
      assert.isTrue(isInterrupted())
      connection.send("pe")
      assert.deepStrictEqual([response.status, yield* response.text], [413, "nope"])
      yield* connection.ended
      assert.strictEqual((yield* counts).connections, 0)
    })
  )

  it.live("with success lets the sending go on, as an echo needs it", () =>
    withRawServer(function* ({ call, counts, server }) {
      let push: (text: string | undefined) => void = () => {}
      const stream = Stream.callback<Uint8Array>((queue) =>
        Effect.sync(() => {
          push = (text) => {
            if (text === undefined) Queue.endUnsafe(queue)
            else Queue.offerUnsafe(queue, Buffer.from(text))
          }
          push("ab")
        })
      )
      const caller = yield* Effect.forkChild(call({ method: "POST", body: { _tag: "Stream", stream } }))
      const connection = yield* server.accept
      yield* connection.until(({ unread }) => unread.endsWith("2\r\nab\r\n"))
      connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunkOf("ab")}`)
      const response = yield* Fiber.join(caller)
      const reader = yield* Effect.forkChild(response.text, { startImmediately: true })
      push("cd")
      yield* connection.until(({ unread }) => unread.endsWith("2\r\ncd\r\n"))
      push(undefined)
      yield* connection.until(({ unread }) => unread.endsWith("0\r\n\r\n"))
      connection.send(`${chunkOf("cd")}0\r\n\r\n`)
      assert.strictEqual(yield* Fiber.join(reader), "abcd")
      assert.strictEqual((yield* counts).idle, 1)
    })
  )

  it.live("and is complete first closes the connection, whatever its status", () =>
    withRawServer(function* ({ call, counts, server }) {
      const { isInterrupted, stream } = endless()
      const caller = yield* Effect.forkChild(call({ method: "POST", body: { _tag: "Stream", stream } }))
      const connection = yield* server.accept
      yield* connection.until(({ unread }) => unread.endsWith("ab\r\n"))
      connection.answer("early")
      const response = yield* Fiber.join(caller)
      assert.strictEqual(yield* response.text, "early")
      assert.isTrue(isInterrupted())
      yield* connection.ended
      assert.strictEqual((yield* counts).connections, 0)
    })
  )
})
