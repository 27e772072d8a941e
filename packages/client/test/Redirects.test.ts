/**
 * Redirects that the client follows when it is told to.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { type ClientConfig, ClientError } from "@weir/client"
import { Effect, Fiber, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { echo, makeHttpServer } from "./support/HttpServer.ts"
import { withHttp, withRaw } from "./support/layerWorld.ts"

expectNothingLeft()

const following: ClientConfig = { http: { redirectCountMax: 3 } }

describe("a client that follows redirects", () => {
  for (const [status, method, expected] of [
    [301, "POST", "GET /end "],
    [302, "POST", "GET /end "],
    [303, "PUT", "GET /end "],
    [307, "POST", "POST /end abc"],
    [308, "PUT", "PUT /end abc"]
  ] as const) {
    it.live(`answers ${method} after ${status} with ${expected}`, () =>
      withHttp(
        (request, response) => {
          if (request.url === "/") response.writeHead(status, { location: "/end" }).end("moved")
          else echo(request, response)
        },
        function* ({ counts, http, url }) {
          const request = HttpClientRequest.setBody(HttpClientRequest.make(method)(url), HttpBody.text("abc", "text/a"))
          const response = yield* http.execute(request)
          const seen = JSON.parse(yield* response.text)
          assert.strictEqual(`${seen.method} ${seen.url} ${seen.body}`, expected)
          assert.strictEqual(seen.headers["content-type"], expected.startsWith("GET") ? undefined : "text/a")
          assert.strictEqual(response.url, `${url}/end`)
          assert.strictEqual((yield* counts).connections, 1)
        },
        following
      )
    )
  }

  it.live("tells another origin none of the credentials, and its own name", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = yield* makeHttpServer(echo)
        yield* withHttp(
          (_request, response) => response.writeHead(302, { location: `${other.url}/there` }).end(),
          function* ({ http, url }) {
            const headers = { authorization: "Bearer secret", cookie: "a=b", host: "named.test", "x-kept": "1" }
            const seen = JSON.parse(yield* Effect.flatMap(http.get(url, { headers }), (response) => response.text))
            assert.doesNotHaveAnyKeys(seen.headers, ["authorization", "cookie"])
            assert.include(seen.headers, { host: other.url.slice("http://".length), "x-kept": "1" })
          },
          following
        )
      })
    )
  )

  for (const [what, location, body, detail] of [
    ["is one too many", "/", "", /it is one more than redirectCountMax 3 allows/],
    ["leads to another scheme", "ftp://a.test/", "", /the redirect leads to ftp:/],
    ["leads to no URL", "http://[", "", /Location is no URL/],
    ["asks for a stream again", "/", "stream", /the body is a stream, and spent/]
  ] as const) {
    it.live(`fails with a typed error where a redirect ${what}`, () =>
      withHttp(
        (request, response) => request.resume().on("end", () => response.writeHead(307, { location }).end()),
        function* ({ counts, http, url }) {
          const streamed = HttpBody.stream(Stream.make(Buffer.from("abc")))
          const request = HttpClientRequest.setBody(
            HttpClientRequest.post(url),
            body === "" ? HttpBody.empty : streamed
          )
          const error = yield* Effect.flip(http.execute(request))
          assert.strictEqual(error.reason._tag, "StatusCodeError")
          const { cause } = error.reason
          assert.deepInclude(cause instanceof ClientError ? cause.reason : {}, { _tag: "BadRedirect", status: 307 })
          assert.match(error.message, detail)
          assert.isFalse(HttpClient.isTransientError(error))
          assert.strictEqual((yield* counts).active, 0)
        },
        following
      )
    )
  }

  it.live("gives up the body of a redirect that goes on for ever", () =>
    withRaw(function* ({ http, server, url }) {
      const caller = yield* Effect.forkChild(Effect.flatMap(http.get(url), (response) => response.text))
      const first = yield* server.accept
      yield* first.request
      first.send("HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 1000000\r\n\r\nab")
      const second = yield* server.accept
      assert.strictEqual((yield* second.request).line, "GET /end HTTP/1.1")
      yield* first.ended
      second.answer("end")
      assert.strictEqual(yield* Fiber.join(caller), "end")
    }, following)
  )
})

it.live("a client that is not told to follow redirects gives them as they are", () =>
  withHttp(
    (_request, response) => response.writeHead(302, { location: "/end" }).end("moved"),
    function* ({ http, url }) {
      const response = yield* http.get(url)
      assert.deepStrictEqual([response.status, yield* response.text], [302, "moved"])
    }
  )
)
