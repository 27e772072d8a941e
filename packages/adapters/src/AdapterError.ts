/**
 * Errors in the terms of the libraries above: the codes that they, and the programs on them, look for.
 */
import { toWeirError, WeirError } from "@weir/fetch"
import { TransportError } from "@weir/transport"

/** Its cause is Weir's own error, with reason, retry verdict and numbers. */
export class AdapterError extends Error {
  /** The system's code (`ECONNREFUSED`), undici's (`UND_ERR_HEADERS_TIMEOUT`), or Weir's (`WEIR_REFUSED`). */
  readonly code: string

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** With the code that the system gave, which is what programs on `node:http` look for; `otherwise` where it gave none. */
export const systemError = (cause: unknown, otherwise?: string): AdapterError => {
  if (cause instanceof TransportError)
    return new AdapterError(cause.code ?? otherwise ?? cause.reason, cause.message, cause)
  const error = toWeirError(cause)
  const code = systemCodeOf(error.cause) ?? timeoutCodes.get(error.code) ?? error.code
  return new AdapterError(code, error.message, error)
}

/** With undici's code for what happened, where it has one. */
export const dispatchError = (cause: unknown): AdapterError => {
  const error = cause instanceof WeirError ? cause : toWeirError(cause)
  const code = undiciCodes.get(error.code) ?? systemCodeOf(error.cause) ?? error.code
  return new AdapterError(code, error.message, error)
}

const timeoutCodes: ReadonlyMap<string, string> = new Map([
  ["WEIR_ACQUIRE_TIMEOUT", "ETIMEDOUT"],
  ["WEIR_CONNECT_TIMEOUT", "ETIMEDOUT"]
])

const undiciCodes: ReadonlyMap<string, string> = new Map([
  ["WEIR_ABORTED", "UND_ERR_ABORTED"],
  ["WEIR_ACQUIRE_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT"],
  ["WEIR_BODY_IDLE_TIMEOUT", "UND_ERR_BODY_TIMEOUT"],
  ["WEIR_CLOSED", "UND_ERR_CLOSED"],
  ["WEIR_CONNECTION_LOST", "UND_ERR_SOCKET"],
  ["WEIR_CONNECT_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT"],
  ["WEIR_INVALID_REQUEST", "UND_ERR_INVALID_ARG"],
  ["WEIR_RESPONSE_HEAD_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT"]
])

const systemCodeOf = (error: unknown): string | undefined => {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined
  return typeof code === "string" ? code : undefined
}
