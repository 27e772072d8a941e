/**
 * What the peer sends, on its way to the reader: handed over at once while the reader listens, kept while it does not.
 * It keeps promises 1 to 4 of a connection, for every kind of socket below it.
 *
 * Little is ever kept. The system's reads stop with `pause`, so what still arrives is the rest of one read that TLS had
 * already decrypted (some 64 KiB at most), what a runtime reads of a connection that breaks, and the end of the stream.
 */
import { nextTick } from "node:process"
import type { ConnectionHandler, TransportError } from "@weir/transport"

export class Inbound {
  readonly #readOn: () => void
  #handler: ConnectionHandler | undefined
  #isPaused = false
  /** The reader, while bytes may go straight to it: attached, not paused, and nothing kept that has to come first. */
  #listening: ConnectionHandler | undefined
  #kept: Array<Uint8Array> = []
  #isEndKept = false
  /** The read that brought the last bytes filled its memory. */
  #hasFilled = false
  #isDiscarding = false
  /** The socket is gone; `onClose` follows as soon as there is a reader to hear it. */
  #isClosed = false
  #isCloseTold = false
  #error: TransportError | undefined

  /** `readOn` makes the socket read: the reader listens and has heard all that was kept. */
  constructor(readOn: () => void) {
    this.#readOn = readOn
  }

  get handler(): ConnectionHandler | undefined {
    return this.#handler
  }

  /** See `Connection.hasMore`. */
  get hasMore(): boolean {
    return this.#hasFilled || !this.#isEmpty
  }

  get #isEmpty(): boolean {
    return this.#kept.length === 0 && !this.#isEndKept
  }

  /** Replaces the reader. The first starts to read; a later one hears what would have come to its predecessor. */
  attach(handler: ConnectionHandler): void {
    const isFirst = this.#handler === undefined
    this.#handler = handler
    if (this.#listening !== undefined) this.#listening = handler
    if (isFirst) this.#read()
  }

  /** The socket has to stop reading too; what it had read already is kept. */
  pause(): void {
    this.#isPaused = true
    this.#listening = undefined
  }

  resume(): void {
    this.#isPaused = false
    this.#read()
  }

  /**
   * Bytes in memory that is used again after this call, `hasFilled` if there was no room for more. False: nobody listens,
   * stop reading.
   */
  receive(chunk: Uint8Array, hasFilled = false): boolean {
    this.#hasFilled = hasFilled
    if (this.#listening !== undefined) this.#listening.onData(chunk)
    else if (!this.#isDiscarding) this.#kept.push(new Uint8Array(chunk))
    return this.#listening !== undefined
  }

  receiveEnd(): void {
    if (this.#listening !== undefined) this.#listening.onEnd()
    else if (!this.#isDiscarding) this.#isEndKept = true
  }

  /** The socket is gone, because of `error` if there is one. Not to be called inside a call of the connection. */
  receiveClose(error: TransportError | undefined): void {
    this.#isClosed = true
    this.#error = error
    this.#tellClose()
  }

  /** Our side closes: nobody will read what was kept, nor what the socket still tells, such as an end it just noticed. */
  discard(): void {
    this.#isDiscarding = true
    this.#listening = undefined
    this.#kept = []
    this.#isEndKept = false
    if (this.#isClosed && !this.#isCloseTold) nextTick(() => this.#tellClose())
  }

  /**
   * Reads on, if there is a reader that wants it: what was kept first, then the socket. Not inside the call (promise 1):
   * Deno's sockets may hand over what they hold while they are told to resume.
   */
  #read(): void {
    nextTick(() => this.#flush())
  }

  /** Hands over what was kept, until the reader pauses. */
  #flush(): void {
    while (this.#handler !== undefined && !this.#isPaused && !this.#isDiscarding) {
      const chunk = this.#kept.shift()
      if (chunk !== undefined) {
        this.#handler.onData(chunk)
        continue
      }
      this.#listening = this.#handler
      if (this.#isEndKept) {
        this.#isEndKept = false
        this.#handler.onEnd()
      }
      break
    }
    if (this.#listening !== undefined) this.#readOn()
    if (this.#isClosed) this.#tellClose()
  }

  /**
   * `onClose`, once. An orderly close waits behind bytes that were kept, so that it comes last; a failure does so only
   * while the reader is about to hear them. A paused reader learns of a failure at once: it may never resume.
   */
  #tellClose(): void {
    const handler = this.#handler
    if (this.#isCloseTold || handler === undefined) return
    const isImpatient = this.#error !== undefined && this.#isPaused
    if (!this.#isEmpty && !isImpatient) return
    this.#isCloseTold = true
    this.discard()
    handler.onClose(this.#error)
  }
}
