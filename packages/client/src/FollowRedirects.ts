/**
 * Redirects followed by an `HttpClient`, each hop a request of its own with its own span.
 *
 * It differs from Effect's `HttpClient.followRedirects` in what it does not send on (`Host`, and what describes a body
 * that is not sent again), and in failing where a redirect cannot be followed, rather than giving it as the answer.
 */
import { Effect, Option, Stream } from "effect"
import {
  Headers,
  HttpBody,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  type HttpClientResponse,
  UrlParams
} from "effect/http"
import { clientError } from "./ClientError.ts"
import { redirectOf } from "./Redirect.ts"
import { isReplayable } from "./RequestBody.ts"

type Answer = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/** Follows up to `countMax` redirects; one more is a `StatusCodeError`. */
export const followRedirects = (client: HttpClient.HttpClient, countMax: number): HttpClient.HttpClient => {
  const hop = (request: HttpClientRequest.HttpClientRequest, count: number): Answer =>
    Effect.flatMap(client.postprocess(Effect.succeed(request)), (response) => {
      const { method, body } = request
      const headers = Object.entries(request.headers).flat()
      const next = redirectOf({ url: new URL(response.url), method, headers }, response.status, locationOf(response))
      if (next === undefined) return Effect.succeed(response)
      const fail = (detail: string) => Effect.andThen(discard(response), Effect.fail(failed(response, detail)))
      if (typeof next === "string") return fail(next)
      if (count >= countMax) return fail(`it is one more than redirectCountMax ${countMax} allows`)
      if (!next.dropsBody && !isReplayable(body)) return fail("the body is a stream, and spent")
      // A fragment is not sent.
      next.url.hash = ""
      const following = HttpClientRequest.makeWith(
        next.dropsBody ? "GET" : method,
        next.url.href,
        UrlParams.empty,
        Option.none(),
        toHeaders(next.headers),
        next.dropsBody ? HttpBody.empty : body
      )
      return Effect.andThen(discard(response), hop(following, count + 1))
    })
  return HttpClient.makeWith((request) => Effect.flatMap(request, (first) => hop(first, 0)), client.preprocess)
}

const locationOf = (response: HttpClientResponse.HttpClientResponse): string | undefined => response.headers["location"]

/** Gives the body up: a stream that is opened and not read. */
const discard = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  Effect.scoped(Effect.asVoid(Stream.toPull(response.stream)))

const failed = (response: HttpClientResponse.HttpClientResponse, detail: string): HttpClientError.HttpClientError => {
  const { request, status } = response
  const call = `${request.method} ${response.url.split("?", 1)[0] ?? ""}`
  const cause = clientError({ reason: { _tag: "BadRedirect", status, detail }, call, retry: "never", retryCount: 0 })
  const { description } = cause
  const reason = new HttpClientError.StatusCodeError({ request, response, cause, description })
  return new HttpClientError.HttpClientError({ reason })
}

const toHeaders = (raw: ReadonlyArray<string>): Headers.Headers => {
  const fields: Array<readonly [string, string]> = []
  for (let index = 0; index + 1 < raw.length; index += 2) fields.push([raw[index] ?? "", raw[index + 1] ?? ""])
  return Headers.fromInput(fields)
}
