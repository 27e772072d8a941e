/**
 * `fetch` as the Fetch standard has it, as far as it concerns a server: no CORS, no cache, no cookies of its own.
 */
import type { CallTiming, ClientRequest, ClientResponse, WeirClientService } from "@weir/client"
import { platform } from "#platform"
import { AnswerBody } from "./AnswerBody.ts"
import { type BodyInput, extractBody } from "./Body.ts"
import type { Destinations } from "./Destination.ts"
import { type Answered, type ExchangeCall, exchange, type Intercept } from "./Exchange.ts"
import { FetchResponse } from "./FetchResponse.ts"
import { acceptEncoding, type DecodingOptions, isCoded } from "./ResponseChunks.ts"
import { toWeirError, WeirError } from "./WeirError.ts"

/** `RequestInit`, without what only a browser has, and with what only a pool has. */
export interface FetchInit {
  readonly method?: string
  readonly headers?: HeadersInit
  readonly body?: BodyInput | null
  readonly redirect?: "follow" | "manual" | "error"
  readonly signal?: AbortSignal | null
  /** Not checked here: all but an empty text is refused. */
  readonly integrity?: string
  /** Over the whole call, in milliseconds; default: the client's `requestTimeout`. */
  readonly timeoutMillis?: number
  /** Names the caller in `explain` and events. */
  readonly holder?: string
  /** May be sent again though its method is not idempotent. */
  readonly isIdempotent?: boolean
  /** Has the call timed exactly; called once it has been answered and is over. With redirects: once for each. */
  readonly onTiming?: (timing: CallTiming) => void
}

export interface FetchSettings {
  readonly userAgent: string
  /** Where a call does not say: absent, `fetch` follows 20 and `request` none. */
  readonly redirectCountMax: number | undefined
  readonly decoding: DecodingOptions
  readonly intercept: Intercept | undefined
}

/** Rejects with a `TypeError` whose cause is a `WeirError`, as fetch users expect; with the signal's reason when aborted. */
export const makeFetch = (client: WeirClientService, destinations: Destinations, settings: FetchSettings) => {
  const plainHeaders = headersOf(undefined, undefined, settings)
  return (input: string | URL | Request, init: FetchInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const request = typeof input !== "string" && input instanceof Request ? input : undefined
      const signal = init.signal === null ? undefined : (init.signal ?? request?.signal)
      let sent: BodyInput | null = null
      const failed = (cause: unknown): void => {
        // A stream that was not begun to be sent hears of it here; otherwise whoever sends it tells it.
        if (sent instanceof ReadableStream && !sent.locked) sent.cancel(cause).catch(() => undefined)
        reject(errorOf(cause, signal, settings))
      }
      try {
        const call = callOf(input, request, init, signal, destinations, settings, plainHeaders)
        sent = call.bodyInput
        const options = {
          redirect: init.redirect ?? request?.redirect ?? "follow",
          redirectCountMax: settings.redirectCountMax ?? 20,
          intercept: settings.intercept
        }
        const answered: Answered = (response, { location }, redirectCount) =>
          resolve(toResponse(response, location, redirectCount > 0, call.request, settings.decoding))
        exchange(client, destinations, call, options, answered, failed)
      } catch (cause) {
        failed(cause)
      }
    })
}

const errorOf = (cause: unknown, signal: AbortSignal | undefined, { intercept }: FetchSettings): unknown => {
  if (signal?.aborted === true && cause === signal.reason) return cause
  if (cause instanceof WeirError && cause.code === "WEIR_INVALID_REQUEST") {
    return new TypeError(cause.message, { cause })
  }
  // What an interceptor has thrown is its own.
  if (cause instanceof TypeError || (intercept !== undefined && !(cause instanceof WeirError))) return cause
  return new TypeError("fetch failed", { cause: toWeirError(cause) })
}

