/**
 * Effect's `HttpClient` on Weir's pool: what programs write for it works unchanged.
 */
import { Buffer } from "node:buffer"
import type { IncomingMessage, ServerResponse } from "node:http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { type ClientConfig, WeirClient, WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Cause, Effect, Exit, Fiber, Layer, Schedule, Schema, type Scope, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { type Echo, echo, makeHttpServer } from "./support/HttpServer.ts"
import { expectNothingLeft } from "./support/Leaks.ts"
import { makeRawServer, type RawServer } from "./support/RawServer.ts"
import { type Counts, countsOf } from "./support/world.ts"

expectNothingLeft()

interface World {
  readonly http: HttpClient.HttpClient
  readonly url: string
  readonly counts: Effect.Effect<Counts>
}

type Steps<W> = (world: W) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>

/** Runs the steps with the layer; afterwards no call may be under way and no connection open. */
const withLayer = (config: ClientConfig, url: string, steps: Steps<World>): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const client = yield* Effect.gen(function* () {
      const client = yield* WeirClient
      const world = { http: yield* HttpClient.HttpClient, url, counts: countsOf(client) }
      yield* Effect.scoped(Effect.gen(() => steps(world)))
      assert.strictEqual((yield* world.counts).active, 0)
      return client
    }).pipe(Effect.provide(Layer.provide(WeirHttpClient.layer(config), NodeConnector.layer)))
    assert.strictEqual((yield* countsOf(client)).connections, 0)
  })

const withHttp = (
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  steps: Steps<World>,
  config: ClientConfig = {}
) => Effect.scoped(Effect.flatMap(makeHttpServer(handle), ({ url }) => withLayer(config, url, steps)))

const withRaw = (steps: Steps<World & { readonly server: RawServer }>, config: ClientConfig = {}) =>
  Effect.scoped(
    Effect.flatMap(makeRawServer(), (server) =>
      withLayer(config, `http://127.0.0.1:${server.port}`, (world) => steps({ ...world, server }))
    )
  )

const EchoSchema = Schema.Struct({
  method: Schema.String,
  url: Schema.String,
  headers: Schema.Record(Schema.String, Schema.String),
  body: Schema.String
})

