/**
 * What comes back: framings, informational answers, readers fast, slow and twice.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import type { BodySink, ClientResponse } from "@weir/client"
import { Effect, Fiber, Stream } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { firstDifference, patternBytes } from "./support/bytes.ts"
import { untilStalled } from "./support/RawServer.ts"
import { type RawWorld, type RequestFields, settled, withMemory, withRawServer } from "./support/world.ts"

expectNothingLeft()

/** Sends a request, has the server answer with these bytes, and gives the response and the server's connection. */
const exchange = ({ call, server }: RawWorld, answer: string | Uint8Array, fields: RequestFields = {}) =>
  Effect.gen(function* () {
    const caller = yield* Effect.forkChild(call(fields))
    const connection = yield* server.accept
    yield* connection.request
    connection.send(answer)
    return { connection, response: yield* Fiber.join(caller) }
  })

const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

describe("an answer", () => {
  const answers: ReadonlyArray<
    readonly [what: string, fields: RequestFields, answer: string, status: number, body: string, isKept: boolean]
  > = [
    ["with Content-Length", {}, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true],
    ["with Content-Length 0", {}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true],
    [
      "in chunks",
      {},
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
      200,
      "abc",
      true
    ],
    ["204", {}, "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true],
    [
      "304 that tells the length of what it left out",
      {},
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
      304,
      "",
      true
    ],
    ["to HEAD", { method: "HEAD" }, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, "", true],
    ["of HTTP/1.0", {}, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false],
    [
      "of HTTP/1.0 that keeps the connection",
      {},
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
      200,
      "abc",
      true
    ],
    ["with a status of the server's own", {}, "HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", 799, "", true]
  ]
  for (const [what, fields, answer, status, body, isKept] of answers) {
    it.live(`is read whole, and its connection kept or closed as HTTP says: ${what}`, () =>
      withRawServer(function* (world) {
        const { connection, response } = yield* exchange(world, answer, fields)
        assert.deepStrictEqual([response.status, yield* response.text], [status, body])
        assert.isTrue(response.isComplete)
        assert.strictEqual((yield* world.counts).idle, isKept ? 1 : 0)
        if (!isKept) yield* connection.ended
      })
    )
  }

  it.live("without a length ends with the connection", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, "HTTP/1.1 200 OK\r\n\r\nab")
      assert.isFalse(response.isComplete)
      connection.send("c")
      connection.finish()
      assert.strictEqual(yield* response.text, "abc")
      assert.strictEqual((yield* world.counts).connections, 0)
    })
  )

  it.live("gives its trailers after the body's end", () =>
    withRawServer(function* (world) {
      const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      const { connection, response } = yield* exchange(world, `${head}${chunkOf("abc")}`)
      assert.deepStrictEqual(response.trailers, [])
      connection.send("0\r\nDigest: x\r\nDigest: y\r\n\r\n")
      assert.strictEqual(yield* response.text, "abc")
      assert.deepStrictEqual(response.trailers, ["Digest", "x", "Digest", "y"])
    })
  )

  it.live("has its fields in the order sent, and says how the call went", () =>
    withRawServer(function* (world) {
      const { response } = yield* exchange(
        world,
        "HTTP/1.1 200 OK\r\nB: 1\r\na: 2\r\nB: 3\r\nContent-Length: 0\r\n\r\n"
      )
      assert.deepStrictEqual(response.head.headers, ["B", "1", "a", "2", "B", "3", "Content-Length", "0"])
      assert.strictEqual(response.connection.remotePort, world.server.port)
      const { headAfterMillis, isReused, leasedAfterMillis, retryCount } = response.timing
      assert.deepStrictEqual([isReused, retryCount], [false, 0])
      assert.isAtMost(leasedAfterMillis, headAfterMillis)
    })
  )

  it.live("tells each 1xx answer before the final one", () =>
    withRawServer(function* (world) {
      const heard: Array<string> = []
      const { response } = yield* exchange(
        world,
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        { onInformational: (head) => heard.push(`${head.status} ${head.get("link") ?? ""}`) }
      )
      assert.deepStrictEqual([heard, yield* response.text], [["103 a", "102 "], "x"])
    })
  )

  it.live("is given up with its connection when the caller's own code throws at a 1xx answer", () =>
    withRawServer(function* ({ call, server }) {
      const caller = yield* Effect.forkChild(
        Effect.exit(
          call({
            onInformational: () => {
              throw new Error("mine")
            }
          })
        )
      )
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 103 Early Hints\r\n\r\n")
      const exit = yield* Fiber.join(caller)
      assert.include(String(exit), "mine")
      yield* connection.ended
    })
  )

  for (const [what, answer, kind, detail] of [
    [
      "malformed",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "malformed",
      /Content-Length occurs more than once/
    ],
    ["too large", `HTTP/1.1 200 OK\r\nA: ${"x".repeat(20_000)}\r\n\r\n`, "limit", /headByteCountMax/]
  ] as const) {
    it.live(`that is ${what} is an error that says so, and is not retried`, () =>
      withRawServer(function* ({ call, server }) {
        const caller = yield* Effect.forkChild(Effect.flip(call()))
        const connection = yield* server.accept
        yield* connection.request
        connection.send(answer)
        const error = yield* Fiber.join(caller)
        assert.include(error.reason, { _tag: "BadResponse", kind })
        assert.match(error.message, detail)
        assert.strictEqual(error.retry, "never")
        yield* connection.ended
      })
    )
  }
})

