/**
 * What an exchange's failure means to the caller.
 */
import type { RetryVerdict } from "@weir/core"
import type { Http1Error } from "@weir/http1"
import type { ClientFailure } from "./ClientError.ts"

export const failureOf = (error: Http1Error, isReused: boolean): ClientFailure => {
  switch (error.reason) {
    case "InvalidRequest":
    case "BodyLengthMismatch":
      return { _tag: "InvalidRequest", detail: error.detail }
    case "MalformedResponse":
      return { _tag: "BadResponse", kind: "malformed", detail: error.detail }
    case "LimitExceeded":
      return { _tag: "BadResponse", kind: "limit", detail: error.detail }
    case "ConnectionClosed":
    case "ConnectionFailed":
      return { _tag: "ConnectionLost", progress: error.progress, detail: error.detail, isReused }
    case "Aborted":
      return { _tag: "Aborted" }
  }
}

export const verdictOf = (error: Http1Error): RetryVerdict => {
  if (error.reason !== "ConnectionClosed" && error.reason !== "ConnectionFailed") return "never"
  switch (error.progress) {
    case "unsent":
      return "always"
    case "sent":
    case "response-started":
      return "if-idempotent"
    case "head-received":
      return "never"
  }
}