/** What the server has seen of a request. */
const seen = (
  http: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Echo, unknown> => Effect.flatMap(http.execute(request), HttpClientResponse.schemaBodyJson(EchoSchema))

describe("a request", () => {
  it.live("has the method, path, query and headers of its program, and no fragment", () =>
    withHttp(echo, function* ({ http, url }) {
      const request = HttpClientRequest.put(`${url}/a/b?c=d#e`, { urlParams: { f: "g h" }, headers: { "X-One": "1" } })
      const echoed = yield* seen(http, request)
      assert.deepStrictEqual([echoed.method, echoed.url], ["PUT", "/a/b?c=d&f=g+h"])
      assert.include(echoed.headers, { "x-one": "1", host: url.slice("http://".length) })
    })
  )

  const form = () => {
    const data = new FormData()
    data.append("field", "value")
    data.append("file", new Blob(["content"]), "name.txt")
    return data
  }
  const readable = (text: string) => new Response(text).body
  const formBody =
    /^--(\S+)\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n--\1\r\nContent-Disposition: form-data; name="file"; filename="name.txt"\r\nContent-Type: application\/octet-stream\r\n\r\ncontent\r\n--\1--/
  const bodies: ReadonlyArray<
    readonly [what: string, body: () => HttpBody.HttpBody, type: string | undefined, length: number | undefined, RegExp]
  > = [
    ["Empty", () => HttpBody.empty, undefined, 0, /^$/],
    ["text", () => HttpBody.text("häl"), "text/plain", 4, /^h\xc3\xa4l$/],
    ["JSON", () => HttpBody.jsonUnsafe({ a: 1 }), "application/json", 7, /^{"a":1}$/],
    ["Uint8Array", () => HttpBody.uint8Array(Buffer.from("abc")), "application/octet-stream", 3, /^abc$/],
    ["urlParams", () => HttpBody.urlParams([["a", "b c"]]), "application/x-www-form-urlencoded", 5, /^a=b\+c$/],
    [
      "Stream",
      () => HttpBody.stream(Stream.make(Buffer.from("ab"), Buffer.from("c")), "text/a"),
      "text/a",
      undefined,
      /^abc$/
    ],
    ["Stream with a length", () => HttpBody.stream(Stream.make(Buffer.from("abc")), "text/a", 3), "text/a", 3, /^abc$/],
    ["FormData", () => HttpBody.formData(form()), "multipart/form-data; boundary=", undefined, formBody],
    ["Raw string", () => HttpBody.raw("abc", { contentType: "text/b" }), "text/b", 3, /^abc$/],
    ["Raw bytes", () => HttpBody.raw(Buffer.from("abc")), undefined, 3, /^abc$/],
    ["Raw ArrayBuffer", () => HttpBody.raw(new Uint8Array([97, 98]).buffer), undefined, 2, /^ab$/],
    ["Raw URLSearchParams", () => HttpBody.raw(new URLSearchParams({ a: "b" })), undefined, 3, /^a=b$/],
    ["Raw Blob", () => HttpBody.raw(new Blob(["abc"])), undefined, 3, /^abc$/],
    ["Raw ReadableStream", () => HttpBody.raw(readable("abc")), undefined, undefined, /^abc$/],
    [
      "Raw ReadableStream with a length",
      () => HttpBody.raw(readable("abc"), { contentLength: 3 }),
      undefined,
      3,
      /^abc$/
    ],
    ["Raw FormData", () => HttpBody.raw(form()), "multipart/form-data; boundary=", undefined, formBody]
  ]
  for (const [what, body, type, length, expected] of bodies) {
    it.live(`carries its body, its type and its length: ${what}`, () =>
      withHttp(echo, function* ({ counts, http, url }) {
        const { body: received, headers } = yield* seen(
          http,
          HttpClientRequest.setBody(HttpClientRequest.post(url), body())
        )
        assert.match(received, expected)
        assert.strictEqual(headers["content-length"], length?.toString())
        assert.strictEqual(headers["transfer-encoding"], length === undefined ? "chunked" : undefined)
        assert.strictEqual(headers["content-type"]?.slice(0, type?.length), type)
        assert.strictEqual((yield* counts).idle, 1)
      })
    )
  }

  it.live("with a body that is none of these is refused by name", () =>
    withHttp(echo, function* ({ http, url }) {
      const request = HttpClientRequest.setBody(HttpClientRequest.post(url), HttpBody.raw(new Map()))
      const error = yield* Effect.flip(http.execute(request))
      assert.strictEqual(error.reason._tag, "EncodeError")
      assert.include(
        error.message,
        "a raw body has to be bytes, a string, a Blob, a form or a ReadableStream, and it is a Map"
      )
    })
  )

  it.live("carries trace headers, unless they are turned off", () =>
    withHttp(echo, function* ({ http, url }) {
      const on = yield* seen(http, HttpClientRequest.get(url))
      assert.match(on.headers["traceparent"] ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.isDefined(on.headers["b3"])
      const off = yield* seen(http, HttpClientRequest.get(url)).pipe(
        Effect.provideService(HttpClient.TracerPropagationEnabled, false)
      )
      assert.deepStrictEqual([off.headers["traceparent"], off.headers["b3"]], [undefined, undefined])
      const none = yield* seen(http, HttpClientRequest.get(url)).pipe(
        Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
      )
      assert.isUndefined(none.headers["traceparent"])
    })
  )

  it.live("does not pass on what its program says about another connection or the framing", () =>
    withHttp(echo, function* ({ http, url }) {
      const headers = {
        "content-length": "77",
        "transfer-encoding": "gzip",
        "keep-alive": "timeout=1",
        connection: "keep-alive"
      }
      const echoed = yield* seen(http, HttpClientRequest.get(url, { headers }))
      assert.doesNotHaveAnyKeys(echoed.headers, ["content-length", "transfer-encoding", "keep-alive"])
    })
  )

  it.live("closes its connection when its program asks for it", () =>
    withHttp(echo, function* ({ counts, http, url }) {
      const echoed = yield* seen(http, HttpClientRequest.get(url, { headers: { connection: "Close" } }))
      assert.strictEqual(echoed.headers["connection"], "close")
      assert.strictEqual((yield* counts).connections, 0)
    })
  )

  it.live("holds its body for 100 Continue when its program expects it", () =>
    withHttp(echo, function* ({ http, url }) {
      const request = HttpClientRequest.post(url, { headers: { expect: "100-continue" }, body: HttpBody.text("abc") })
      const echoed = yield* seen(http, request)
      assert.deepStrictEqual([echoed.headers["expect"], echoed.body], ["100-continue", "abc"])
    })
  )

  for (const [what, url, detail] of [
    ["of another scheme", "ftp://a.test/", /the scheme ftp: is neither http: nor https:/],
    ["with credentials", "http://me:secret@a.test/", /the URL holds credentials/]
  ] as const) {
    it.live(`to a URL ${what} is an InvalidUrlError`, () =>
      withHttp(echo, function* ({ http }) {
        const error = yield* Effect.flip(http.get(url))
        assert.strictEqual(error.reason._tag, "InvalidUrlError")
        assert.match(error.message, detail)
        assert.notInclude(error.message, "secret")
      })
    )
  }

  it.live("that HTTP cannot carry is an EncodeError", () =>
    withHttp(echo, function* ({ http, url }) {
      const error = yield* Effect.flip(http.get(url, { headers: { a: "b\r\nc: d" } }))
      assert.strictEqual(error.reason._tag, "EncodeError")
      assert.match(error.message, /^Encode: the request cannot be sent: the value of a has the character 0x0d .*\(GET /)
    })
  )
})

describe("a response", () => {
  const answer =
    (body: string, headers: Record<string, string | Array<string>> = {}, status = 200) =>
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(status, headers).end(body)
    }

  it.live("has status, URL, headers and cookies, and names that objects have already", () =>
    withHttp(
      answer("", { "X-A": ["1", "2"], "Set-Cookie": ["a=b; Path=/", "c=d"], constructor: "x", __proto__x: "y" }, 404),
      function* ({ http, url }) {
        const response = yield* http.get(`${url}/p#fragment`)
        assert.deepStrictEqual([response.status, response.url], [404, `${url}/p`])
        assert.deepStrictEqual([response.headers["x-a"], response.headers["constructor"]], ["1, 2", "x"])
        assert.deepStrictEqual(
          Object.values(response.cookies.cookies).map(({ name, value }) => `${name}=${value}`),
          ["a=b", "c=d"]
        )
        assert.strictEqual(yield* response.text, "")
      }
    )
  )

  it.live("gives its body as text, JSON, bytes and stream, as often as it is asked", () =>
    withHttp(answer('{"a":"ä"}'), function* ({ http, url }) {
      const response = yield* http.get(url)
      const bytes = Buffer.from('{"a":"ä"}')
      for (let count = 0; count < 2; count++) {
        assert.strictEqual(yield* response.text, '{"a":"ä"}')
        assert.deepStrictEqual(yield* response.json, { a: "ä" })
        assert.deepStrictEqual(Buffer.from(yield* response.arrayBuffer), bytes)
        assert.deepStrictEqual(Buffer.concat(yield* Stream.runCollect(response.stream)), bytes)
      }
      const both = yield* Effect.all([response.text, response.json], { concurrency: "unbounded" })
      assert.deepStrictEqual(both, ['{"a":"ä"}', { a: "ä" }])
    })
  )

  it.live("gives a form as it was sent", () =>
    withHttp(answer("a=b&c=d+e", { "content-type": "application/x-www-form-urlencoded" }), function* ({ http, url }) {
      const response = yield* http.get(url)
      assert.strictEqual((yield* response.formData).get("c"), "d e")
      assert.strictEqual((yield* response.formData).get("a"), "b")
      assert.deepStrictEqual(
        [...(yield* response.urlParamsBody)],
        [
          ["a", "b"],
          ["c", "d e"]
        ]
      )
    })
  )

  it.live("read as a stream says so to whoever reads it again", () =>
    withHttp(answer("abc"), function* ({ http, url }) {
      const response = yield* http.get(url)
      assert.strictEqual(yield* response.stream.pipe(Stream.decodeText, Stream.mkString), "abc")
      for (const again of [response.text, Stream.runDrain(response.stream)]) {
        const error = yield* Effect.flip(again)
        assert.strictEqual(error.reason._tag, "DecodeError")
        assert.include(error.message, "the body was read as a stream already")
      }
    })
  )

  it.live("that is no JSON is a DecodeError, and an empty one is null", () =>
    withHttp(
      (request, response) => response.end(request.url === "/empty" ? "" : "<html>"),
      function* ({ http, url }) {
        const error = yield* Effect.flip(Effect.flatMap(http.get(url), ({ json }) => json))
        assert.strictEqual(error.reason._tag, "DecodeError")
        assert.isNull(yield* Effect.flatMap(http.get(`${url}/empty`), ({ json }) => json))
      }
    )
  )

  it.live("of a status beyond 2xx fails filterStatusOk with a StatusCodeError", () =>
    withHttp(answer("no", {}, 503), function* ({ http, url }) {
      const error = yield* Effect.flip(HttpClient.filterStatusOk(http).get(url))
      assert.strictEqual(error.reason._tag, "StatusCodeError")
      assert.isFalse(WeirHttpClient.isRetryable(error, true))
    })
  )

  it.live("that redirects is followed by followRedirects, on the same connection", () =>
    withHttp(
      (request, response) => {
        if (request.url === "/from") response.writeHead(302, { location: "/to" }).end("moved")
        else response.end(`at ${request.url}`)
      },
      function* ({ counts, http, url }) {
        const response = yield* HttpClient.followRedirects(http).get(`${url}/from`)
        assert.deepStrictEqual([yield* response.text, response.url], ["at /to", `${url}/to`])
        assert.strictEqual((yield* counts).connections, 1)
      }
    )
  )

  it.live("that breaks off is a DecodeError with the client's error as its cause", () =>
    withRaw(function* ({ http, server, url }) {
      const caller = yield* Effect.forkChild(Effect.flip(Effect.flatMap(http.get(url), ({ text }) => text)))
      const connection = yield* server.accept
      yield* connection.request
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
      connection.finish()
      const error = yield* Fiber.join(caller)
      assert.strictEqual(error.reason._tag, "DecodeError")
      assert.include(String(error.reason.cause), "the peer closed the connection with 3 of 5 body bytes missing")
      assert.isFalse(WeirHttpClient.isRetryable(error, true))
    })
  )
})

/** A body that is too long to be read for the connection's sake. */
const begun = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nab"

describe("a response that is not read", () => {
  const respond = (
    http: HttpClient.HttpClient,
    { server, url }: { readonly server: RawServer; readonly url: string },
    answer = begun
  ) =>
    Effect.gen(function* () {
      const caller = yield* Effect.forkChild(http.get(url))
      const connection = yield* server.accept
      yield* connection.request
      connection.send(answer)
      return { connection, response: yield* Fiber.join(caller) }
    })

  it.live("is given up when its stream is read in part", () =>
    withRaw(function* (world) {
      const { connection, response } = yield* respond(world.http, world)
      assert.strictEqual((yield* Stream.runHead(response.stream))._tag, "Some")
      yield* connection.ended
      assert.strictEqual((yield* world.counts).connections, 0)
    })
  )

  it.live("is given up when its reader is interrupted", () =>
    withRaw(function* (world) {
      const { connection, response } = yield* respond(world.http, world)
      const reader = yield* Effect.forkChild(response.text, { startImmediately: true })
      yield* Fiber.interrupt(reader)
      yield* connection.ended
    })
  )

  it.live("is given up with the scope of its request", () =>
    withRaw(function* (world) {
      const http = HttpClient.withScope(world.http)
      const connection = yield* Effect.scoped(
        Effect.gen(function* () {
          const caller = yield* Effect.forkChild(http.get(world.url))
          const connection = yield* world.server.accept
          yield* connection.request
          connection.send(begun)
          yield* Fiber.join(caller)
          assert.isFalse(connection.hasEnded)
          return connection
        })
      )
      yield* connection.ended
    })
  )

  it.live("keeps its connection when its scope ends after its body, as does a stream read to its end", () =>
    withRaw(function* (world) {
      const http = HttpClient.withScope(world.http)
      const connection = yield* Effect.scoped(
        Effect.gen(function* () {
          const caller = yield* Effect.forkChild(
            Effect.flatMap(http.get(world.url), ({ stream }) => stream.pipe(Stream.decodeText, Stream.mkString))
          )
          const connection = yield* world.server.accept
          yield* connection.request
          connection.answer("whole")
          assert.strictEqual(yield* Fiber.join(caller), "whole")
          return connection
        })
      )
      const next = yield* Effect.forkChild(Effect.flatMap(world.http.get(world.url), ({ text }) => text))
      yield* connection.request
      connection.answer("next")
      assert.strictEqual(yield* Fiber.join(next), "next")
      assert.strictEqual((yield* world.counts).connections, 1)
    })
  )

  it.live("is given up when nobody holds it any more", () =>
    withRaw(function* (world) {
      yield* Effect.forkChild(
        Effect.map(world.server.accept, (connection) => connection.send(begun)),
        { startImmediately: true }
      )
      yield* Effect.asVoid(world.http.get(world.url))
      const connection = world.server.connections[0]
      setFlagsFromString("--expose-gc")
      const collect: unknown = runInNewContext("gc")
      if (typeof collect !== "function") return assert.fail("no gc")
      yield* Effect.repeat(
        Effect.sync(() => {
          collect()
          return connection?.hasEnded === true
        }),
        { until: (hasEnded) => hasEnded, schedule: Schedule.spaced(5) }
      )
      assert.strictEqual((yield* world.counts).connections, 0)
    })
  )

  it.live("is given up when the call is interrupted just as the answer comes", () =>
    withRaw(function* ({ counts, http, server, url }) {
      for (let turn = 0; turn < 20; turn++) {
        const caller = yield* Effect.forkChild(http.get(url), { startImmediately: true })
        const connection = yield* server.accept
        yield* connection.request
        connection.send(begun)
        for (let count = 0; count < turn % 5; count++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(caller)
        // It has its answer already, and is dropped by this program.
        const exit = caller.pollUnsafe()
        if (exit?._tag === "Success") yield* Effect.scoped(Effect.exit(Stream.runHead(exit.value.stream)))
        yield* connection.ended
        assert.strictEqual((yield* counts).active, 0)
      }
    })
  )
})

describe("a retry", () => {
  it.live("of what may be sent again is what isRetryable allows", () =>
    withRaw(
      function* ({ http, url, server }) {
        const holder = yield* Effect.forkChild(http.get(url))
        const connection = yield* server.accept
        yield* connection.request
        const refused = yield* Effect.flip(http.get(url))
        assert.strictEqual(refused.reason._tag, "TransportError")
        assert.match(refused.message, /refused \(pending-route-limit\)/)
        // A full queue is not helped by more callers; Effect's own predicate would have sent it again.
        assert.isTrue(HttpClient.isTransientError(refused))
        assert.isFalse(WeirHttpClient.isRetryable(refused, true))
        connection.finish()
        const lost = yield* Effect.flip(Fiber.join(holder))
        assert.deepStrictEqual(
          [WeirHttpClient.isRetryable(lost, true), WeirHttpClient.isRetryable(lost, false)],
          [true, false]
        )
      },
      { pool: { connectionsPerRouteMax: 1, pendingPerRouteMax: 0 } }
    )
  )

  it.live("by HttpClient.retry goes on until the server is there", () =>
    withRaw(function* ({ http, server, url }) {
      const retrying = HttpClient.retry(http, { while: (error) => WeirHttpClient.isRetryable(error, true), times: 3 })
      const caller = yield* Effect.forkChild(Effect.flatMap(retrying.get(url), ({ text }) => text))
      for (let count = 0; count < 2; count++) {
        const connection = yield* server.accept
        yield* connection.request
        connection.finish()
      }
      const connection = yield* server.accept
      yield* connection.request
      connection.answer("at last")
      assert.strictEqual(yield* Fiber.join(caller), "at last")
    })
  )

  it.live("is never offered for an error that is not the client's", () =>
    Effect.sync(() => {
      const request = HttpClientRequest.get("http://a.test")
      const error = new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
      assert.isFalse(WeirHttpClient.isRetryable(error, true))
    })
  )
})

describe("the configuration", () => {
  const problemsOf = (config: unknown): Effect.Effect<string> =>
    Effect.suspend(() => {
      const input: ClientConfig = Object.assign({}, config)
      return Effect.provide(Effect.void, Layer.provide(WeirHttpClient.layer(input), NodeConnector.layer))
    }).pipe(
      Effect.exit,
      Effect.map((exit) => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : ""))
    )

  for (const [what, config, expected] of [
    ["an unknown key", { htp: {} }, /htp.*http/],
    ["an unknown key below http", { http: { bodyIdelTimeout: 1 } }, /http\.bodyIdelTimeout.*bodyIdleTimeout/],
    ["an unknown key below pool", { pool: { connectionMax: 1 } }, /pool\.connectionMax.*connectionsMax/],
    [
      "an unknown limit",
      { http: { limits: { headByteCountMx: 1 } } },
      /http\.limits\.headByteCountMx.*headByteCountMax/
    ],
    ["an unknown key below tls", { tls: { certificates: 1 } }, /tls\.certificates.*certificate/],
    ["a value out of bounds", { http: { retryCountMax: -1 } }, /http\.retryCountMax/],
    ["a time that is none", { http: { requestTimeout: "soon" } }, /http\.requestTimeout/],
    ["a pool that contradicts itself", { pool: { idlePerRouteMin: 5, connectionsPerRouteMax: 2 } }, /idlePerRouteMin/]
  ] as const) {
    it.live(`names the path, and the nearest key: ${what}`, () =>
      Effect.map(problemsOf(config), (text) => assert.match(text, expected))
    )
  }
})
