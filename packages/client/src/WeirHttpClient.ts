/**
 * Effect's `HttpClient` over Weir's pool: provide the layer, and every `HttpClient` call is pooled.
 *
 * ```ts
 * const program = HttpClient.get("http://127.0.0.1:8080/").pipe(Effect.flatMap((response) => response.text))
 * program.pipe(Effect.provide(WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10 } })), Effect.provide(NodeConnector.layer))
 * ```
 */
import type { PoolConfigError } from "@weir/core"
import type { Connector } from "@weir/transport"
import { type Config, Effect, Layer } from "effect"
import { type Headers, HttpClient, HttpClientError } from "effect/http"
import { ClientError } from "./ClientError.ts"
import { readClientConfig } from "./ConfigReading.ts"
import type { ClientSetup } from "./ConfigSource.ts"
import { decodedBody } from "./DecodedBody.ts"
import { acceptEncoding } from "./Decompression.ts"
import { followRedirects } from "./FollowRedirects.ts"
import { convertBody } from "./RequestBody.ts"
import { isIdempotentMethod } from "./RetryVerdict.ts"
import { type ClientOptions, WeirClient, type WeirClientService } from "./WeirClient.ts"
import { requestError, urlError, WeirHttpResponse } from "./WeirHttpResponse.ts"

/** An `HttpClient` on a client that exists, with its settings for decoding and redirects. */
export const fromClient = (client: WeirClientService): HttpClient.HttpClient => {
  const { redirectCountMax = 0 } = client.settings
  const plain = makePlain(client)
  return redirectCountMax === 0 ? plain : followRedirects(plain, redirectCountMax)
}

const makePlain = (client: WeirClientService): HttpClient.HttpClient => {
  const { decompression, isDecoding = false } = client.settings
  return HttpClient.make((request, url, signal) => {
    const converted = convertBody(request.body)
    if (typeof converted === "string") {
      const reason = new HttpClientError.EncodeError({ request, description: converted })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    }
    const { contentType, body } = converted
    const { headers } = request
    const raw = rawHeaders(headers, contentType)
    if (isDecoding && headers["accept-encoding"] === undefined && headers["range"] === undefined) {
      raw.push("accept-encoding", acceptEncoding)
    }
    const origin = client.originUnsafe(url)
    if (origin instanceof ClientError) return Effect.fail(urlError(request, origin))
    const answering = client.execute({
      origin,
      method: request.method,
      target: url.pathname + url.search,
      headers: raw,
      body,
      isUpgrade: headers["upgrade"] !== undefined,
      isKeepAlive: !hasToken(headers["connection"], "close"),
      expectsContinue: hasToken(headers["expect"], "100-continue"),
      // Effect aborts when a reader stops early, when it has read all, or when nobody holds the response any more.
      signal
    })
    return Effect.mapBoth(answering, {
      onFailure: (error) => requestError(request, error),
      onSuccess: (response) => {
        if (!isDecoding) return new WeirHttpResponse(request, response, url)
        const call = () => `${request.method} ${origin.label}${url.pathname}`
        return new WeirHttpResponse(request, response, url, decodedBody(response, decompression, call))
      }
    })
  })
}

/** The client, as both `WeirClient` and Effect's `HttpClient`. */
export const layer = (
  setup: ClientSetup = {},
  options: ClientOptions = {}
): Layer.Layer<HttpClient.HttpClient | WeirClient, PoolConfigError, Connector> =>
  Layer.provideMerge(layerClient, WeirClient.layer(setup, options))

/**
 * The same, configured by Effect's `ConfigProvider`: every key of `ClientConfig` below `path`, from variables such as
 * `WEIR_POOL_CONNECTIONS_PER_ROUTE_MAX` or from nested providers. A key that is none, or a value that cannot be, fails the
 * layer with its path and the nearest key.
 */
export const layerConfig = (
  path: string | ReadonlyArray<string> = "weir",
  options: ClientOptions = {}
): Layer.Layer<HttpClient.HttpClient | WeirClient, PoolConfigError | Config.ConfigError, Connector> =>
  Layer.unwrap(
    Effect.map(readClientConfig(typeof path === "string" ? [path] : path), (config) => layer(config, options))
  )

/** `HttpClient` on the `WeirClient` in the context. */
export const layerClient: Layer.Layer<HttpClient.HttpClient, never, WeirClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(WeirClient, fromClient)
)

/**
 * May this failure be retried, and can it help? For `HttpClient.retry({ while: (error) => isRetryable(error), times: 2 })`.
 * A request that may have been executed is retried only where `isIdempotent`, by default as its method is.
 *
 * Effect's own `retryTransient` takes every transport error for transient: it would send a POST twice, and answer a full
 * queue with more callers, whatever its `while` says. With `retryOn: "response-only"` it does neither.
 */
export const isRetryable = (
  error: HttpClientError.HttpClientError,
  isIdempotent = isIdempotentMethod(error.reason.request.method)
): boolean => {
  const { cause } = error.reason
  if (!(cause instanceof ClientError)) return false
  if (cause.reason._tag === "NoConnection" && cause.reason.error.reason._tag === "Refused") return false
  return cause.retry === "always" || (cause.retry === "if-idempotent" && isIdempotent)
}

/**
 * Fields that the session writes itself, from the body and from what is said about the connection. What stands in them has
 * been read (`connection`, `expect`), follows from the body, or speaks for another connection than ours.
 */
const ownFields: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "expect"
])

const rawHeaders = (headers: Headers.Headers, contentType: string | undefined): Array<string> => {
  const raw: Array<string> = []
  for (const [name, value] of Object.entries(headers)) {
    if (ownFields.has(name) || (name === "content-type" && contentType !== undefined)) continue
    raw.push(name, value)
  }
  if (contentType !== undefined) raw.push("content-type", contentType)
  return raw
}

/** Does a list of tokens (RFC 9110 section 5.6.1) have this one? */
const hasToken = (value: string | undefined, token: string): boolean =>
  value?.split(",").some((part) => part.trim().toLowerCase() === token) ?? false
