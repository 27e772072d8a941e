/**
 * The leaner way in: status, headers, and the body as it is wanted, without the objects of the Fetch standard.
 */
import type { CallTiming, WeirClientService } from "@weir/client"
import { type BodyInput, extractBody } from "./Body.ts"
import { type ExchangeCall, exchange } from "./Exchange.ts"
import type { FetchSettings } from "./Fetch.ts"
import { acceptEncoding } from "./ResponseChunks.ts"
import { toWeirError, WeirError } from "./WeirError.ts"
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
  (client: WeirClientService, settings: FetchSettings) =>
  async (input: string | URL, options: RequestOptions = {}): Promise<WeirResponse> => {
    const decoding =
      options.isDecoding === undefined ? settings.decoding : { ...settings.decoding, isDecoding: options.isDecoding }
    const redirectCountMax = options.redirectCountMax ?? settings.redirectCountMax ?? 0
    try {
      const { response, url } = await exchange(client, callOf(input, options, decoding.isDecoding), {
        signal: options.signal,
        redirect: redirectCountMax === 0 ? "manual" : "follow",
        redirectCountMax,
        intercept: settings.intercept,
        rest: {
          timeout: options.timeoutMillis,
          holder: options.holder,
          isIdempotent: options.isIdempotent,
          expectsContinue: options.expectsContinue,
          onTiming: options.onTiming
        }
      })
      return new WeirResponse(response, url.href, decoding, options.signal)
    } catch (cause) {
      if (options.signal?.aborted === true && cause === options.signal.reason) throw cause
      // What an interceptor has thrown is its own.
      if (settings.intercept !== undefined && !(cause instanceof WeirError)) throw cause
      throw toWeirError(cause)
    }
  }

const callOf = (input: string | URL, options: RequestOptions, isDecoding: boolean): ExchangeCall => {
  const url = urlOf(input)
  const { body, contentType } = extractBody(options.body)
  const headers: Array<string> = []
  const seen = new Set<string>()
  for (const [name, values] of Object.entries(options.headers ?? {})) {
    seen.add(name.toLowerCase())
    for (const value of typeof values === "string" ? [values] : values) headers.push(name, value)
  }
  if (isDecoding && !seen.has("accept-encoding")) headers.push("Accept-Encoding", acceptEncoding)
  if (contentType !== undefined && !seen.has("content-type")) headers.push("Content-Type", contentType)
  const method = options.method ?? (body._tag === "Empty" ? "GET" : "POST")
  return { url, method, headers, body, bodyInput: options.body ?? null }
}

const urlOf = (input: string | URL): URL => {
  try {
    return new URL(input)
  } catch {
    throw new WeirError("WEIR_INVALID_REQUEST", `not a URL: ${String(input)}`)
  }
}