describe("an answer of 10 MB", () => {
  const bytes = patternBytes(10_000_000)
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`

  it.live("is collected whole", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, head)
      connection.send(bytes)
      assert.strictEqual(firstDifference(yield* response.bytes, bytes), -1)
      assert.strictEqual((yield* world.counts).idle, 1)
    })
  )

  it.live("is streamed whole", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, head)
      connection.send(bytes)
      const chunks = yield* Stream.runCollect(response.stream)
      assert.strictEqual(firstDifference(Buffer.concat(chunks), bytes), -1)
      assert.strictEqual((yield* world.counts).idle, 1)
    })
  )

  it.live("slows the server down while nobody reads, and is whole for a reader that comes late", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, head)
      const progress = connection.sendInPieces(bytes)
      // With the system's buffers full, the server can send nothing more.
      assert.isBelow(yield* untilStalled(() => progress.sentByteCount), bytes.length)
      const chunks = yield* Stream.runCollect(response.stream)
      // What was kept meanwhile is the first piece: no more than the buffer, and the read that filled it.
      assert.isAtMost(chunks[0]?.length ?? 0, 2 * 65_536)
      assert.strictEqual(firstDifference(Buffer.concat(chunks), bytes), -1)
    })
  )

  it.live("goes to a slow sink no faster than it takes it", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, head)
      connection.send(bytes)
      const received: Array<Buffer> = []
      let isWaiting = false
      let excessCount = 0
      const ended = Effect.callback<string>((resume) => {
        const sink: BodySink = {
          onChunk: (chunk) => {
            if (isWaiting) excessCount++
            isWaiting = true
            received.push(Buffer.from(chunk))
            setImmediate(() => {
              isWaiting = false
              response.resume()
            })
            return false
          },
          onEnd: () => resume(Effect.succeed("end")),
          onError: (error) => resume(Effect.succeed(error.message))
        }
        response.pipeTo(sink)
      })
      assert.strictEqual(yield* ended, "end")
      assert.strictEqual(firstDifference(Buffer.concat(received), bytes), -1)
      assert.strictEqual(excessCount, 0)
    })
  )
})

describe("a body", () => {
  it.live("is there with the head when both came together", () =>
    withRawServer(function* (world) {
      const { response } = yield* exchange(world, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
      assert.isTrue(response.isComplete)
      assert.strictEqual((yield* world.counts).idle, 1)
      assert.strictEqual(yield* response.text, "abc")
    })
  )

  for (const [what, answer, expected, rest] of [
    ["whole", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", ["abcd"]],
    ["not whole", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd", ["abcd", "the peer closed the connection"]],
    [
      "broken later",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      ["abcd", "malformed answer"],
      "4\r\nabcd\r\n!"
    ]
  ] as const) {
    it.effect(`is the reader's own when the memory it was read into is used again: ${what}`, () =>
      withMemory({}, function* ({ call, network, start }) {
        // The caller goes on with the answer in a later turn, after the read is over.
        const caller = yield* start(Effect.tap(call(), () => settled))
        network.connection(1).send(answer)
        const response = yield* Fiber.join(caller)
        if (rest !== undefined) network.connection(1).send(rest)
        network.connection(1).finish()
        const seen: Array<string> = []
        yield* Stream.runForEach(response.stream, (chunk) =>
          Effect.sync(() => seen.push(Buffer.from(chunk).toString()))
        ).pipe(Effect.catch((error) => Effect.sync(() => seen.push(error.description))))
        assert.strictEqual(seen.length, expected.length)
        for (const [index, text] of expected.entries()) assert.include(seen[index], text)
      })
    )
  }

  it.live("is handed to a sink as it comes, from what is kept to the end", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
      const heard: Array<string> = []
      const sinkOf = (response: ClientResponse) =>
        Effect.callback<void>((resume) => {
          response.pipeTo({
            onChunk: (chunk) => {
              heard.push(Buffer.from(chunk).toString())
              return true
            },
            onEnd: () => resume(Effect.void),
            onError: (error) => resume(Effect.die(error))
          })
        })
      const piping = yield* Effect.forkChild(sinkOf(response), { startImmediately: true })
      assert.deepStrictEqual(heard, ["ab"])
      connection.send("cdef")
      yield* Fiber.join(piping)
      assert.deepStrictEqual(heard, ["ab", "cdef"])
    })
  )

  it.live("that breaks off gives what came, and then says what is missing", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
      const chunks: Array<string> = []
      const reader = yield* Effect.forkChild(
        Effect.flip(
          Stream.runForEach(response.stream, (chunk) => Effect.sync(() => chunks.push(Buffer.from(chunk).toString())))
        ),
        { startImmediately: true }
      )
      connection.finish()
      const error = yield* Fiber.join(reader)
      assert.deepStrictEqual(chunks, ["ab"])
      assert.strictEqual(
        error.message,
        `GET http://127.0.0.1:${world.server.port}/: the peer closed the connection with 4 of 6 body bytes missing, on a new connection`
      )
      assert.strictEqual(error.retry, "never")
      assert.strictEqual((yield* Effect.flip(response.text)).message, error.message)
    })
  )

  it.live("read twice gives nothing the second time, and two readers at once both end", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
      const readers = yield* Effect.forkChild(
        Effect.all([response.text, response.text], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      connection.send("cdef")
      assert.deepStrictEqual((yield* Fiber.join(readers)).toSorted(), ["", "abcdef"])
      assert.strictEqual(yield* response.text, "")
      assert.deepStrictEqual(yield* Stream.runCollect(response.stream), [])
    })
  )

  it.live("is read in parts by a stream and to its end by text", () =>
    withRawServer(function* (world) {
      const { connection, response } = yield* exchange(world, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
      const first = yield* Effect.forkChild(response.bytes, { startImmediately: true })
      connection.send("cd")
      connection.send("ef")
      assert.strictEqual(Buffer.from(yield* Fiber.join(first)).toString(), "abcdef")
    })
  )
})

