/**
 * A `ConnectionHandler` that writes down all it hears, and a `Connection` that catches it being called too early.
 */
import type { Connection, ConnectionHandler, TransportError } from "@weir/transport"
import { Effect } from "effect"

export type Heard = "data" | "end" | "drain" | "close"

export class Reader implements ConnectionHandler {
  /** In the order heard; neighbouring `data` are one. */
  readonly heard: Array<Heard> = []
  readonly #chunks: Array<Buffer> = []
  readonly #waiting = new Set<() => void>()
  byteCount = 0
  error: TransportError | undefined
  /** Set while a call to the connection runs: nothing may be heard then. */
  callDepth = 0
  readonly heardTooEarly: Array<Heard> = []
  /** Runs inside `onData`. */
  afterData: () => void = () => {}

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  get text(): string {
    return this.bytes.toString("latin1")
  }

  /** Done when what was heard makes `predicate` true. */
  until(predicate: (reader: this) => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const check = () => {
        if (!predicate(this)) return
        this.#waiting.delete(check)
        resume(Effect.void)
      }
      this.#waiting.add(check)
      check()
      return Effect.sync(() => this.#waiting.delete(check))
    })
  }

  untilHeard(what: Heard): Effect.Effect<void> {
    return this.until(() => this.heard.includes(what))
  }

  untilText(text: string): Effect.Effect<void> {
    return this.until(() => this.byteCount >= text.length && this.text === text)
  }

  onData(chunk: Uint8Array): void {
    this.byteCount += chunk.length
    this.#chunks.push(Buffer.from(chunk))
    this.#note("data")
    this.afterData()
  }

  onEnd(): void {
    this.#note("end")
  }

  onDrain(): void {
    this.#note("drain")
  }

  onClose(error: TransportError | undefined): void {
    this.error = error
    this.#note("close")
  }

  #note(what: Heard): void {
    if (this.callDepth > 0) this.heardTooEarly.push(what)
    if (what !== "data" || this.heard.at(-1) !== "data") this.heard.push(what)
    for (const check of [...this.#waiting]) check()
  }
}

/** The connection, telling `reader` for the time of each call that one is running. */
export const watched = (connection: Connection, reader: Reader): Connection => {
  const during = <A>(call: () => A): A => {
    reader.callDepth++
    try {
      return call()
    } finally {
      reader.callDepth--
    }
  }
  return {
    info: connection.info,
    get isOpen() {
      return connection.isOpen
    },
    get hasMore() {
      return connection.hasMore
    },
    attach: (handler) => during(() => connection.attach(handler)),
    write: (chunk) => during(() => connection.write(chunk)),
    end: () => during(() => connection.end()),
    pause: () => during(() => connection.pause()),
    resume: () => during(() => connection.resume()),
    close: () => during(() => connection.close()),
    get released() {
      return connection.released
    },
    reset: () => during(() => connection.reset()),
    ref: () => connection.ref(),
    unref: () => connection.unref()
  }
}
