/**
 * One HTTP/1.1 client session on one connection: exchanges, one after the other, and a watch while none runs.
 */
import type { Connection, ConnectionHandler, TransportError } from "@weir/transport"
import type { RawHeaders, RequestHead, ResponseReceiver } from "./Message.ts"

/** What the session tells its owner, the pool's side. */
export interface SessionOwner {
  /**
   * The connection said something while no exchange ran, and is closed. Not called for a close by our own side.
   */
  onIdleEvent(event: IdleEvent): void
  /** The connection is gone, for whatever reason; the last call. */
  onClosed(error: TransportError | undefined): void
}

/**
 * What an idle connection said: bytes nobody asked for, among them a 408 (RFC 9110 section 15.5.9, told apart if the
 * first read shows its status), FIN, or a failure.
 */
export type IdleEvent = "data" | "request-timeout-408" | "end" | "error"

/**
 * Its calls act on the exchange that runs now: once a receiver has had its last call, the next exchange may be another
 * caller's, so whoever may call late (a body's pump, an abort) has to know that its own is over.
 */
export interface Session {
  readonly connection: Connection
  /** True between `start` and the receiver's last call, in which it is false already. */
  readonly isBusy: boolean
  /**
   * Sends the head (and a body of known bytes) and begins to read the answer. A head that cannot be written as HTTP
   * goes to `receiver.onFailure` with `InvalidRequest` and `unsent`, in this call, and leaves the session usable; on a
   * connection that is no longer open the failure is `ConnectionClosed` and `unsent`. Starting while an exchange runs is
   * a defect and throws.
   */
  start(head: RequestHead, receiver: ResponseReceiver): void
  /**
   * Sends a piece of a `sized` or `chunked` body. False: wait for `onWritable`; the memory belongs to the session until
   * then. A piece that exceeds the announced length fails the exchange. Once the exchange is over, or a final answer has
   * made a held body needless, it does nothing and returns false.
   */
  writeBody(chunk: Uint8Array): boolean
  /** Ends a `sized` or `chunked` body; trailers only with `chunked`. */
  endBody(trailers?: RawHeaders): void
  /**
   * Sends a body held for `100 Continue` without waiting longer, as a client may (RFC 9110 section 10.1.1). True: more
   * may be written at once. Does nothing where nothing is held.
   */
  releaseBody(): boolean
  /**
   * Stops reading the answer until `resume`. What had been read already, at most one read of the connection, still
   * arrives, `onComplete` included.
   */
  pause(): void
  resume(): void
  /**
   * Makes another the reader of an idle session's connection, for a while: one that speaks HTTP/1.1 on it by itself. Until
   * `takeBack` no exchange starts, and the owner hears nothing, not even that the connection is gone. Lending while an
   * exchange runs is a defect and throws.
   */
  lend(reader: ConnectionHandler): void
  /** Ends the lending: the connection is open, and between two exchanges. */
  takeBack(): void
  /** Gives the running exchange up: the connection is closed and the receiver hears nothing more. Idle: does nothing. */
  abort(): void
}
