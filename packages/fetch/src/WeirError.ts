/**
 * What goes wrong, for promise users: `Error`s with a stable `code`, the route and the numbers. No Effect type among them.
 */
import { ClientError, type ClientFailure } from "@weir/client"
import { PoolConfigError, PoolError, type PoolFailure, type RouteReport } from "@weir/core"

/** Stable: a code is never renamed. */
export type WeirErrorCode =
  /** The options cannot be used; the message names the path and the nearest key. */
  | "WEIR_CONFIG"
  /** The request cannot be sent: URL, method, header or body. */
  | "WEIR_INVALID_REQUEST"
  /** A limit refused the call at once; `reason` says which. */
  | "WEIR_REFUSED"
  /** No connection within `acquireTimeout`. */
  | "WEIR_ACQUIRE_TIMEOUT"
  | "WEIR_CONNECT_FAILED"
  | "WEIR_CONNECT_TIMEOUT"
  /** The connection ended before the answer did. */
  | "WEIR_CONNECTION_LOST"
  /** The answer breaks HTTP/1.1, or a limit on its size. */
  | "WEIR_BAD_RESPONSE"
  | "WEIR_RESPONSE_HEAD_TIMEOUT"
  | "WEIR_BODY_IDLE_TIMEOUT"
  /** The server took nothing of the request's body for too long. */
  | "WEIR_REQUEST_BODY_IDLE_TIMEOUT"
  | "WEIR_REQUEST_TIMEOUT"
  /** The stream given as the request's body failed. */
  | "WEIR_REQUEST_BODY"
  /** A redirect that cannot be followed. */
  | "WEIR_REDIRECT"
  /** The body's content coding is broken, or it is a bomb. */
  | "WEIR_CONTENT_CODING"
  | "WEIR_ABORTED"
  | "WEIR_CLOSED"

export interface WeirErrorDetails {
  /** Refusals: which limit. Timeouts: in which phase. */
  readonly reason?: string | undefined
  /** May the call be made again? `always`: nothing of it was sent. */
  readonly retry?: "always" | "if-idempotent" | "never" | undefined
  readonly retryCount?: number | undefined
  /** The state of the route when it failed, as numbers. */
  readonly report?: RouteReport | undefined
  readonly cause?: unknown
}

export class WeirError extends Error {
  override readonly name = "WeirError"
  readonly code: WeirErrorCode
  readonly reason: string | undefined
  readonly retry: "always" | "if-idempotent" | "never"
  readonly retryCount: number
  readonly report: RouteReport | undefined

  constructor(code: WeirErrorCode, message: string, details: WeirErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.reason = details.reason
    this.retry = details.retry ?? "never"
    this.retryCount = details.retryCount ?? 0
    this.report = details.report
  }
}

/** Whatever the layers below fail with, as what this layer throws. */
export const toWeirError = (error: unknown): WeirError => {
  if (error instanceof WeirError) return error
  if (error instanceof PoolError) return fromPool(error)
  if (error instanceof PoolConfigError) return new WeirError("WEIR_CONFIG", error.message)
  if (error instanceof ClientError) return fromClient(error)
  return new WeirError("WEIR_CONNECTION_LOST", error instanceof Error ? error.message : String(error), { cause: error })
}

const fromPool = (error: PoolError): WeirError => {
  const { reason } = error
  return new WeirError(poolCode(reason), error.message, {
    reason: reason._tag === "Refused" ? reason.reason : reason.phase,
    retry: error.retry,
    report: error.report,
    cause: causeOf(error)
  })
}

const poolCode = (failure: PoolFailure): WeirErrorCode => {
  switch (failure._tag) {
    case "Refused":
      return failure.reason === "pool-closed" ? "WEIR_CLOSED" : "WEIR_REFUSED"
    case "AcquireTimeout":
      return "WEIR_ACQUIRE_TIMEOUT"
    case "ConnectFailed":
      return "WEIR_CONNECT_FAILED"
    case "ConnectTimeout":
      return "WEIR_CONNECT_TIMEOUT"
  }
}

const fromClient = (error: ClientError): WeirError => {
  const { reason } = error
  if (reason._tag === "NoConnection") {
    const { code, report, reason: which } = fromPool(reason.error)
    const details = { reason: which, retry: error.retry, retryCount: error.retryCount, report }
    return new WeirError(code, error.message, { ...details, cause: causeOf(reason.error) })
  }
  return new WeirError(clientCode(reason), error.message, {
    reason: reason._tag === "CallTimeout" ? reason.phase : undefined,
    retry: error.retry,
    retryCount: error.retryCount,
    cause: causeOf(error)
  })
}

const clientCode = (failure: Exclude<ClientFailure, { readonly _tag: "NoConnection" }>): WeirErrorCode => {
  switch (failure._tag) {
    case "InvalidRequest":
      return "WEIR_INVALID_REQUEST"
    case "RequestBodyFailed":
      return "WEIR_REQUEST_BODY"
    case "ConnectionLost":
      return "WEIR_CONNECTION_LOST"
    case "BadResponse":
      return "WEIR_BAD_RESPONSE"
    case "BadCoding":
      return "WEIR_CONTENT_CODING"
    case "BadRedirect":
      return "WEIR_REDIRECT"
    case "Aborted":
      return "WEIR_ABORTED"
    case "CallTimeout":
      return timeoutCodes[failure.phase]
  }
}

const timeoutCodes = {
  "response-head": "WEIR_RESPONSE_HEAD_TIMEOUT",
  "body-idle": "WEIR_BODY_IDLE_TIMEOUT",
  "request-body-idle": "WEIR_REQUEST_BODY_IDLE_TIMEOUT",
  request: "WEIR_REQUEST_TIMEOUT"
} as const

/** The innermost error that is not one of ours: what the socket said. */
const causeOf = (error: unknown): unknown => {
  let inner: unknown = error
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause
  return inner === error ? undefined : inner
}
