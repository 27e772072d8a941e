/**
 * A program's own code around the requests of a client.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  ClientError,
  type ClientResponse,
  clientError,
  emptyBody,
  type Interceptor,
  localResponse,
  WeirClient,
  WeirHttpClient
} from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Layer, Stream } from "effect"
import { HttpClient } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { echo, makeHttpServer } from "./support/HttpServer.ts"

expectNothingLeft()

/** Runs with a layer that has these interceptors, and an echo. */
const withInterceptors = (
  interceptors: ReadonlyArray<Interceptor>,
  steps: (http: HttpClient.HttpClient, url: string) => Effect.Effect<void, unknown, WeirClient>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { url } = yield* makeHttpServer(echo)
      yield* Effect.gen(function* () {
        yield* steps(yield* HttpClient.HttpClient, url)
        const { active } = yield* Effect.flatMap(WeirClient, (client) => client.pool.stats)
        assert.strictEqual(active.used, 0)
      }).pipe(Effect.provide(Layer.provide(WeirHttpClient.layer({}, { interceptors }), NodeConnector.layer)))
    })
  )

const textOf = (http: HttpClient.HttpClient, url: string) => Effect.flatMap(http.get(url), (response) => response.text)

describe("interceptors", () => {
  it.live("see requests in their order and answers in the reverse, and change what is sent", () => {
    const seen: Array<string> = []
    const named =
      (name: string): Interceptor =>
      (request, next) => {
        seen.push(`${name} ${request.method} ${request.target}`)
        const headers = [...request.headers, `x-${name}`, "1"]
        return Effect.tap(next({ ...request, headers, target: `${request.target}${name}` }), (response) =>
          Effect.sync(() => seen.push(`${name} ${response.status}`))
        )
      }
    return withInterceptors([named("a"), named("b")], (http, url) =>
      Effect.gen(function* () {
        const echoed = JSON.parse(yield* textOf(http, `${url}/`))
        assert.strictEqual(echoed.url, "/ab")
        assert.include(echoed.headers, { "x-a": "1", "x-b": "1" })
        assert.deepStrictEqual(seen, ["a GET /", "b GET /a", "b 200", "a 200"])
      })
    )
  })

  it.live("stand around calls of those who have no fiber, too", () =>
    withInterceptors([(request, next) => next({ ...request, target: "/changed" })], (_, url) =>
      Effect.gen(function* () {
        const client = yield* WeirClient
        const origin = client.originUnsafe(new URL(url))
        if (origin instanceof ClientError) return yield* origin
        const request = { origin, method: "GET", target: "/", headers: [], body: emptyBody }
        const response = yield* Effect.callback<ClientResponse, ClientError>((resume) => {
          client.executeUnsafe(request, resume)
        })
        assert.strictEqual(JSON.parse(yield* response.text).url, "/changed")
      })
    )
  )

  it.live("answer by themselves, as bytes and as a stream, without a connection", () =>
    withInterceptors(
      [() => Effect.succeed(localResponse({ status: 201, headers: ["X-From", "cache"], body: "kept" }))],
      (http) =>
        Effect.gen(function* () {
          const response = yield* http.get("http://nowhere.test/")
          assert.deepStrictEqual([response.status, response.headers["x-from"]], [201, "cache"])
          assert.strictEqual(yield* response.text, "kept")
          const streamed = yield* http.get("http://nowhere.test/")
          assert.strictEqual(yield* streamed.stream.pipe(Stream.decodeText, Stream.mkString), "kept")
        })
    )
  )

  it.live("send a request twice, giving the first answer up", () =>
    withInterceptors(
      [
        (request, next) =>
          Effect.flatMap(next(request), (first) => {
            first.discard()
            return next({ ...request, target: "/again" })
          })
      ],
      (http, url) =>
        Effect.gen(function* () {
          assert.strictEqual(JSON.parse(yield* textOf(http, url)).url, "/again")
        })
    )
  )

  it.live("fail a call with an error of the client's", () =>
    withInterceptors(
      [
        (request) =>
          Effect.fail(
            clientError({
              reason: { _tag: "InvalidRequest", detail: "not on Sundays" },
              call: request.target,
              retry: "never",
              retryCount: 0
            })
          )
      ],
      (http, url) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(http.get(url))
          assert.strictEqual(error.reason._tag, "EncodeError")
          assert.include(error.message, "not on Sundays")
        })
    )
  )
})
