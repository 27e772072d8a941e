/**
 * One call with its redirects. It answers by calls and not by a promise, since each promise on the way to the caller's own
 * costs a turn of the queue; what `AbortSignal` says ends it.
 */
import { type ClientRequest, type ClientResponse, emptyBody, redirectOf, type WeirClientService } from "@weir/client"
import { Cause, Exit } from "effect"
import type { BodyInput } from "./Body.ts"
import type { Destination, Destinations } from "./Destination.ts"
import { toWeirError, WeirError } from "./WeirError.ts"

export interface ExchangeCall {
  readonly destination: Destination
  /** What the client is told: its origin and target are the destination's. */
  readonly request: ClientRequest
  /** What the request's body was made from. */
  readonly bodyInput: BodyInput | null
}

/** Sends one request, redirects being requests of their own. */
export type Transmit = (call: ExchangeCall) => Promise<ClientResponse>

/** Sends one request through the interceptors. */
export type Intercept = (call: ExchangeCall, transmit: Transmit) => Promise<ClientResponse>

export interface ExchangeOptions {
  readonly redirect: "follow" | "manual" | "error"
  readonly redirectCountMax: number
  readonly intercept: Intercept | undefined
}

/** `destination`: where the answer came from, after redirects. */
export type Answered = (response: ClientResponse, destination: Destination, redirectCount: number) => void

/** With a `WeirError`, with the signal's reason, or with what an interceptor or `answered` has thrown. */
export type Failed = (cause: unknown) => void

/** Calls one of the two, perhaps before it returns. */
export const exchange = (
  client: WeirClientService,
  destinations: Destinations,
  call: ExchangeCall,
  options: ExchangeOptions,
  answered: Answered,
  failed: Failed
): void => {
  const { intercept } = options
  let current = call
  let redirectCount = 0
  const transmit = (): void => {
    if (intercept === undefined) send(client, current.request, received, failed)
    else intercept(current, (changed) => sent(client, changed.request)).then(received, failed)
  }
  const received = (response: ClientResponse): void => {
    try {
      const next = redirected(response, current, destinations, redirectCount, options)
      if (next === undefined) {
        answered(response, current.destination, redirectCount)
        return
      }
      current = next
      redirectCount++
      transmit()
    } catch (cause) {
      failed(cause)
    }
  }
  transmit()
}

/** The call that the answer asks for; `undefined` if the answer is the caller's. Throws where it cannot be followed. */
const redirected = (
  response: ClientResponse,
  { bodyInput, destination, request }: ExchangeCall,
  destinations: Destinations,
  redirectCount: number,
  { redirect, redirectCountMax }: ExchangeOptions
): ExchangeCall | undefined => {
  const { status } = response
  if (status < 300 || status >= 400 || redirect === "manual") return undefined
  const { href } = destination
  const { body, headers, method } = request
  const next = redirectOf({ url: new URL(href), method, headers }, status, response.head.get("location"))
  if (next === undefined) return undefined
  response.discard()
  if (redirect === "error") throw new WeirError("WEIR_REDIRECT", `${href} redirects, and redirect is "error"`)
  if (typeof next === "string") throw new WeirError("WEIR_REDIRECT", `${href}: ${next}`)
  if (redirectCount >= redirectCountMax) {
    throw new WeirError(
      "WEIR_REDIRECT",
      `${href} redirects once more than the ${redirectCountMax} times that are followed`
    )
  }
  const nextBody = next.dropsBody ? emptyBody : body
  if (nextBody._tag === "Stream" && nextBody.isReplayable !== true) {
    throw new WeirError("WEIR_REDIRECT", `${href} redirects with ${status}, and the body, a stream, is spent`)
  }
  const to = destinations.of(next.url.href)
  return {
    destination: to,
    request: {
      ...request,
      origin: to.origin,
      method: next.method,
      target: to.target,
      headers: next.headers,
      body: nextBody
    },
    bodyInput: next.dropsBody ? null : bodyInput
  }
}

const sent = (client: WeirClientService, request: ClientRequest): Promise<ClientResponse> =>
  new Promise((resolve, reject) => send(client, request, resolve, reject))

const send = (
  client: WeirClientService,
  request: ClientRequest,
  received: (response: ClientResponse) => void,
  failed: Failed
): void => {
  const { signal } = request
  if (signal === undefined) {
    client.executeUnsafe(request, (exit) => {
      if (Exit.isSuccess(exit)) received(exit.value)
      else failed(toWeirError(Cause.squash(exit.cause)))
    })
    return
  }
  if (signal.aborted) {
    failed(signal.reason)
    return
  }
  const onAbort = (): void => {
    cancel()
    failed(signal.reason)
  }
  let isSettled = false
  const cancel = client.executeUnsafe(request, (exit) => {
    isSettled = true
    signal.removeEventListener("abort", onAbort)
    if (Exit.isSuccess(exit)) received(exit.value)
    else failed(toWeirError(Cause.squash(exit.cause)))
  })
  // It may have failed before it returned.
  if (!isSettled) signal.addEventListener("abort", onAbort, { once: true })
}
