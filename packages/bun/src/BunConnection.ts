/**
 * A `Connection` over a native socket of Bun.
 *
 * The native socket keeps nothing: it takes as many bytes as the system does, and tells when the system takes more. So what
 * was not taken is queued here, in order, by reference.
 */
import { Buffer } from "node:buffer"
import { nextTick } from "node:process"
import { Inbound, type OpenedSocket } from "@weir/node/sockets"
import type { Connection, ConnectionHandler, ConnectionInfo, TransportError } from "@weir/transport"
import { brokenBy, refusedWrite, tlsFailureIn, tornDown } from "./BunErrors.ts"
import type { NativeSocket } from "./NativeSocket.ts"

export class BunConnection implements Connection {
  readonly info: ConnectionInfo
  readonly #native: NativeSocket
  readonly #kind: OpenedSocket["kind"]
  readonly #address: string
  readonly #inbound: Inbound
  /** What the system has not taken yet. Bounded by the caller, who is told by each `write` to wait. */
  #queue: Array<Uint8Array | string> = []
  #isOpen = true
  /** False after `end`, `close`, `reset` or a failure: nothing more can be written. */
  #isWritable = true
  /** `write` has returned false and its `onDrain` is still to come. */
  #isDrainOwed = false
  /** `end` was called; FIN follows when the queue is empty. */
  #isEnding = false
  #isEndHeard = false
  /** Our side asked for the close: nothing but `onClose` follows, and an error that comes now is a part of closing. */
  #isClosing = false
  #isClosed = false
  #error: TransportError | undefined

