/**
 * The client's one error: what happened to a call, how far it had come, and whether it may be sent again.
 */

import type { PoolError, RetryVerdict } from "@weir/core"
import type { Http1Error } from "@weir/http1"
import { Data } from "effect"

/** No connection could be had; nothing was sent. */
export interface NoConnection {
  readonly _tag: "NoConnection"
  readonly error: PoolError
}

/** The call cannot be sent: its URL, method, a header or its body is not allowed. */
export interface InvalidRequest {
  readonly _tag: "InvalidRequest"
  readonly detail: string
}

/** The caller's stream for the request's body failed. */
export interface RequestBodyFailed {
  readonly _tag: "RequestBodyFailed"
}

/** The connection ended or failed before the answer was whole. */
export interface ConnectionLost {
  readonly _tag: "ConnectionLost"
  /** `sent`: no byte of the answer had come. */
  readonly progress: Http1Error["progress"]
  readonly detail: string
  /** Was the connection used before? */
  readonly isReused: boolean
}

/** The answer breaks HTTP/1.1 or a limit on its size. */
export interface BadResponse {
  readonly _tag: "BadResponse"
  readonly kind: "malformed" | "limit"
  readonly detail: string
}

/** The answer's body cannot be unpacked, or unpacks to too much. */
export interface BadCoding {
  readonly _tag: "BadCoding"
  readonly kind: "malformed" | "limit"
  /** In the order in which they were applied. */
  readonly codings: ReadonlyArray<string>
  readonly detail: string
}

/** The answer is a redirect that cannot be followed. */
export interface BadRedirect {
  readonly _tag: "BadRedirect"
  readonly status: number
  readonly detail: string
}

/** A time ran out. */
export interface CallTimeout {
  readonly _tag: "CallTimeout"
  /** `request`: the whole call. `request-body-idle`: a streamed body that the server did not take. */
  readonly phase: "request-body-idle" | "response-head" | "body-idle" | "request"
  readonly timeoutMillis: number
  /** Who was waited for. */
  readonly waitedFor: "connection" | "server" | "reader"
  /** Where a connection was waited for: why there was none, in the pool's words. */
  readonly report?: string
}

/** Everything that can become of a call instead of an answer. */
export type ClientFailure =
  | NoConnection
  | InvalidRequest
  | RequestBodyFailed
  | ConnectionLost
  | BadResponse
  | BadCoding
  | BadRedirect
  | CallTimeout
  /** The caller gave the call up and reads its body nonetheless. */
  | { readonly _tag: "Aborted" }

export class ClientError extends Data.TaggedError("ClientError")<{
  readonly reason: ClientFailure
  /** `GET http://a.test:80/path`, without the query. */
  readonly call: string
  /** `always`: nothing was sent. `if-idempotent`: it may have been executed. `never`: it was, or never can be. */
  readonly retry: RetryVerdict
  /** How often it had been sent again. */
  readonly retryCount: number
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.call}: ${this.description}`
  }

  /** The message without the call. */
  get description(): string {
    const again =
      this.retryCount === 0 ? "" : ` (after ${this.retryCount} ${this.retryCount === 1 ? "retry" : "retries"})`
    return `${describe(this.reason, this.cause)}${again}`
  }
}

const describe = (failure: ClientFailure, cause: unknown): string => {
  switch (failure._tag) {
    case "NoConnection":
      return failure.error.message
    case "InvalidRequest":
      return `the request cannot be sent: ${failure.detail}`
    case "RequestBodyFailed":
      return `the stream of the request's body failed: ${cause instanceof Error ? cause.message : String(cause)}`
    case "ConnectionLost":
      return `${failure.detail}, on a ${failure.isReused ? "reused" : "new"} connection`
    case "BadResponse":
      return `${failure.kind === "malformed" ? "malformed answer" : "answer beyond a limit"}: ${failure.detail}`
    case "BadCoding":
      return `the body, coded as ${failure.codings.join(", ")}, ${failure.kind === "limit" ? "goes beyond a limit" : "cannot be unpacked"}: ${failure.detail}`
    case "BadRedirect":
      return `the redirect (${failure.status}) cannot be followed: ${failure.detail}`
    case "CallTimeout":
      return timeoutText(failure)
    case "Aborted":
      return "the call was given up"
  }
}

const timeoutText = (failure: CallTimeout): string => {
  switch (failure.phase) {
    case "request-body-idle":
      return `the server took nothing of the request's body for ${failure.timeoutMillis} ms (bodyIdleTimeout)`
    case "response-head":
      return `no answer within ${failure.timeoutMillis} ms of sending (responseHeadTimeout)`
    case "body-idle":
      return failure.waitedFor === "server"
        ? `the server sent nothing of the body for ${failure.timeoutMillis} ms (bodyIdleTimeout)`
        : `nobody read the body for ${failure.timeoutMillis} ms (bodyIdleTimeout)`
    case "request":
      return `not finished within ${failure.timeoutMillis} ms (requestTimeout)${waitText(failure)}`
  }
}

const waitText = ({ report, waitedFor }: CallTimeout): string =>
  report === undefined ? `, waiting for the ${waitedFor}` : `, waiting for a connection: ${report}`

/** Builds the error without capturing a stack, for the reason that `poolError` gives. */
export const clientError = (fields: ConstructorParameters<typeof ClientError>[0]): ClientError => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new ClientError(fields)
  } finally {
    Error.stackTraceLimit = limit
  }
}
