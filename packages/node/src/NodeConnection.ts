/**
 * A `Connection` over an open `net.Socket` or `tls.TLSSocket`.
 *
 * Reads come through the socket's `onread` option into one buffer that all connections share, past Node's readable stream
 * (measured on Node 24.21: 1.6 times as many bytes per second of CPU as `data` events on TCP, 2.5 times on TLS).
 * Writes go through the writable stream; its high-water mark of one byte makes Node announce the end of every queue, not
 * only of those above 64 KiB, so that `write` can say truthfully whether the system has taken the bytes.
 */

import type { Socket } from "node:net"
import { nextTick } from "node:process"
import type { Connection, ConnectionHandler, ConnectionInfo, TransportError } from "@weir/transport"
import type { Inbound } from "./Inbound.ts"
import { ioError } from "./NodeErrors.ts"

/** What carries the bytes; the kinds end and break in different ways. */
export type SocketKind = "tcp" | "unix" | "tls"

export class NodeConnection implements Connection {
  readonly info: ConnectionInfo
  readonly #socket: Socket
  readonly #kind: SocketKind
  readonly #address: string
  readonly #inbound: Inbound
  #isOpen = true
  /** False after `end`, `close`, `reset` or a failure: nothing more can be written. */
  #isWritable = true
  /** `write` has returned false and its `onDrain` is still to come. */
  #isDrainOwed = false
  /** Our side asked for the close: nothing but `onClose` follows, and an error that comes now is a part of closing. */
  #isClosing = false
  /** The socket is gone; `onClose` follows as soon as there is a reader to hear it. */
  #isClosed = false
  #isCloseTold = false
  #error: TransportError | undefined

  /** `address` is what errors call the peer; `inbound` is what the socket's `onread` feeds. */
  constructor(info: ConnectionInfo, socket: Socket, kind: SocketKind, address: string, inbound: Inbound) {
    this.info = info
    this.#socket = socket
    this.#kind = kind
    this.#address = address
    this.#inbound = inbound
    socket.on("error", (cause: unknown) => this.#onError(cause))
    socket.on("end", () => this.#onEnd())
    socket.on("drain", () => this.#onDrain())
    socket.on("close", () => this.#onClose())
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  attach(handler: ConnectionHandler): void {
    const isFirst = this.#inbound.handler === undefined
    this.#inbound.attach(handler)
    if (!isFirst) return
    this.#read()
    // What happened before there was a reader is told now, but not inside this call (promise 1).
    if (this.#isDrainOwed) nextTick(() => this.#onDrain())
    if (this.#isClosed) nextTick(() => this.#tellClose())
  }

  write(chunk: Uint8Array | string): boolean {
    if (!this.#isWritable) return false
    // An empty write would make Node's TLS decrypt what is waiting, and call `onData` inside this call (promise 1).
    if (chunk.length > 0) {
      if (typeof chunk === "string") this.#socket.write(chunk, "latin1")
      else this.#socket.write(chunk)
      if (this.#socket.writableLength > 0) this.#isDrainOwed = true
    }
    return !this.#isDrainOwed
  }

  end(): void {
    if (!this.#isWritable) return
    this.#isOpen = false
    this.#isWritable = false
    this.#socket.end()
  }

  pause(): void {
    this.#inbound.pause()
    this.#socket.pause()
  }

  resume(): void {
    this.#inbound.unpause()
    this.#read()
  }

  close(): void {
    if (!this.#startClosing()) return
    // For TLS the orderly end is a close_notify alert (RFC 8446 section 6.1); `end` sends it at once if nothing is queued.
    if (this.#kind === "tls") this.#socket.end()
    this.#socket.destroy()
  }

  reset(): void {
    if (!this.#startClosing()) return
    // Unix sockets know no RST, and Node resets no TLS socket: there the missing close_notify tells the peer.
    if (this.#kind === "tcp") this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  #startClosing(): boolean {
    if (this.#isClosing) return false
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosing = true
    this.#inbound.discard()
    if (this.#isClosed) nextTick(() => this.#tellClose())
    return !this.#socket.destroyed
  }

  /** Reads on, if there is a reader that wants it. What was kept comes first, and in a later turn (promise 1). */
  #read(): void {
    if (this.#inbound.isEmpty) this.#flush()
    else nextTick(() => this.#flush())
  }

  #flush(): void {
    if (this.#inbound.flush()) this.#socket.resume()
    if (this.#isClosed) nextTick(() => this.#tellClose())
  }

  #onError(cause: unknown): void {
    this.#isOpen = false
    this.#isWritable = false
    if (!this.#isClosing) this.#error ??= ioError(cause, this.#address)
    this.#socket.destroy()
  }

  #onEnd(): void {
    this.#isOpen = false
    this.#inbound.receiveEnd()
  }

  #onDrain(): void {
    const handler = this.#inbound.handler
    if (!this.#isDrainOwed || handler === undefined || !this.#isWritable || this.#socket.writableLength > 0) return
    this.#isDrainOwed = false
    handler.onDrain()
  }

  #onClose(): void {
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosed = true
    this.#tellClose()
  }

  /**
   * `onClose`, once. An orderly close waits behind bytes that were kept, so that it comes last; a failure does so only
   * while the reader is about to hear them. A paused reader learns of a failure at once: it may never resume.
   */
  #tellClose(): void {
    const handler = this.#inbound.handler
    if (this.#isCloseTold || handler === undefined) return
    const isImpatient = this.#error !== undefined && this.#inbound.isPaused
    if (!this.#inbound.isEmpty && !isImpatient) return
    this.#isCloseTold = true
    this.#inbound.discard()
    handler.onClose(this.#error)
  }
}
