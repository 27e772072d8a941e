/**
 * What programs send through Effect's `HttpClient` on Weir's pool.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { type Echo, echo } from "./support/HttpServer.ts"
import { withHttp } from "./support/layerWorld.ts"

expectNothingLeft()

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
    readonly [
      what: string,
      body: () => HttpBody.HttpBody,
      type: string | undefined,
      length: number | "known" | undefined,
      RegExp
    ]
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
    ["FormData", () => HttpBody.formData(form()), "multipart/form-data; boundary=", "known", formBody],
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
    ["Raw FormData", () => HttpBody.raw(form()), "multipart/form-data; boundary=", "known", formBody]
  ]
  for (const [what, body, type, length, expected] of bodies) {
    it.live(`carries its body, its type and its length: ${what}`, () =>
      withHttp(echo, function* ({ counts, http, url }) {
        const { body: received, headers } = yield* seen(
          http,
          HttpClientRequest.setBody(HttpClientRequest.post(url), body())
        )
        assert.match(received, expected)
        const expectedLength = length === "known" ? received.length : length
        assert.strictEqual(headers["content-length"], expectedLength?.toString())
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
