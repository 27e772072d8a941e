/**
 * A program's own code around each request of a client: to sign it, measure it, answer it from elsewhere, send it again.
 *
 * The first of `createClient({ interceptors })` is the outermost: it sees a request first and its answer last. Each passes
 * on what it wants to be sent with `next`, as often as it likes, or answers by itself with `answerWith`. A redirect that is
 * followed is a request of its own; what the client sends again on another connection is not.
 */
import { localResponse } from "@weir/client"
import { type BodyInput, extractBody } from "./Body.ts"
import type { Destinations } from "./Destination.ts"
import type { Intercept } from "./Exchange.ts"
import type { DecodingOptions } from "./ResponseChunks.ts"
import { WeirError } from "./WeirError.ts"
import { sourceOf, WeirResponse } from "./WeirResponse.ts"

/** What is about to be sent. To change it, pass another one to `next`: `next({ ...request, method: "PUT" })`. */
export interface OutgoingRequest {
  readonly url: URL
  readonly method: string
  /** This request's own: what is set here is sent. */
  readonly headers: Headers
  readonly body: BodyInput | null
  /** The caller's. A request that is sent heeds it by itself. */
  readonly signal: AbortSignal | undefined
}

/** Sends the request on: to the next interceptor, and at last to the server. */
export type Next = (request: OutgoingRequest) => Promise<WeirResponse>

/** What it rejects with reaches the caller as it is. Whoever reads an answer's body must not give the answer on. */
export type Interceptor = (request: OutgoingRequest, next: Next) => Promise<WeirResponse>

/** An answer that no server has sent. */
export const answerWith = (answer: {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}): WeirResponse => {
  const { body = "", headers = {}, status } = answer
  return new WeirResponse(
    localResponse({ status, headers: Object.entries(headers).flat(), body }),
    "",
    asItIs,
    undefined
  )
}

const asItIs: DecodingOptions = { isDecoding: false, limits: { ratioMax: 1, byteCountMax: 0 } }

/** One function for all of them; none where there are none. */
export const interceptWith = (
  interceptors: ReadonlyArray<Interceptor>,
  destinations: Destinations,
  decoding: DecodingOptions
): Intercept | undefined => {
  if (interceptors.length === 0) return undefined
  return async ({ bodyInput, destination, request }, transmit) => {
    const { signal } = request
    const last: Next = async ({ body: given, headers, method, url }) => {
      const extracted = given === bodyInput ? { body: request.body, contentType: undefined } : extractBody(given)
      const raw = Array.from(headers).flat()
      if (extracted.contentType !== undefined && !headers.has("content-type")) {
        raw.push("content-type", extracted.contentType)
      }
      const to = destinations.of(url.href)
      const { origin, target } = to
      const changed = { ...request, origin, method, target, headers: raw, body: extracted.body }
      const response = await transmit({ destination: to, request: changed, bodyInput: given })
      return new WeirResponse(response, to.href, decoding, signal)
    }
    const chain = interceptors.reduceRight<Next>((next, interceptor) => (sent) => interceptor(sent, next), last)
    const url = new URL(destination.href)
    const headers = headersOf(request.headers)
    return sourceOf(await chain({ url, method: request.method, headers, body: bodyInput, signal }))
  }
}

const headersOf = (raw: ReadonlyArray<string>): Headers => {
  const headers = new Headers()
  try {
    for (let index = 0; index + 1 < raw.length; index += 2) headers.append(raw[index] ?? "", raw[index + 1] ?? "")
  } catch (cause) {
    throw new WeirError("WEIR_INVALID_REQUEST", `a header cannot be sent: ${String(cause)}`, { cause })
  }
  return headers
}
