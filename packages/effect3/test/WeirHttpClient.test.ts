import { HttpClient, type HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { WeirError } from "@weir/fetch"
import { Cause, Config, ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { WeirHttpClient } from "../src/index.ts"
import { against, textOf } from "./Upstream.ts"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const createdCount = Effect.map(WeirHttpClient.WeirClient, (client) => client.stats().createdCount)
const inUseCount = Effect.map(WeirHttpClient.WeirClient, (client) => client.stats().active.used)
const getText = (url: string) => Effect.flatMap(HttpClient.get(url), (response) => response.text)

/** Asks again until nothing is in use; the test's own time limit ends it. */
const untilReleased = inUseCount.pipe(
  Effect.repeat({ until: (count) => count === 0, schedule: Schedule.spaced("1 millis") })
)

describe("the layer for Effect 3", () => {
  it("sends calls that follow each other over one connection", async () => {
    const seen = await against(
      (request, response) => response.end(`${request.method} ${request.url}`),
      (url) => Effect.all([getText(`${url}/a?b=1`), getText(`${url}/c`), createdCount])
    )
    expect(seen).toEqual(["GET /a?b=1", "GET /c", 1])
  })

  it("sends every kind of body with its type", async () => {
    const form = new FormData()
    form.append("field", "value")
    const stream = Stream.make("one ", "two").pipe(Stream.map(encode))
    const bodies = [
      HttpClientRequest.bodyText("text", "text/x-own"),
      HttpClientRequest.bodyUnsafeJson({ a: 1 }),
      HttpClientRequest.bodyUint8Array(encode("bytes"), "application/x-own"),
      HttpClientRequest.bodyUrlParams({ a: "b c" }),
      HttpClientRequest.bodyStream(stream, { contentType: "text/plain" })
    ]
    const send = (request: HttpClientRequest.HttpClientRequest) =>
      Effect.flatMap(HttpClient.execute(request), (response) => response.text)
    const answers = await against(
      async (request, response) => response.end(`${request.headers["content-type"]}: ${await textOf(request)}`),
      (url) =>
        Effect.gen(function* () {
          const plain = yield* Effect.forEach(bodies, (body) => send(body(HttpClientRequest.post(url))))
          return [...plain, yield* send(HttpClientRequest.bodyFormData(form)(HttpClientRequest.post(url)))]
        })
    )
    expect(answers.slice(0, -1)).toEqual([
      "text/x-own: text",
      `application/json: {"a":1}`,
      "application/x-own: bytes",
      "application/x-www-form-urlencoded: a=b+c",
      "text/plain: one two"
    ])
    expect(answers.at(-1)).toMatch(/^multipart\/form-data; ?boundary=[\s\S]*value/)
  })

  it("streams an answer while the server is still writing it", async () => {
    const first = await against(
      // The answer ends only when its reader has gone.
      (_, response) => response.write("first"),
      (url) => HttpClient.get(url).pipe(HttpClientResponse.stream, Stream.decodeText(), Stream.runHead)
    )
    expect(first).toMatchObject({ value: "first" })
  })

  it("streams a request while the server is already answering it", async () => {
    const echoed = await against(
      (request, response) => request.pipe(response),
      (url) =>
        Effect.gen(function* () {
          const isEchoed = yield* Deferred.make<void>()
          // The second part is sent once the first has come back.
          const parts = Stream.concat(
            Stream.make("one "),
            Stream.fromEffect(Effect.as(Deferred.await(isEchoed), "two"))
          ).pipe(Stream.map(encode))
          const request = HttpClientRequest.bodyStream(parts)(HttpClientRequest.post(url))
          return yield* HttpClient.execute(request).pipe(
            HttpClientResponse.stream,
            Stream.tap(() => Deferred.succeed(isEchoed, undefined)),
            Stream.decodeText(),
            Stream.mkString
          )
        })
    )
    expect(echoed).toBe("one two")
  })

  it("closes the connection of a call that is interrupted, and ends the stream that it was sending", async () => {
    await against(
      (request) => request.resume(),
      (url) =>
        Effect.gen(function* () {
          const [isPulled, isEnded] = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
          const endless = Stream.fromEffect(Effect.as(Deferred.succeed(isPulled, undefined), encode("begun"))).pipe(
            Stream.concat(Stream.never),
            Stream.ensuring(Deferred.succeed(isEnded, undefined))
          )
          const request = HttpClientRequest.bodyStream(endless)(HttpClientRequest.post(url))
          const fiber = yield* Effect.fork(HttpClient.execute(request))
          yield* Deferred.await(isPulled)
          const exit = yield* Fiber.interrupt(fiber)
          expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
          yield* Deferred.await(isEnded)
          yield* untilReleased
        })
    )
  })

  it("gives up a body that was never read when its scope ends", async () => {
    await against(
      (_, response) => response.write("endless"),
      (url) =>
        Effect.gen(function* () {
          const client = HttpClient.withScope(yield* HttpClient.HttpClient)
          yield* Effect.scoped(client.get(url))
          yield* untilReleased
        })
    )
  })

  it("gives up the rest of a body whose reading is interrupted", async () => {
    await against(
      (_, response) => response.write("endless"),
      (url) =>
        Effect.gen(function* () {
          const response = yield* HttpClient.get(url)
          const fiber = yield* Effect.fork(response.text)
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
          yield* untilReleased
        })
    )
  })

  it("leaves redirects to followRedirects", async () => {
    const statuses = await against(
      (request, response) => {
        if (request.url === "/from") response.writeHead(302, { location: "/to" }).end()
        else response.end("arrived")
      },
      (url) =>
        Effect.gen(function* () {
          const client = yield* HttpClient.HttpClient
          const plain = yield* client.get(`${url}/from`)
          const followed = yield* HttpClient.followRedirects(client, 3).get(`${url}/from`)
          return [plain.status, followed.status, yield* followed.text]
        })
    )
    expect(statuses).toEqual([302, 200, "arrived"])
  })

  it("shows status, headers and cookies as the server sent them", async () => {
    const shown = await against(
      (_, response) => response.writeHead(404, { "x-one": "1", "set-cookie": ["a=1", "b=2"] }).end("no"),
      (url) =>
        Effect.map(HttpClient.get(url), ({ cookies, headers, status }) => [
          status,
          headers["x-one"],
          Object.keys(cookies.cookies)
        ])
    )
    expect(shown).toEqual([404, "1", ["a", "b"]])
  })

  it("reads its options from Effect's Config", async () => {
    const configured = WeirHttpClient.layerConfig({
      pool: { connectionsPerRouteMax: Config.integer("CONNECTIONS") }
    }).pipe(Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["CONNECTIONS", "0"]])))))
    const exit = await Effect.runPromiseExit(Effect.scoped(Layer.build(configured)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ code: "WEIR_CONFIG" })
  })
})

