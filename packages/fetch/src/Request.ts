/**
 * The leaner way in: status, headers, and the body as it is wanted, without the objects of the Fetch standard.
 */
import type { CallTiming, WeirClientService } from "@weir/client"
import { type BodyInput, extractBody } from "./Body.ts"
import type { Destination, Destinations } from "./Destination.ts"
import { type Answered, type ExchangeCall, exchange } from "./Exchange.ts"
import type { FetchSettings } from "./Fetch.ts"
import { acceptEncoding } from "./ResponseChunks.ts"
import { toWeirError } from "./WeirError.ts"
import { WeirResponse } from "./WeirResponse.ts"

/** What can be said of one `request`. */
export interface RequestOptions {
  readonly method?: string
  /** Several values of one name stand in an array. */
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body?: BodyInput | null
  readonly signal?: AbortSignal
  /** Redirects to follow. Default: the client's `http.redirectCountMax`, 0; then the redirect is given as the answer. */
  readonly redirectCountMax?: number
  /** Over the whole call, in milliseconds; default: the client's `requestTimeout`. */
  readonly timeoutMillis?: number
  readonly holder?: string
  readonly isIdempotent?: boolean
  /** Hold the body until the server says 100. */
  readonly expectsContinue?: boolean
  /** Undo content codings, and offer them. Default: the client's `http.isDecoding`, true. */
  readonly isDecoding?: boolean
  /** Has the call timed exactly; called once it has been answered and is over. With redirects: once for each. */
  readonly onTiming?: (timing: CallTiming) => void
}

/** Rejects with a `WeirError`, or with the signal's reason. */
export const makeRequest =
  (client: WeirClientService, destinations: Destinations, settings: FetchSettings) =>
  (input: string | URL, options: RequestOptions = {}): Promise<WeirResponse> =>
    new Promise((resolve, reject) => {
      const { isDecoding, signal } = options
      const decoding = isDecoding === undefined ? settings.decoding : { ...settings.decoding, isDecoding }
      const redirectCountMax = options.redirectCountMax ?? settings.redirectCountMax ?? 0
      const failed = (cause: unknown): void => {
        const isAbort = signal?.aborted === true && cause === signal.reason
        // What an interceptor has thrown is its own.
        reject(isAbort || settings.intercept !== undefined ? cause : toWeirError(cause))
      }
      try {
        const call = callOf(destinations.of(String(input)), options, decoding.isDecoding)
        const redirect = redirectCountMax === 0 ? "manual" : "follow"
        const answered: Answered = (response, { href }) => resolve(new WeirResponse(response, href, decoding, signal))
        const { intercept } = settings
        exchange(client, destinations, call, { redirect, redirectCountMax, intercept }, answered, failed)
      } catch (cause) {
        failed(cause)
      }
    })

const callOf = (destination: Destination, options: RequestOptions, isDecoding: boolean): ExchangeCall => {
  const { body, contentType } = extractBody(options.body)
  const headers: Array<string> = []
  const seen = new Set<string>()
  for (const [name, values] of Object.entries(options.headers ?? {})) {
    seen.add(name.toLowerCase())
    for (const value of typeof values === "string" ? [values] : values) headers.push(name, value)
  }
  if (isDecoding && !seen.has("accept-encoding")) headers.push("Accept-Encoding", acceptEncoding)
  if (contentType !== undefined && !seen.has("content-type")) headers.push("Content-Type", contentType)
  return {
    destination,
    request: {
      origin: destination.origin,
      method: options.method ?? (body._tag === "Empty" ? "GET" : "POST"),
      target: destination.target,
      headers,
      body,
      timeout: options.timeoutMillis,
      holder: options.holder,
      isIdempotent: options.isIdempotent,
      expectsContinue: options.expectsContinue,
      onTiming: options.onTiming,
      // Gives up the answer that nobody has begun to read.
      signal: options.signal
    },
    bodyInput: options.body ?? null
  }
}
