/**
 * A plain-text connection as the stream that `node:tls` wants below it.
 *
 * Nothing is pulled: what the connection reads is pushed, so whoever has had enough pauses the connection.
 */
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import type { Connection, TransportError } from "@weir/transport"

export class PlainStream extends Duplex {
  readonly #plain: Connection
  #onSent: (() => void) | undefined
  #onClosed: (() => void) | undefined
  #isClosed = false
  /** Why the connection broke; absent while it has not, and after an orderly close. */
  failure: TransportError | undefined

  constructor(plain: Connection) {
    super({ allowHalfOpen: true, decodeStrings: true })
    this.#plain = plain
    plain.attach({
      // Borrowed bytes: TLS may take them in a later turn.
      onData: (chunk) => this.push(Buffer.from(chunk)),
      onEnd: () => this.push(null),
      onDrain: () => this.#tellSent(),
      onClose: (error) => {
        this.failure = error
        this.#isClosed = true
        this.destroy(error)
        this.#onClosed?.()
      }
    })
  }

  override _read(): void {
    // The connection reads by itself.
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (this.#plain.write(chunk)) done()
    else this.#onSent = done
  }

  override _final(done: () => void): void {
    this.#plain.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#plain.close()
    if (this.#isClosed) done(error)
    else this.#onClosed = () => done(error)
  }

  #tellSent(): void {
    const done = this.#onSent
    this.#onSent = undefined
    done?.()
  }
}
