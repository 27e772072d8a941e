/**
 * Content codings undone for Effect's `HttpClient`, and the limits against bodies that unpack to too much.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { type ClientConfig, ClientError } from "@weir/client"
import { Effect, Fiber, Stream } from "effect"
import { HttpClient, type HttpClientError } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { withHttp, withRaw } from "./support/layerWorld.ts"

expectNothingLeft()

const decoding: ClientConfig = { http: { isDecoding: true } }
const text = "packed ".repeat(1000)

const packed =
  (coding: string, bytes: Uint8Array) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { "content-encoding": coding }).end(bytes)
  }

/** The client's reason in an error of Effect's. */
const reasonOf = (error: HttpClientError.HttpClientError) => {
  assert.strictEqual(error.reason._tag, "DecodeError")
  const { cause } = error.reason
  return cause instanceof ClientError ? cause.reason : assert.fail(`no ClientError: ${String(cause)}`)
}

describe("an answer to a client that decodes", () => {
  for (const [coding, bytes] of [
    ["gzip", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
    ["deflate, gzip", gzipSync(deflateSync(text))],
    ["identity", Buffer.from(text)],
    ["unheard-of", Buffer.from(text)]
  ] as const) {
    it.live(`is unpacked, as text and as a stream: ${coding}, ${bytes.length} bytes`, () =>
      withHttp(
        packed(coding, bytes),
        function* ({ counts, http, url }) {
          const response = yield* http.get(url)
          assert.strictEqual(yield* response.text, text)
          assert.strictEqual(response.headers["content-encoding"], coding)
          const again = yield* http.get(url)
          assert.strictEqual(yield* again.stream.pipe(Stream.decodeText, Stream.mkString), text)
          assert.deepInclude(yield* counts, { connections: 1, idle: 1 })
        },
        decoding
      )
    )
  }

  it.live("stays empty where it has no body, whatever it says of its coding", () =>
    withHttp(
      (request, response) =>
        response.writeHead(request.method === "HEAD" ? 200 : 204, { "content-encoding": "gzip" }).end(),
      function* ({ counts, http, url }) {
        assert.strictEqual(yield* Effect.flatMap(http.head(url), (response) => response.text), "")
        assert.strictEqual(yield* Effect.flatMap(http.get(url), (response) => response.text), "")
        assert.strictEqual((yield* counts).connections, 1)
      },
      decoding
    )
  )

  const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
  for (const [what, config, bytes, detail] of [
    ["a hundred times its size", { isDecoding: true }, bomb, /decodedRatioMax 100 allows/],
    ["the ratio it may", { isDecoding: true, decodedRatioMax: 500 }, bomb, /decodedRatioMax 500 allows/],
    [
      "the bytes it may",
      { isDecoding: true, decodedByteCountMax: 1000 },
      gzipSync(text),
      /decodedByteCountMax 1000 allows/
    ]
  ] as const) {
    it.live(`fails with a typed error when it unpacks to more than ${what}, and leaves no call behind`, () =>
      withHttp(
        packed("gzip", bytes),
        function* ({ counts, http, url }) {
          const response = yield* http.get(url)
          const reason = reasonOf(yield* Effect.flip(response.text))
          assert.deepInclude(reason, { _tag: "BadCoding", kind: "limit", codings: ["gzip"] })
          if (reason._tag === "BadCoding") assert.match(reason.detail, detail)
          assert.strictEqual((yield* counts).active, 0)
        },
        { http: config }
      )
    )
  }

  it.live("fails with a typed error when it is not what it says, and when it has too many codings", () =>
    withHttp(
      (request, response) => {
        const coding = request.url === "/many" ? Array.from({ length: 6 }, () => "gzip").join() : "gzip"
        response.writeHead(200, { "content-encoding": coding }).end("this is not gzip")
      },
      function* ({ http, url }) {
        const broken = yield* Effect.flip(Effect.flatMap(http.get(url), (response) => response.text))
        assert.deepInclude(reasonOf(broken), { _tag: "BadCoding", kind: "malformed" })
        assert.match(broken.message, /coded as gzip, cannot be unpacked: incorrect header check/)
        const many = yield* Effect.flip(
          Effect.flatMap(http.get(`${url}/many`), (response) => Stream.runDrain(response.stream))
        )
        assert.deepInclude(reasonOf(many), { _tag: "BadCoding", kind: "limit" })
      },
      decoding
    )
  )

  it.live("fails as the connection does when it breaks off", () =>
    withRaw(function* ({ http, server, url }) {
      const caller = yield* Effect.forkChild(Effect.flip(Effect.flatMap(http.get(url), (response) => response.text)))
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 500\r\n\r\n")
      connection.send(gzipSync(text).subarray(0, 20))
      connection.finish()
      assert.strictEqual(reasonOf(yield* Fiber.join(caller))._tag, "ConnectionLost")
    }, decoding)
  )

  it.live("fails at once when it is broken, though the server goes on sending nothing", () =>
    withRaw(function* ({ http, server, url }) {
      const caller = yield* Effect.forkChild(Effect.flip(Effect.flatMap(http.get(url), (response) => response.text)))
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: deflate, gzip\r\nContent-Length: 1000000\r\n\r\n")
      connection.send("this is not gzip")
      assert.deepInclude(reasonOf(yield* Fiber.join(caller)), { _tag: "BadCoding", kind: "malformed" })
      yield* connection.ended
    }, decoding)
  )

  it.live("is given up when its reader is interrupted, or stops, while the server is silent", () =>
    withRaw(function* ({ counts, http, server, url }) {
      const begin = Effect.fnUntraced(function* (bytes: Uint8Array) {
        const caller = yield* Effect.forkChild(http.get(url))
        const connection = yield* server.accept
        yield* connection.request
        connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n")
        connection.send(bytes)
        return { connection, response: yield* Fiber.join(caller) }
      })
      const first = yield* begin(gzipSync(text).subarray(0, 20))
      const reader = yield* Effect.forkChild(first.response.text, { startImmediately: true })
      yield* Fiber.interrupt(reader)
      yield* first.connection.ended
      const second = yield* begin(gzipSync(text))
      yield* Stream.runHead(second.response.stream)
      yield* second.connection.ended
      assert.deepInclude(yield* counts, { active: 0, connections: 0 })
    }, decoding)
  )

  it.live("is given up when its reader is interrupted, before the scope of its request ends", () =>
    withRaw(function* ({ http, server, url }) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const caller = yield* Effect.forkChild(HttpClient.withScope(http).get(url))
          const connection = yield* server.accept
          yield* connection.request
          connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n")
          const response = yield* Fiber.join(caller)
          const reader = yield* Effect.forkChild(response.text, { startImmediately: true })
          yield* Fiber.interrupt(reader)
          yield* connection.ended
        })
      )
    }, decoding)
  )

  it.live("was offered the codings, unless the program offers its own or asks for a range", () =>
    withHttp(
      (request, response) => response.end(request.headers["accept-encoding"] ?? "none"),
      function* ({ http, url }) {
        const offered = (headers: Record<string, string>) =>
          Effect.flatMap(http.get(url, { headers }), (response) => response.text)
        assert.strictEqual(yield* offered({}), "gzip, deflate, br, zstd")
        assert.strictEqual(yield* offered({ "accept-encoding": "br" }), "br")
        assert.strictEqual(yield* offered({ range: "bytes=0-1" }), "none")
      },
      decoding
    )
  )
})

it.live("a client that is not told to decode offers nothing, and gives bodies as they came", () =>
  withHttp(
    (request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "x-offered": request.headers["accept-encoding"] ?? "none" })
      response.end(gzipSync("ab"))
    },
    function* ({ http, url }) {
      const response = yield* http.get(url)
      assert.strictEqual(response.headers["x-offered"], "none")
      assert.deepStrictEqual(Buffer.from(yield* response.arrayBuffer), gzipSync("ab"))
    }
  )
)
