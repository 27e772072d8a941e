/**
 * One HTTP/1.1 client session on one connection: exchanges, one after the other, and a watch while none runs.
 */
import type { Connection, TransportError } from "@weir/transport"
import type { RawHeaders, RequestHead, ResponseReceiver } from "./Message.ts"

/** What the session tells its owner, the pool's side. */
export interface SessionOwner {
  /**
   * The connection said something while no exchange ran, and is closed: bytes nobody asked for, an unasked 408, FIN or
   * an error. Not called for a close by our own side.
   */
  onIdleEvent(event: IdleEvent): void
  /** The connection is gone, for whatever reason; the last call. */
  onClosed(error: TransportError | undefined): void
}

export type IdleEvent = "data" | "request-timeout-408" | "end" | "error"

export interface Session {
  readonly connection: Connection
  /** True between `start` and the receiver's last call. */
  readonly isBusy: boolean
  /**
   * Sends the head (and a body of known bytes) and begins to read the answer. Throws nothing: a head that cannot be
   * written goes to `receiver.onFailure` with `unsent`, in this call, and leaves the session usable.
   */
  start(head: RequestHead, receiver: ResponseReceiver): void
  /** Sends a piece of a `sized` or `chunked` body. False: wait for `onWritable`. */
  writeBody(chunk: Uint8Array): boolean
  /** Ends a `sized` or `chunked` body; trailers only with `chunked`. */
  endBody(trailers?: RawHeaders): void
  /** Stops the answer's body until `resume`. */
  pause(): void
  resume(): void
  /** Gives the running exchange up: the connection is closed, `onFailure` is not called. */
  abort(): void
}

export type MakeSession = (connection: Connection, owner: SessionOwner) => Session