describe("a failure of the layer for Effect 3", () => {
  const failureOf = <A, R>(effect: Effect.Effect<A, HttpClientError.HttpClientError, R>) => Effect.flip(effect)

  it("is a RequestError with the WeirError in it where no connection is had", async () => {
    const error = await against(
      (_, response) => response.end(),
      () => failureOf(HttpClient.get("http://127.0.0.1:1/"))
    )
    expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport" })
    expect(WeirHttpClient.weirErrorOf(error)).toMatchObject({ code: "WEIR_CONNECT_FAILED", retry: "always" })
    expect(WeirHttpClient.isRetryable(error, false)).toBe(true)
    expect(error.message).toContain("127.0.0.1:1")
  })

  it("is not retryable where a limit has refused the call", async () => {
    const error = await against(
      (_, response) => response.write("endless"),
      (url) =>
        Effect.gen(function* () {
          const client = HttpClient.withScope(yield* HttpClient.HttpClient)
          return yield* Effect.scoped(Effect.zipRight(client.get(url), failureOf(HttpClient.get(url))))
        }),
      { pool: { connectionsPerRouteMax: 1, pendingPerRouteMax: 0 } }
    )
    expect(WeirHttpClient.weirErrorOf(error)).toMatchObject({ code: "WEIR_REFUSED" })
    expect(WeirHttpClient.isRetryable(error, true)).toBe(false)
  })

  it("is retryable only for an idempotent call once something was sent", async () => {
    const error = await against(
      (request) => request.socket.destroy(),
      (url) => failureOf(HttpClient.post(url)),
      { http: { retryCountMax: 0, drainTimeout: 0 } }
    )
    expect(WeirHttpClient.weirErrorOf(error)).toMatchObject({ code: "WEIR_CONNECTION_LOST" })
    expect([WeirHttpClient.isRetryable(error, false), WeirHttpClient.isRetryable(error, true)]).toEqual([false, true])
  })

  it("is a ResponseError with the WeirError in it where the body breaks off", async () => {
    const error = await against(
      (_, response) => {
        response.writeHead(200, { "content-length": "10" })
        response.write("half", () => response.destroy())
      },
      (url) => failureOf(getText(url))
    )
    expect(error).toMatchObject({ _tag: "ResponseError", reason: "Decode" })
    expect(WeirHttpClient.weirErrorOf(error)).toBeInstanceOf(WeirError)
  })

  it("says InvalidUrl for a scheme that is not HTTP's, and Encode for what cannot be sent", async () => {
    const reasons = await against(
      (_, response) => response.end(),
      (url) =>
        Effect.gen(function* () {
          const scheme = yield* failureOf(HttpClient.get("ftp://127.0.0.1/"))
          const header = yield* failureOf(HttpClient.get(url, { headers: { "x-a": "1\r\nx-b: 2" } }))
          const raw = HttpClientRequest.bodyText("x")(HttpClientRequest.post(url))
          const broken = HttpClientRequest.bodyStream(Stream.fail(new Error("mine")))(raw)
          const body = yield* failureOf(HttpClient.execute(broken))
          return [scheme, header, body]
        })
    )
    expect(reasons.map(({ reason }) => reason)).toEqual(["InvalidUrl", "Encode", "Encode"])
  })

  it("comes in time where the call's own options say when", async () => {
    const error = await against(
      () => undefined,
      (url) =>
        failureOf(HttpClient.get(url)).pipe(Effect.provideService(WeirHttpClient.CallOptions, { timeoutMillis: 20 }))
    )
    expect(WeirHttpClient.weirErrorOf(error)).toMatchObject({ code: "WEIR_REQUEST_TIMEOUT" })
  })
})

describe("the end of the layer's scope", () => {
  it("closes the client", async () => {
    const client = await Effect.runPromise(WeirHttpClient.WeirClient.pipe(Effect.provide(WeirHttpClient.layer())))
    await expect(client.fetch("http://127.0.0.1:1/")).rejects.toHaveProperty("cause.code", "WEIR_CLOSED")
  })
})
