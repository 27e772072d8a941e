/**
 * A connection in memory that keeps the promises of the socket contract, and a peer to speak through it.
 *
 * Events come only when the test makes the peer act, or lets pass the turn after one of our own calls; so never inside
 * a call. What is read is lent: the memory is overwritten when `onData` returns.
 */
import { Buffer } from "node:buffer"
import type { Connection, ConnectionHandler, ConnectionInfo, TransportError } from "@weir/transport"
import { transportError } from "@weir/transport"

export class MemoryConnection implements Connection {
  readonly info: ConnectionInfo = {
    layer: "memory",
    remoteAddress: "192.0.2.1",
    remotePort: 80,
    localAddress: "192.0.2.2",
    localPort: 40_000,
    timing: {}
  }
  isOpen = true
  hasMore = false
  isPaused = false
  /** What `write` answers; false until `drain`. */
  isFlowing = true
  /** What was written, as Latin-1, one element per call. */
  readonly writes: Array<string> = []
  #handler: ConnectionHandler | undefined
  #isClosedByUs = false
  #hasTold = false
  /** What the peer did while we were paused. */
  readonly #waiting: Array<() => void> = []

  get written(): string {
    return this.writes.join("")
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.#isClosedByUs || this.#hasTold) return false
    this.writes.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1"))
    return this.isFlowing
  }

  end(): void {
    this.isOpen = false
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  close(): void {
    this.#isClosedByUs = true
    this.isOpen = false
  }

  reset(): void {
    this.close()
  }

  ref(): void {}

  unref(): void {}

  /** The peer sends octets, given as Latin-1. */
  send(text: string): void {
    this.#event(() => {
      const chunk = Buffer.from(text, "latin1")
      this.#handler?.onData(chunk)
      chunk.fill(0xee)
    })
  }

  /** The peer sends FIN. */
  finish(): void {
    this.#event(() => {
      this.isOpen = false
      this.#handler?.onEnd()
    })
  }

  /** The peer sends RST; it reaches even a paused reader. */
  breakDown(): void {
    this.isOpen = false
    this.#tellClosed(
      transportError({ reason: "Reset", phase: "io", address: "192.0.2.1:80", detail: "the peer reset the connection" })
    )
  }

  /** What was queued has left. */
  drain(): void {
    this.isFlowing = true
    this.#event(() => this.#handler?.onDrain())
  }

  /** Lets the turns pass in which our own calls have their effects. */
  settle(): void {
    while (!this.isPaused && this.#waiting.length > 0) this.#waiting.shift()?.()
    if (this.#isClosedByUs) this.#tellClosed(undefined)
  }

  #event(deliver: () => void): void {
    this.#waiting.push(() => {
      if (!this.#isClosedByUs && !this.#hasTold) deliver()
    })
    this.settle()
  }

  #tellClosed(error: TransportError | undefined): void {
    if (this.#hasTold) return
    this.#hasTold = true
    this.#handler?.onClose(error)
  }
}