describe("what is kept of a body", () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
  const piece = "x".repeat(20_000)

  it.effect("never has the connection paused while a reader takes it as it comes", () =>
    withMemory({ http: { bodyBufferByteCount: 10_000 } }, function* ({ call, network, start }) {
      const caller = yield* start(
        Effect.flatMap(call(), (response) =>
          Stream.runFold(
            response.stream,
            () => 0,
            (sum, chunk) => sum + chunk.length
          )
        )
      )
      const connection = network.connection(1)
      let pauseCount = 0
      connection.pause = () => {
        pauseCount++
      }
      connection.send(head + piece)
      for (let sentCount = 1; sentCount < 5; sentCount++) connection.send(piece)
      assert.strictEqual(yield* Fiber.join(caller), 100_000)
      assert.strictEqual(pauseCount, 0)
    })
  )

  it.effect("has the connection paused when nobody has taken it by the end of the read", () =>
    withMemory({ http: { bodyBufferByteCount: 10_000 } }, function* ({ call, network, start }) {
      const caller = yield* start(call())
      network.connection(1).send(head + piece)
      assert.isTrue(network.connection(1).isPaused)
      const response = yield* Fiber.join(caller)
      const reader = yield* Effect.forkChild(response.bytes, { startImmediately: true })
      assert.isFalse(network.connection(1).isPaused)
      for (let sentCount = 1; sentCount < 5; sentCount++) network.connection(1).send(piece)
      assert.strictEqual((yield* Fiber.join(reader)).length, 100_000)
    })
  )

  it.effect("is put together from many small pieces, of a length announced or not", () =>
    withMemory({}, function* ({ call, network, start }) {
      const pieces = Array.from({ length: 3000 }, (_, index) => `${index},`)
      const whole = pieces.join("")
      const sized = yield* start(Effect.flatMap(call(), ({ text }) => text))
      network.connection(1).send(`HTTP/1.1 200 OK\r\nContent-Length: ${whole.length}\r\n\r\n`)
      for (const text of pieces) network.connection(1).send(text)
      assert.strictEqual(yield* Fiber.join(sized), whole)
      const chunked = yield* start(Effect.flatMap(call(), ({ text }) => text))
      network.connection(1).send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      for (const text of pieces) network.connection(1).send(chunkOf(text))
      network.connection(1).send("0\r\n\r\n")
      assert.strictEqual(yield* Fiber.join(chunked), whole)
    })
  )
})
