/**
 * What is found wrong with a message, before the session says how far the exchange had come.
 */
import type { Http1Reason } from "./Http1Error.ts"

export interface Fault {
  readonly reason: Http1Reason
  /** One clause, no full stop. */
  readonly detail: string
}

export const invalid = (detail: string): Fault => ({ reason: "InvalidRequest", detail })

export const malformed = (detail: string): Fault => ({ reason: "MalformedResponse", detail })

export const tooLarge = (detail: string): Fault => ({ reason: "LimitExceeded", detail })
