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

/** A connect that has succeeded, before anything was read. */
export interface OpenedSocket {
  readonly info: ConnectionInfo
  readonly socket: Socket
  /** What carries the bytes; the kinds end and break in different ways. */
  readonly kind: "tcp" | "unix" | "tls"
  /** What errors call the peer. */
  readonly address: string
  /** What the socket's `onread` feeds. */
  readonly inbound: Inbound
}

const noBytes = new Uint8Array(0)

export class NodeConnection implements Connection {
  readonly info: ConnectionInfo
  readonly #socket: Socket
  readonly #kind: OpenedSocket["kind"]
  readonly #address: string
  readonly #inbound: Inbound
  #isOpen = true
  /** False after `end`, `close`, `reset` or a failure: nothing more can be written. */
  #isWritable = true
  /** `write` has returned false and its `onDrain` is still to come. */
  #isDrainOwed = false
  /** Our side asked for the close: nothing but `onClose` follows, and an error that comes now is a part of closing. */
  #isClosing = false
  #error: TransportError | undefined

  constructor({ address, inbound, info, kind, socket }: OpenedSocket) {
    this.info = info
    this.#socket = socket
    this.#kind = kind
    this.#address = address
    this.#inbound = inbound
    socket.on("error", this.#onError)
    socket.on("end", this.#onEnd)
    socket.on("drain", this.#onDrain)
    socket.on("close", this.#onClose)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get hasMore(): boolean {
    return this.#inbound.hasMore
  }

  /** The descriptor is given back within `close`. */
  get released(): Promise<void> | undefined {
    return undefined
  }

  protected get isClosing(): boolean {
    return this.#isClosing
  }

  attach(handler: ConnectionHandler): void {
    const isFirst = this.#inbound.handler === undefined
    this.#inbound.attach(handler)
    // What happened before there was a reader is told now, but not inside this call (promise 1).
    if (isFirst && this.#isDrainOwed) nextTick(() => this.#onDrain())
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
    this.#inbound.resume()
  }

  close(): void {
    if (this.#startClosing()) this.destroy(this.#socket)
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

  /** Gives the socket up to whoever secures it: the connection is over, and tells nobody anything more. */
  detach(): Socket {
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosing = true
    this.#socket
      .off("error", this.#onError)
      .off("end", this.#onEnd)
      .off("drain", this.#onDrain)
      .off("close", this.#onClose)
    return this.#socket
  }

  /** Closes the socket because our side asked for it. */
  protected destroy(socket: Socket): void {
    // For TLS the orderly end is a close_notify alert (RFC 8446 section 6.1); `end` sends it at once if nothing is queued.
    if (this.#kind === "tls") socket.end()
    socket.destroy()
  }

  #startClosing(): boolean {
    if (this.#isClosing) return false
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosing = true
    this.#inbound.discard()
    return !this.#socket.destroyed
  }

  readonly #onError = (cause: unknown): void => {
    this.#isOpen = false
    this.#isWritable = false
    if (!this.#isClosing) this.#error ??= ioError(cause, this.#address)
    this.#socket.destroy()
  }

  readonly #onEnd = (): void => {
    this.#isOpen = false
    if (!this.#isReset()) this.#inbound.receiveEnd()
  }

  /**
   * libuv before 1.52, which Node 22 has, tells a reset that comes together with the last bytes as an end. A write of no
   * bytes sends nothing, but the system refuses it after a reset; the error follows as an event. After our own end nothing
   * can be asked any more.
   */
  #isReset(): boolean {
    if (this.#kind !== "tcp" || !this.#isWritable) return false
    this.#socket.write(noBytes)
    return this.#socket.errored !== null
  }

  readonly #onDrain = (): void => {
    const handler = this.#inbound.handler
    if (!this.#isDrainOwed || handler === undefined || !this.#isWritable || this.#socket.writableLength > 0) return
    this.#isDrainOwed = false
    handler.onDrain()
  }

  readonly #onClose = (): void => {
    this.#isOpen = false
    this.#isWritable = false
    this.#inbound.receiveClose(this.#error)
  }
}
