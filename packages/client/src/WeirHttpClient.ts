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
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest } from "effect/http"
import type { ClientConfig } from "./ClientConfig.ts"
import { ClientError } from "./ClientError.ts"
import { convertBody } from "./RequestBody.ts"
import { WeirClient, type WeirClientService } from "./WeirClient.ts"
import { requestError, WeirHttpResponse } from "./WeirHttpResponse.ts"

/** An `HttpClient` on a client that exists. */
export const fromClient = (client: WeirClientService): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) => {
    const converted = convertBody(request.body)
    if (typeof converted === "string") {
      const reason = new HttpClientError.EncodeError({ request, description: converted })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    }
    const isUpgrade = request.headers["upgrade"] !== undefined
    const answered = Effect.flatMap(client.origin(url), (origin) =>
      client.execute({
        origin,
        method: request.method,
        target: url.pathname + url.search,
        headers: rawHeaders(request, converted.contentType, isUpgrade),
        body: converted.body,
        ...(isUpgrade ? { isUpgrade } : {})
      })
    )
    return Effect.matchEffect(answered, {
      onFailure: (error) => Effect.fail(requestError(request, error)),
      onSuccess: (response) => {
        // Effect aborts when a reader stops early, when it has read all, or when nobody holds the response any more.
        // A body that is complete has left its connection already: nothing is left to abort.
        if (!response.isComplete) {
          if (signal.aborted) response.discard()
          else signal.addEventListener("abort", () => response.discard(), { once: true })
        }
        return Effect.succeed(new WeirHttpResponse(request, response, url.href.split("#", 1)[0] ?? ""))
      }
    })
  })

/** The client, as both `WeirClient` and Effect's `HttpClient`. */
export const layer = (
  config: ClientConfig = {}
): Layer.Layer<HttpClient.HttpClient | WeirClient, PoolConfigError, Connector> =>
  Layer.provideMerge(layerClient, WeirClient.layer(config))

/** `HttpClient` on the `WeirClient` in the context. */
export const layerClient: Layer.Layer<HttpClient.HttpClient, never, WeirClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(WeirClient, fromClient)
)

/**
 * May this failure be retried, and can it help? For `HttpClient.retry`. Effect's own `retryTransient` takes every
 * transport error for transient: it would send a POST twice, and answer a full queue with more callers.
 */
export const isRetryable = (error: HttpClientError.HttpClientError, isIdempotent: boolean): boolean => {
  const { cause } = error.reason
  if (!(cause instanceof ClientError)) return false
  if (cause.reason._tag === "NoConnection" && cause.reason.error.reason._tag === "Refused") return false
  return cause.retry === "always" || (cause.retry === "if-idempotent" && isIdempotent)
}

/** Names that the session writes itself, from the body and the connection. */
const ownFields: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "expect"
])

const rawHeaders = (
  request: HttpClientRequest.HttpClientRequest,
  contentType: string | undefined,
  isUpgrade: boolean
): ReadonlyArray<string> => {
  const raw: Array<string> = []
  for (const [name, value] of Object.entries(request.headers)) {
    if (ownFields.has(name) || (name === "upgrade" && !isUpgrade)) continue
    if (name === "content-type" && contentType !== undefined) continue
    raw.push(name, value)
  }
  if (contentType !== undefined) raw.push("content-type", contentType)
  return raw
}
