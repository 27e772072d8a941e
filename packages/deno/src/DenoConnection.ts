/**
 * A `Connection` over an open `Deno.Conn`.
 *
 * Deno reads and writes by promises. One read is pending at most, and none before there is a reader or while it pauses;
 * what a read still brings after a `pause` is kept by `Inbound`. One write is pending at most, and the next follows when
 * the system has taken all of it, so bytes leave in order. Deno says in a later turn only whether it has, hence `write`
 * returns false for every chunk that is not empty; mostly `onDrain` follows at once.
 */
import { nextTick } from "node:process"
import { encodeLatin1, Inbound, ioError } from "@weir/node/sockets"
import type { Connection, ConnectionHandler, ConnectionInfo, TransportError } from "@weir/transport"
import type { DenoSocket } from "./DenoSocket.ts"
import { type LargeBuffers, ReadBuffer } from "./ReadBuffer.ts"

export class DenoConnection implements Connection {
  readonly info: ConnectionInfo
  readonly #socket: DenoSocket
  /** What errors call the peer. */
  readonly #address: string
  readonly #inbound = new Inbound(() => this.#read())
  readonly #readBuffer: ReadBuffer
  #isReading = false
  /** The rest of what is being written. */
  #sending: Uint8Array | undefined
  /** What is written after it. Bounded by the caller, who is told by each `write` to wait. */
  #queue: Array<Uint8Array> = []
  #isOpen = true
  /** False after `end`, `close`, `reset` or a failure: nothing more can be written. */
  #isWritable = true
  /** `write` has returned false and its `onDrain` is still to come. */
  #isDrainOwed = false
  /** `end` was called; FIN follows when all was sent. */
  #isEnding = false
  #isFinPending = false
  #isFinSent = false
  #isEndHeard = false
  /** The descriptor is being closed; `onClose` follows when nothing is pending any more. */
  #isClosing = false
  #error: TransportError | undefined
  readonly #release = Promise.withResolvers<void>()

  constructor(info: ConnectionInfo, socket: DenoSocket, address: string, largeBuffers: LargeBuffers) {
    this.info = info
    this.#socket = socket
    this.#address = address
    this.#readBuffer = new ReadBuffer(largeBuffers)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get hasMore(): boolean {
    return this.#inbound.hasMore
  }

  get released(): Promise<void> | undefined {
    return this.#isClosing ? this.#release.promise : undefined
  }

  attach(handler: ConnectionHandler): void {
    const isFirst = this.#inbound.handler === undefined
    this.#inbound.attach(handler)
    // What happened before there was a reader is told now, but not inside this call (promise 1).
    if (isFirst && this.#isDrainOwed) nextTick(() => this.#tellDrain())
  }

  write(chunk: Uint8Array | string): boolean {
    if (!this.#isWritable) return false
    if (chunk.length > 0) {
      const bytes = typeof chunk === "string" ? encodeLatin1(chunk) : chunk
      this.#isDrainOwed = true
      if (this.#sending === undefined) this.#send(bytes)
      else this.#queue.push(bytes)
    }
    return !this.#isDrainOwed
  }

  end(): void {
    if (!this.#isWritable) return
    this.#isOpen = false
    this.#isWritable = false
    this.#isEnding = true
    if (this.#sending === undefined) this.#sendFin()
  }

  pause(): void {
    this.#inbound.pause()
  }

  resume(): void {
    this.#inbound.resume()
  }

  close(): void {
    this.#inbound.discard()
    this.#close()
  }

  reset(): void {
    this.close()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  #read(): void {
    if (this.#isReading || this.#isEndHeard || this.#isClosing) return
    this.#isReading = true
    this.#socket.read(this.#readBuffer.bytes).then(this.#onRead, this.#onReadFailed)
  }

  readonly #onRead = (byteCount: number | null): void => {
    this.#isReading = false
    if (this.#isClosing) this.#tellClose()
    else if (byteCount === null) this.#onEnd()
    else {
      const { bytes } = this.#readBuffer
      const isListening = this.#inbound.receive(bytes.subarray(0, byteCount), byteCount === bytes.length)
      this.#readBuffer.adapt(byteCount)
      if (isListening) this.#read()
    }
  }

  readonly #onReadFailed = (cause: unknown): void => {
    this.#isReading = false
    this.#fail(cause)
  }

  #onEnd(): void {
    this.#isOpen = false
    this.#isEndHeard = true
    this.#readBuffer.release()
    this.#inbound.receiveEnd()
    if (this.#isFinSent) this.#close()
  }

  #send(bytes: Uint8Array): void {
    this.#sending = bytes
    this.#socket.write(bytes).then(this.#onSent, this.#onSendFailed)
  }

  readonly #onSent = (byteCount: number): void => {
    const sent = this.#sending
    this.#sending = undefined
    if (this.#isClosing || sent === undefined) {
      this.#tellClose()
      return
    }
    const next = byteCount < sent.length ? sent.subarray(byteCount) : this.#queue.shift()
    if (next !== undefined) this.#send(next)
    else if (this.#isEnding) this.#sendFin()
    else this.#tellDrain()
  }

  readonly #onSendFailed = (cause: unknown): void => {
    this.#sending = undefined
    this.#fail(cause)
  }

  #sendFin(): void {
    this.#isFinPending = true
    this.#socket.closeWrite().then(this.#onFinSent, this.#onFinFailed)
  }

  readonly #onFinSent = (): void => {
    this.#isFinPending = false
    this.#isFinSent = true
    if (this.#isClosing) this.#tellClose()
    else if (this.#isEndHeard) this.#close()
  }

  readonly #onFinFailed = (cause: unknown): void => {
    this.#isFinPending = false
    this.#fail(cause)
  }

  #tellDrain(): void {
    const handler = this.#inbound.handler
    if (!this.#isDrainOwed || handler === undefined || !this.#isWritable || this.#sending !== undefined) return
    this.#isDrainOwed = false
    handler.onDrain()
  }

  /** Something that was pending failed. While we are closing that is how it ends. */
  #fail(cause: unknown): void {
    if (this.#isClosing) {
      this.#tellClose()
      return
    }
    this.#error = ioError(cause, this.#address)
    this.#close()
  }

  #close(): void {
    if (this.#isClosing) return
    this.#isOpen = false
    this.#isWritable = false
    this.#isClosing = true
    this.#queue = []
    this.#socket.close()
    nextTick(() => this.#tellClose())
  }

  /** The descriptor is closed when what was pending is; whoever hears so, may count on it. */
  #tellClose(): void {
    if (this.#isReading || this.#sending !== undefined || this.#isFinPending) return
    this.#readBuffer.release()
    this.#release.resolve()
    this.#inbound.receiveClose(this.#error)
  }
}
