/**
 * One open byte stream, as every runtime layer and the simulator provide it.
 *
 * The contract is made of plain calls, since it is crossed once per chunk: one call to write, one call per chunk read,
 * no promise, no fiber, no event object.
 *
 * What every implementation promises:
 *
 * 1. No handler method is called inside `attach`, `write`, `end`, `pause`, `resume`, `close` or `reset`: events arrive
 *    in a later turn of the event loop. (So a caller never meets its own state half changed.)
 * 2. Nothing is read before the first `attach`. A peer that speaks first loses nothing.
 * 3. `onClose` is called exactly once, last, and for every connection that had a handler attached; after it no other
 *    handler method is called. After our own `close` or `reset`, nothing else is called before it either. An orderly
 *    close comes after what had arrived before it; a failure reaches even a paused reader at once.
 * 4. Bytes arrive in order, each once. Between `pause` and `resume` there is no `onData` and no `onEnd`; what the layer
 *    had already read is bounded, and comes after `resume`.
 * 5. Writes are sent whole and in order, however the system splits them.
 * 6. After `isOpen` turned false it stays false.
 */
import type { TransportError } from "./TransportError.ts"

/** What a connection tells its single reader. */
export interface ConnectionHandler {
  /**
   * Bytes from the peer. **Borrowed**: they are valid only until this call returns, for the layer may read the next
   * chunk into the same memory. Copy what has to outlive the call.
   */
  onData(chunk: Uint8Array): void
  /** The peer will send no more (FIN). Our side may still write, until `end` or `close`. */
  onEnd(): void
  /** What `write` had to queue has been handed to the system: writing may go on. Not called after `end`. */
  onDrain(): void
  /** The connection is gone. `error` is absent after an orderly end of both sides and after our own `close`. */
  onClose(error: TransportError | undefined): void
}

/** What a TLS handshake has come to. */
export interface TlsInfo {
  /** `TLSv1.2`, `TLSv1.3`. */
  readonly protocol: string
  readonly cipher: string
  /** Was the session resumed? */
  readonly isResumed: boolean
  /** False for a connection whose target said `verification: "unverified"`. */
  readonly isVerified: boolean
}

/** How long each phase of the connect took, in milliseconds. A phase that did not happen is absent. */
export interface ConnectTiming {
  readonly dnsMillis?: number
  readonly tcpMillis?: number
  readonly proxyMillis?: number
  readonly tlsMillis?: number
}

/** Facts about a connection that do not change once it is open. */
export interface ConnectionInfo {
  /** `node`, `bun`, `deno`, `simulated`; with a suffix where a layer had to fall back (`deno+node:tls`). */
  readonly layer: string
  /** The peer's IP address, or the Unix path; through a proxy: the proxy's. */
  readonly remoteAddress: string
  /** The host name that `remoteAddress` was dialled for; absent where the target gave an IP address or a path. */
  readonly resolvedFrom?: string
  /** 0 for a Unix socket. */
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** The protocol chosen by ALPN; absent when none was offered or the peer chose none. */
  readonly alpn?: string
  /** Absent: plain text. */
  readonly tls?: TlsInfo
  /** The proxy that the connection goes through, as `formatProxy` writes it. Absent: none. */
  readonly proxy?: string
  readonly timing: ConnectTiming
}

export interface Connection {
  readonly info: ConnectionInfo
  /**
   * False once the connection can carry no further exchange: the peer's FIN or RST has been seen, or we ended or closed
   * it. A paused connection sees neither FIN nor RST. Reading it costs nothing.
   */
  readonly isOpen: boolean
  /**
   * True if something is here, or may be, that comes after the bytes which the reader is hearing now: bytes or the end, kept
   * while it was paused, or bytes left in the system by a read that filled its memory. A reader whose message is complete
   * knows by it that something follows the message. Of TLS it tells only what was decrypted. Reading it costs nothing.
   */
  readonly hasMore: boolean
  /** Makes `handler` the reader; the first call starts reading (unless paused), later ones replace the reader. */
  attach(handler: ConnectionHandler): void
  /**
   * Sends bytes. True: the system has taken them, and their memory is the caller's again. False: they were queued, write
   * no more until `onDrain`; the memory belongs to the connection until then (after `end`: until `onClose`). TLS may
   * queue every write for a moment. A string is sent as Latin-1, one byte per UTF-16 unit; the caller has checked that
   * none is above 0xFF. An empty chunk sends nothing. After `end`, `close` or a failure it does nothing and returns false.
   */
  write(chunk: Uint8Array | string): boolean
  /** Sends FIN after what was written. Reading goes on. */
  end(): void
  /** Stops reading; the system's buffers fill and the peer is slowed down. */
  pause(): void
  resume(): void
  /**
   * Closes both directions at once; what was queued may be lost. `onClose` follows, without an error. Over TLS the peer is
   * told by a close_notify, if nothing is queued.
   */
  close(): void
  /**
   * Like `close`, with RST instead of FIN where the runtime can, so that the peer cannot take it for an orderly end. Over
   * TLS it is enough to leave out the close_notify; a Unix socket knows no RST.
   */
  reset(): void
  /**
   * After our `close` or `reset`: resolves when the system has the descriptor back, where that takes longer than the call
   * did. A limit on connections counts it until then. Absent where the descriptor is given back within the call.
   */
  readonly released?: Promise<void> | undefined
  /** While referenced (the state it starts in), an open connection keeps the process alive. */
  ref(): void
  unref(): void
}
