/**
 * `HttpClient` of `@effect/platform`, for Effect 3, over Weir's pool: provide the layer, and every call is pooled.
 *
 * ```ts
 * const program = HttpClient.get("http://127.0.0.1:8080/").pipe(Effect.flatMap((response) => response.text))
 * program.pipe(Effect.provide(WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10 } })))
 * ```
 *
 * Bodies stream both ways, interruption gives up the call and its connection, and every failure carries the `WeirError`
 * that says why. Redirects are answers like any other; `HttpClient.followRedirects` follows them.
 */
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { type BodyInput, type Client, type ClientOptions, createClient, type FetchInit, WeirError } from "@weir/fetch"
import { Config, type ConfigError, Context, Effect, FiberRef, Layer, Option, Stream } from "effect"

/** The client itself, for what `HttpClient` has no word for: `stats`, `explain`, `events`, `configure`. */
export class WeirClient extends Context.Tag("@weir/effect3/WeirClient")<WeirClient, Client>() {}

/** What can be said of single calls; provide it around them. */
export class CallOptions extends Context.Tag("@weir/effect3/CallOptions")<
  CallOptions,
  Pick<FetchInit, "holder" | "isIdempotent" | "timeoutMillis">
>() {}

/** Fails with a `WeirError` of code `WEIR_CONFIG` if the options cannot be used. Its scope's end closes the client. */
export const layer = (options: ClientOptions = {}): Layer.Layer<HttpClient.HttpClient | WeirClient, WeirError> => {
  const client = Effect.acquireRelease(Effect.try({ try: () => createClient(options), catch: orDefect }), (opened) =>
    Effect.promise(() => opened.close())
  )
  return Layer.provideMerge(layerClient, Layer.scoped(WeirClient, client))
}

/** `layer` with options from Effect's `Config`. */
export const layerConfig = (
  options: Config.Config.Wrap<ClientOptions>
): Layer.Layer<HttpClient.HttpClient | WeirClient, WeirError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))

/** `HttpClient` on a client that exists, and that is closed by whoever made it. */
export const fromClient = (client: Client): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal, fiber) => {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      const description = `${url.protocol} is not spoken here, http: and https: are`
      return Effect.fail(new HttpClientError.RequestError({ request, reason: "InvalidUrl", description }))
    }
    const context = fiber.getFiberRef(FiberRef.currentContext)
    const options = Option.getOrUndefined(Context.getOption(context, CallOptions))
    const send = (body: BodyInput | undefined) =>
      Effect.tryPromise({
        try: () =>
          client.fetch(url, {
            ...options,
            method: request.method,
            headers: request.headers,
            redirect: "manual",
            signal,
            ...(body === undefined ? {} : { body })
          }),
        catch: (cause) => requestError(request, cause)
      })
    // The platform aborts the signal of a response that nobody reads any more, which gives its connection back.
    return Effect.map(Effect.flatMap(bodyOf(request), send), (response) =>
      HttpClientResponse.fromWeb(request, response)
    )
  })

/** `HttpClient` on the `WeirClient` in the context. */
export const layerClient: Layer.Layer<HttpClient.HttpClient, never, WeirClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(WeirClient, fromClient)
)

/** What Weir says of a failure: its code, retry verdict and numbers. Absent where the failure is not of Weir's making. */
export const weirErrorOf = (error: HttpClientError.HttpClientError): WeirError | undefined => innermost(error.cause)

/**
 * May this failure be retried, and can it help? For `HttpClient.retry`'s `while`. Effect's own `retryTransient` takes
 * every transport error for transient: it would send a POST twice, and answer a full queue with more callers.
 */
export const isRetryable = (error: HttpClientError.HttpClientError, isIdempotent: boolean): boolean => {
  const cause = weirErrorOf(error)
  if (cause === undefined || cause.code === "WEIR_REFUSED" || cause.code === "WEIR_CLOSED") return false
  return cause.retry === "always" || (cause.retry === "if-idempotent" && isIdempotent)
}

const orDefect = (cause: unknown): WeirError => {
  if (cause instanceof WeirError) return cause
  throw cause
}

/** `fetch` has the `WeirError` as the cause of its `TypeError`; a body fails with it directly. */
const innermost = (cause: unknown): WeirError | undefined => {
  if (cause instanceof WeirError) return cause
  return cause instanceof Error ? innermost(cause.cause) : undefined
}

const requestError = (request: HttpClientRequest.HttpClientRequest, thrown: unknown): HttpClientError.RequestError => {
  const cause = innermost(thrown) ?? thrown
  const description = cause instanceof Error ? cause.message : String(cause)
  return new HttpClientError.RequestError({
    request,
    reason: isEncodeFailure(cause) ? "Encode" : "Transport",
    description,
    cause
  })
}

/** What is wrong with the request itself; a `TypeError` with no `WeirError` in it is `fetch`'s word for that. */
const isEncodeFailure = (cause: unknown): boolean =>
  cause instanceof WeirError
    ? cause.code === "WEIR_INVALID_REQUEST" || cause.code === "WEIR_REQUEST_BODY"
    : cause instanceof TypeError

const bodyOf = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<BodyInput | undefined, HttpClientError.RequestError> => {
  const { body } = request
  switch (body._tag) {
    case "Empty":
      return Effect.succeed(undefined)
    case "Uint8Array":
      return Effect.succeed(body.body)
    case "FormData":
      return Effect.succeed(body.formData)
    case "Stream":
      return Stream.toAsyncIterableEffect(body.stream)
    case "Raw": {
      if (isBodyInput(body.body)) return Effect.succeed(body.body)
      const description = `a raw body of a kind that cannot be sent: ${typeof body.body}`
      return Effect.fail(new HttpClientError.RequestError({ request, reason: "Encode", description }))
    }
  }
}

const isBodyInput = (body: unknown): body is BodyInput =>
  typeof body === "string" ||
  body instanceof ArrayBuffer ||
  ArrayBuffer.isView(body) ||
  body instanceof URLSearchParams ||
  body instanceof FormData ||
  body instanceof Blob ||
  body instanceof ReadableStream ||
  (typeof body === "object" && body !== null && Symbol.asyncIterator in body)
