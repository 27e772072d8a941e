/**
 * What programs get through Effect's `HttpClient` on Weir's pool, what becomes of what they do not read, and their retries.
 */
import { Buffer } from "node:buffer"
import type { IncomingMessage, ServerResponse } from "node:http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { ClientError, WeirHttpClient } from "@weir/client"
import { PoolError } from "@weir/core"
import { Effect, Fiber, Ref, Schedule, Stream } from "effect"
import { type Cookies, HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { withHttp, withRaw } from "./support/layerWorld.ts"
import type { RawServer } from "./support/RawServer.ts"

expectNothingLeft()

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

  it.live("sets cookies that withCookiesRef sends back, and no more than its jar has", () =>
    withHttp(
      (request, response) =>
        response.writeHead(200, { "set-cookie": ["a=b; Path=/", "c=d"] }).end(request.headers.cookie ?? ""),
      function* ({ http, url }) {
        const jar = yield* Ref.make<ReadonlyArray<Cookies.Cookie>>([])
        const keeping = HttpClient.withCookiesRef(http, jar)
        const send = Effect.flatMap(keeping.get(url), (response) => response.text)
        assert.strictEqual(yield* send, "")
        assert.strictEqual(yield* send, "a=b; c=d")
      }
    )
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
        const { cause } = refused.reason
        if (!(cause instanceof ClientError) || cause.reason._tag !== "NoConnection") return assert.fail("no cause")
        assert.instanceOf(cause.reason.error, PoolError)
        assert.deepInclude(cause.reason.error.reason, { _tag: "Refused", limitCount: 0, source: "pool" })
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

  for (const [method, requestCount] of [
    ["GET", 3],
    ["POST", 1]
  ] as const) {
    it.live(`by HttpClient.retry sends a ${method} that a server took and did not answer ${requestCount} times`, () =>
      Effect.suspend(() => {
        let count = 0
        return withHttp(
          (request) => {
            count++
            request.socket.destroy()
          },
          function* ({ http, url }) {
            const retrying = HttpClient.retry(http, { while: (error) => WeirHttpClient.isRetryable(error), times: 2 })
            yield* Effect.flip(retrying.execute(HttpClientRequest.make(method)(url)))
            assert.strictEqual(count, requestCount)
          }
        )
      })
    )
  }

  it.live("of an answer by retryTransient sends nothing again that had no answer", () =>
    Effect.suspend(() => {
      let count = 0
      return withHttp(
        (request, response) => {
          count++
          if (request.url === "/lost") request.socket.destroy()
          else response.writeHead(count < 3 ? 503 : 200).end()
        },
        function* ({ http, url }) {
          const retrying = HttpClient.retryTransient(http, { retryOn: "response-only", times: 5 })
          assert.strictEqual((yield* retrying.post(url)).status, 200)
          count = 0
          yield* Effect.flip(retrying.post(`${url}/lost`))
          assert.strictEqual(count, 1)
        }
      )
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
