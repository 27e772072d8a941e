/**
 * What the peer sends, on its way to the reader: handed over at once while the reader listens, kept while it does not.
 *
 * Little is ever kept. The system's reads stop with `pause`, so what still arrives is the rest of one read that TLS had
 * already decrypted (some 64 KiB at most), and the end of the stream that Node had already noticed.
 */
import type { ConnectionHandler } from "@weir/transport"

export class Inbound {
  #handler: ConnectionHandler | undefined
  #isPaused = false
  /** The reader, while bytes may go straight to it: attached, not paused, and nothing kept that has to come first. */
  #listening: ConnectionHandler | undefined
  #kept: Array<Uint8Array> = []
  #isEndKept = false
  #isDiscarding = false

  get handler(): ConnectionHandler | undefined {
    return this.#handler
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0 && !this.#isEndKept
  }

  /**
   * The first `byteCount` bytes of `buffer` were read; `buffer` is used again after this call. False: nobody listens, stop
   * reading. (A `pause` right after the first `resume` is not enough: Node starts to read in the next tick nevertheless.)
   */
  receive(byteCount: number, buffer: Uint8Array): boolean {
    if (this.#listening !== undefined) this.#listening.onData(buffer.subarray(0, byteCount))
    else if (!this.#isDiscarding) this.#kept.push(new Uint8Array(buffer.subarray(0, byteCount)))
    return this.#listening !== undefined
  }

  receiveEnd(): void {
    if (this.#listening !== undefined) this.#listening.onEnd()
    else if (!this.#isDiscarding) this.#isEndKept = true
  }

  /** Replaces the reader. It hears nothing before the next `flush`, unless it replaces one that was listening. */
  attach(handler: ConnectionHandler): void {
    this.#handler = handler
    if (this.#listening !== undefined) this.#listening = handler
  }

  pause(): void {
    this.#isPaused = true
    this.#listening = undefined
  }

  unpause(): void {
    this.#isPaused = false
  }

  /** Hands over what was kept, until the reader pauses. True: it has heard all of it and listens. */
  flush(): boolean {
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
    return this.#listening !== undefined
  }

  /** Our side closes: nobody will read what was kept, nor what Node still tells, such as an end it noticed just before. */
  discard(): void {
    this.#isDiscarding = true
    this.#listening = undefined
    this.#kept = []
    this.#isEndKept = false
  }
}
