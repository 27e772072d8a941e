/**
 * One call with its redirects, as a promise that an `AbortSignal` ends.
 */
import {
  type Body,
  ClientError,
  type ClientRequest,
  type ClientResponse,
  emptyBody,
  redirectOf,
  type WeirClientService
} from "@weir/client"
import { Cause, Exit } from "effect"
import type { BodyInput } from "./Body.ts"
import { toWeirError, WeirError } from "./WeirError.ts"

export interface ExchangeCall {
  readonly url: URL
  readonly method: string
  /** Name, value, name, value. */
  readonly headers: ReadonlyArray<string>
  readonly body: Body
  /** What the body was made from. */
  readonly bodyInput: BodyInput | null
}

/** Sends one request, redirects being requests of their own. */
export type Transmit = (call: ExchangeCall) => Promise<ClientResponse>

/** Sends one request through the interceptors. */
export type Intercept = (
  call: ExchangeCall,
  transmit: Transmit,
  signal: AbortSignal | undefined
) => Promise<ClientResponse>

export interface ExchangeOptions {
  readonly signal: AbortSignal | undefined
  readonly redirect: "follow" | "manual" | "error"
  readonly redirectCountMax: number
  readonly intercept: Intercept | undefined
  readonly rest: Pick<
    ClientRequest,
    "timeout" | "holder" | "isIdempotent" | "expectsContinue" | "onInformational" | "onTiming"
  >
}

export interface ExchangeAnswer {
  readonly response: ClientResponse
  /** Where the answer came from, after redirects. */
  readonly url: URL
  readonly redirectCount: number
}

/** Rejects with a `WeirError`, or with the signal's reason. */
export const exchange = async (
  client: WeirClientService,
  call: ExchangeCall,
  options: ExchangeOptions
): Promise<ExchangeAnswer> => {
  let current = call
  for (let redirectCount = 0; ; redirectCount++) {
    const response =
      options.intercept === undefined
        ? await send(client, current, options)
        : await options.intercept(current, (changed) => send(client, changed, options), options.signal)
    const isRedirect = options.redirect !== "manual" && response.status >= 300 && response.status < 400
    const next = isRedirect ? redirectOf(current, response.status, response.head.get("location")) : undefined
    if (next === undefined) return { response, url: current.url, redirectCount }
    response.discard()
    if (options.redirect === "error")
      throw new WeirError("WEIR_REDIRECT", `${current.url.href} redirects, and redirect is "error"`)
    if (typeof next === "string") throw new WeirError("WEIR_REDIRECT", `${current.url.href}: ${next}`)
    if (redirectCount >= options.redirectCountMax) {
      throw new WeirError(
        "WEIR_REDIRECT",
        `${call.url.href} has redirected more than ${options.redirectCountMax} times`
      )
    }
    const body = next.dropsBody ? emptyBody : current.body
    if (body._tag === "Stream" && body.isReplayable !== true) {
      throw new WeirError(
        "WEIR_REDIRECT",
        `${current.url.href} redirects with ${response.status}, and the body, a stream, is spent`
      )
    }
    const bodyInput = next.dropsBody ? null : current.bodyInput
    current = { url: next.url, method: next.method, headers: next.headers, body, bodyInput }
  }
}

const send = (client: WeirClientService, call: ExchangeCall, options: ExchangeOptions): Promise<ClientResponse> =>
  new Promise((resolve, reject) => {
    const { signal } = options
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const origin = client.originUnsafe(call.url)
    if (origin instanceof ClientError) {
      reject(toWeirError(origin))
      return
    }
    const { expectsContinue, holder, isIdempotent, onInformational, onTiming, timeout } = options.rest
    const { body, headers, method, url } = call
    const onAbort = (): void => {
      reject(signal?.reason)
      cancel()
    }
    let isSettled = false
    const cancel = client.executeUnsafe(
      {
        origin,
        method,
        target: url.pathname + url.search,
        headers,
        body,
        timeout,
        holder,
        isIdempotent,
        expectsContinue,
        onInformational,
        onTiming,
        // Gives up the answer that nobody has begun to read.
        signal
      },
      (exit) => {
        isSettled = true
        signal?.removeEventListener("abort", onAbort)
        if (Exit.isSuccess(exit)) resolve(exit.value)
        else reject(toWeirError(Cause.squash(exit.cause)))
      }
    )
    // It may have failed before it returned.
    if (!isSettled) signal?.addEventListener("abort", onAbort, { once: true })
  })
