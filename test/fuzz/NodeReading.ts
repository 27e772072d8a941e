/**
 * An answer as Node's own client reads it, in its strict mode, over a stream in memory in place of a socket.
 */
import { Buffer } from "node:buffer"
import { type IncomingMessage, request } from "node:http"
import { Duplex } from "node:stream"
import { bytesOf, type Input } from "./Inputs.ts"
import type { Reading } from "./Reading.ts"

/** A peer that says its piece once the request has come, and then FIN. */
export class Wire extends Duplex {
  readonly #pieces: ReadonlyArray<string>
  #hasSpoken = false

  constructor(pieces: ReadonlyArray<string>) {
    super()
    this.#pieces = pieces
  }

  override _read(): void {
    // All is pushed at once.
  }

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
    this.speak()
  }

  /** Once; the first write calls it as well. */
  speak(): void {
    if (this.#hasSpoken) return
    this.#hasSpoken = true
    for (const piece of this.#pieces) this.push(bytesOf(piece))
    this.push(null)
  }

  // What node:http asks of a socket.
  setTimeout(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}

export const readByNode = ({ method, pieces }: Pick<Input, "method" | "pieces">): Promise<Reading> =>
  new Promise((resolve) => {
    const refuse = (error: Error & { readonly code?: string }): void =>
      resolve({ _tag: "refused", why: error.code ?? error.message })
    const interims: Array<string> = []
    const wire = new Wire(pieces)
    const outgoing = request({ createConnection: () => wire, method, insecureHTTPParser: false })
    outgoing.on("error", refuse)
    let hasResponse = false
    outgoing.on("close", () => {
      if (!hasResponse) resolve({ _tag: "refused", why: "closed without an answer" })
    })
    outgoing.on("information", ({ httpVersion, rawHeaders, statusCode }) =>
      interims.push(`${httpVersion} ${statusCode} ${rawHeaders.join()}`)
    )
    outgoing.on("upgrade", () => {
      wire.destroy()
      resolve({ _tag: "refused", why: "an upgrade" })
    })
    outgoing.on("response", (response: IncomingMessage) => {
      hasResponse = true
      const bodyPieces: Array<Buffer> = []
      response.on("error", refuse)
      response.on("data", (piece: Buffer) => bodyPieces.push(piece))
      response.on("end", () => {
        const { httpVersion, rawHeaders, rawTrailers, statusCode, statusMessage } = response
        resolve({
          _tag: "accepted",
          hasExcess: false,
          answer: {
            interims,
            line: `${httpVersion} ${statusCode} ${statusMessage}`,
            headers: rawHeaders,
            body: Buffer.concat(bodyPieces).toString("latin1"),
            trailers: rawTrailers
          }
        })
      })
    })
    outgoing.end()
  })