const callOf = (
  input: string | URL | Request,
  request: Request | undefined,
  init: FetchInit,
  signal: AbortSignal | undefined,
  destinations: Destinations,
  settings: FetchSettings,
  plainHeaders: ReadonlyArray<string>
): ExchangeCall => {
  const destination = destinations.of(request === undefined ? String(input) : request.url)
  const method = methodOf(init.method ?? request?.method ?? "GET")
  if ((init.integrity ?? request?.integrity ?? "") !== "") {
    throw new TypeError("integrity is not checked here: compare the digest of the body yourself")
  }
  const given = init.body ?? (request === undefined ? undefined : request.body)
  if (given !== null && given !== undefined && (method === "GET" || method === "HEAD")) {
    throw new TypeError(`a request with method ${method} cannot have a body`)
  }
  if (given === request?.body && request?.bodyUsed === true) {
    throw new TypeError("the body of this Request has been read already")
  }
  // A Response takes no stream that somebody reads or has read, and nothing else tells the latter.
  if (given instanceof ReadableStream) new Response(given)
  const { body, contentType } = extractBody(given)
  const givenHeaders = init.headers ?? request?.headers
  const isPlain = givenHeaders === undefined && contentType === undefined
  return {
    destination,
    request: {
      origin: destination.origin,
      method,
      target: destination.target,
      headers: isPlain ? plainHeaders : headersOf(givenHeaders, contentType, settings),
      body,
      timeout: init.timeoutMillis,
      holder: init.holder,
      isIdempotent: init.isIdempotent,
      onTiming: init.onTiming,
      // Gives up the answer that nobody has begun to read.
      signal
    },
    bodyInput: given ?? null
  }
}

const normalised: ReadonlySet<string> = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"])
const forbidden: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"])

/** Fetch standard, section 2.2.1: these names are put in upper case, others are left as they are. */
const methodOf = (method: string): string => {
  const upper = method.toUpperCase()
  if (forbidden.has(upper)) throw new TypeError(`fetch does not send ${upper}`)
  return normalised.has(upper) ? upper : method
}

/** Fields that frame the message: the connection writes them itself, and fetch users' libraries give them anyway. */
const framing: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "expect",
  "te",
  "trailer"
])

/** What is sent where the caller gave nothing, in this order. */
const headersOf = (
  init: HeadersInit | undefined,
  contentType: string | undefined,
  settings: FetchSettings
): ReadonlyArray<string> => {
  const raw: Array<string> = []
  const seen = new Set<string>()
  const add = (name: string, value: string): void => {
    const lower = name.toLowerCase()
    if (framing.has(lower)) return
    seen.add(lower)
    raw.push(name, value)
  }
  if (init instanceof Headers || Array.isArray(init)) {
    for (const [name, value] of init) if (name !== undefined && value !== undefined) add(name, value)
  } else if (init !== undefined) {
    for (const [name, value] of Object.entries(init)) add(name, String(value))
  }
  if (!seen.has("accept")) raw.push("Accept", "*/*")
  if (!seen.has("user-agent")) raw.push("User-Agent", settings.userAgent)
  if (settings.decoding.isDecoding && !seen.has("accept-encoding") && !seen.has("range")) {
    raw.push("Accept-Encoding", acceptEncoding)
  }
  if (contentType !== undefined && !seen.has("content-type")) raw.push("Content-Type", contentType)
  return raw
}

const nullBodyStatuses: ReadonlySet<number> = new Set([101, 103, 204, 205, 304])

const toResponse = (
  response: ClientResponse,
  url: string,
  isRedirected: boolean,
  request: ClientRequest,
  decoding: DecodingOptions
): Response => {
  const { head, status } = response
  if (status < 200 || status > 599) {
    response.discard()
    throw new WeirError("WEIR_BAD_RESPONSE", `status ${status} cannot be told to fetch, which knows 200 to 599`)
  }
  return new FetchResponse(head, bodyFor(response, request, decoding), url, isRedirected)
}

const bodyFor = (
  response: ClientResponse,
  { method, signal }: ClientRequest,
  decoding: DecodingOptions
): AnswerBody | Uint8Array<ArrayBuffer> | null => {
  if (method === "HEAD" || nullBodyStatuses.has(response.status)) {
    response.discard()
    return null
  }
  // Bytes that have come cost such a runtime nothing to put inside, unlike a stream.
  if (platform.looksIntoResponses && response.isComplete && !isCoded(response, decoding)) return response.takeUnsafe()
  return new AnswerBody(response, decoding, signal)
}
