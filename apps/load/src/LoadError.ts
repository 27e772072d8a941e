/**
 * Why a load run could not be made at all. A call that fails within a run is no such error: it is counted as code -1.
 */
import { Data } from "effect"

export type LoadErrorReason =
  /** An option is out of its bounds, or the URL is none. */
  | "InvalidOption"
  /** The request cannot be written as HTTP, or carries a header field that the connection owns. */
  | "InvalidRequest"
  /** The runtime's socket layer cannot do what the URL asks for. */
  | "Unsupported"
  /** No connection was ever opened. */
  | "ConnectFailed"

export class LoadError extends Data.TaggedError("LoadError")<{
  readonly reason: LoadErrorReason
  /** What happened, with the value that caused it and what to do instead. */
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.detail
  }
}