  /** Takes `opened.socket` over: from here on it hears nothing, and serves only to be destroyed with the connection. */
  constructor({ address, info, kind, socket }: OpenedSocket, native: NativeSocket) {
    this.info = info
    this.#native = native
    this.#kind = kind
    this.#address = address
    this.#inbound = new Inbound(() => native.resume())
    native.reload({
      socket: {
        data: (_, chunk) => this.#inbound.receive(cheap(chunk), chunk.length === readByteCountMax),
        drain: () => this.#onDrain(),
        end: () => this.#onEnd(),
        error: (_, cause) => this.#onError(cause),
        // Whoever keeps sessions has asked the socket for them.
        session: (_, session) => socket.emit("session", session),
        close: (_, cause) => this.#onClose(cause)
      }
    })
    // A paused socket of `node:net` does not keep the process alive; a connection does, until `unref`.
    native.ref()
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get hasMore(): boolean {
    return this.#inbound.hasMore
  }

  attach(handler: ConnectionHandler): void {
    const isFirst = this.#inbound.handler === undefined
    this.#inbound.attach(handler)
    // What happened before there was a reader is told now, but not inside this call (promise 1).
    if (isFirst && this.#isDrainOwed) nextTick(() => this.#tellDrain())
  }

  write(chunk: Uint8Array | string): boolean {
    if (!this.#isWritable) return false
    if (chunk.length === 0) return !this.#isDrainOwed
    if (this.#queue.length === 0) {
      const sentCount = this.#send(chunk)
      if (sentCount === chunk.length) return !this.#isDrainOwed
      this.#queue.push(rest(chunk, sentCount))
    } else {
      this.#queue.push(chunk)
    }
    this.#isDrainOwed = true
    return false
  }

  end(): void {
    if (!this.#isWritable) return
    this.#isOpen = false
    this.#isWritable = false
    this.#isEnding = true
    if (this.#queue.length === 0) this.#native.shutdown()
  }

  pause(): void {
    this.#inbound.pause()
    this.#native.pause()
  }

  resume(): void {
    this.#inbound.resume()
  }

  close(): void {
    if (!this.#startClosing()) return
    if (this.#kind === "tls") {
      // Bun would hold a TLS socket that has bytes to send open for another 12 seconds, in case the peer takes them.
      if (this.#queue.length > 0) {
        this.#native.terminate()
        return
      }
      // The orderly end is a close_notify alert (RFC 8446 section 6.1), which `close` alone leaves out.
      this.#native.shutdown()
    }
    this.#native.close()
  }

  reset(): void {
    if (this.#startClosing()) this.#native.terminate()
  }

  ref(): void {
    this.#native.ref()
  }

  unref(): void {
    this.#native.unref()
  }

  #startClosing(): boolean {
    if (this.#isClosing) return false
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosing = true
    this.#inbound.discard()
    return !this.#isClosed
  }

  /** How many bytes the system took at once. */
  #send(chunk: Uint8Array | string): number {
    const sentCount = typeof chunk === "string" ? this.#native.write(chunk, "latin1") : this.#native.write(chunk)
    if (sentCount >= 0) return sentCount
    // Bun forgets the error now: it would go on to tell a reset as an orderly end, and a paused socket nothing at all.
    this.#fail(refusedWrite(this.#address))
    nextTick(() => this.#native.close())
    return 0
  }

  #fail(error: TransportError): void {
    this.#isOpen = false
    this.#isWritable = false
    if (!this.#isClosing) this.#error ??= error
  }

  #onDrain(): void {
    let sentCount = 0
    for (const chunk of this.#queue) {
      const byteCount = this.#send(chunk)
      if (byteCount < chunk.length) {
        this.#queue[sentCount] = rest(chunk, byteCount)
        break
      }
      sentCount++
    }
    if (sentCount > 0) this.#queue.splice(0, sentCount)
    if (this.#queue.length > 0) return
    if (this.#isEnding) this.#native.shutdown()
    else this.#tellDrain()
  }

  #tellDrain(): void {
    const handler = this.#inbound.handler
    if (!this.#isDrainOwed || handler === undefined || !this.#isWritable || this.#queue.length > 0) return
    this.#isDrainOwed = false
    handler.onDrain()
  }

  #onEnd(): void {
    this.#isOpen = false
    this.#isEndHeard = true
    this.#inbound.receiveEnd()
  }

  #onError(cause: unknown): void {
    const failure = tlsFailureIn(cause, this.#address)
    if (failure !== undefined) this.#fail(failure)
    else
      nextTick(() => {
        // An exception of the reader's is nobody's to catch, here as on the other runtimes.
        throw cause
      })
  }

  #onClose(cause: unknown): void {
    const isEnded = this.#isEnding && this.#queue.length === 0
    if (cause !== undefined) this.#fail(brokenBy(cause, this.#address))
    else if (!isEnded) this.#fail(tornDown(this.#address))
    // Of the end that comes second Bun tells the close only.
    else if (this.#error === undefined && !this.#isEndHeard) this.#inbound.receiveEnd()
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosed = true
    this.#queue = []
    // It may come inside our own `close` (promise 1).
    nextTick(() => this.#inbound.receiveClose(this.#error))
  }
}

/**
 * A chunk's bytes where a view on a part of them is cheap. Bun's chunks have no `ArrayBuffer` until one is asked for, as every
 * view does, and then all of it is copied to memory that has to be collected. A short chunk is copied to memory that is there
 * already, one chunk at a time: it is borrowed only until its reader returns.
 */
const cheap = (chunk: Uint8Array): Uint8Array => {
  if (chunk.length > shortByteCountMax) return chunk
  shortChunk.set(chunk)
  // Answers of one length are common, and a view is memory to be collected.
  if (shortView.length !== chunk.length) shortView = shortChunk.subarray(0, chunk.length)
  return shortView
}

/** What Bun reads at once, at most (seen on 1.4.5): a chunk of this size may not be all that was there. */
const readByteCountMax = 524_288

const shortByteCountMax = 16_384
const shortChunk = Buffer.allocUnsafeSlow(shortByteCountMax)
let shortView = shortChunk

/** What is left after so many bytes; the characters of a string are bytes. */
const rest = (chunk: Uint8Array | string, byteCount: number): Uint8Array | string =>
  typeof chunk === "string" ? chunk.slice(byteCount) : chunk.subarray(byteCount)
