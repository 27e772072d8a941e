/**
 * The answer to `request`, as promise users see it.
 */
import type { CallTiming, ClientResponse } from "@weir/client"
import { chunksOf, collect, type DecodingOptions, isCoded, wholeOf } from "./ResponseChunks.ts"

/** The client's answer inside; not for users, to whom it would show an Effect. */
export let sourceOf: (response: WeirResponse) => ClientResponse

/** The answer. Its body is read once: by one of `bytes`, `text`, `json` or a loop; otherwise `discard` it. */
export class WeirResponse implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Where the answer came from, after redirects. */
  readonly url: string
  private readonly response: ClientResponse
  private readonly decoding: DecodingOptions
  private readonly signal: AbortSignal | undefined
  private cachedHeaders: Record<string, string | Array<string>> | undefined

  constructor(response: ClientResponse, url: string, decoding: DecodingOptions, signal: AbortSignal | undefined) {
    this.response = response
    this.url = url
    this.decoding = decoding
    this.signal = signal
  }

  static {
    sourceOf = (response) => response.response
  }

  get status(): number {
    return this.response.status
  }

  /** By name in lower case; a field that came more than once has its values in an array. */
  get headers(): Readonly<Record<string, string | Array<string>>> {
    this.cachedHeaders ??= toRecord(this.response.head.headers)
    return this.cachedHeaders
  }

  /** The first value of a field; cheaper than `headers` for one or two. */
  header(name: string): string | undefined {
    return this.response.head.get(name.toLowerCase())
  }

  /** How the call went: waiting, first byte, reused or fresh. */
  get timing(): CallTiming {
    return this.response.timing
  }

  /** Fields that followed a chunked body, once it has been read. */
  get trailers(): Readonly<Record<string, string | Array<string>>> {
    return toRecord(this.response.trailers)
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.isHere ? this.response.takeUnsafe() : await this.whole()
  }

  async text(): Promise<string> {
    return decoder.decode(this.isHere ? this.response.takeUnsafe() : await this.whole())
  }

  /** The value is whatever the server sent; check it. */
  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  /** Waits for the rest. */
  private whole(): Promise<Uint8Array<ArrayBuffer>> {
    return isCoded(this.response, this.decoding) ? collect(this) : wholeOf(this.response, this.signal)
  }

  /** Is the whole body here, as it is wanted? */
  private get isHere(): boolean {
    return this.response.isComplete && !isCoded(this.response, this.decoding)
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array<ArrayBuffer>> {
    return chunksOf(this.response, this.decoding, this.signal)[Symbol.asyncIterator]()
  }

  /** Gives up the body: a little is read to keep the connection, otherwise it is closed. */
  discard(): void {
    this.response.discard()
  }
}

const decoder = new TextDecoder()

const toRecord = (raw: ReadonlyArray<string>): Record<string, string | Array<string>> => {
  // Without a prototype: `constructor` and `__proto__` are names that a server may send.
  const record: Record<string, string | Array<string>> = Object.create(null)
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase()
    const value = raw[index + 1] ?? ""
    const before = record[name]
    if (before === undefined) record[name] = value
    else if (typeof before === "string") record[name] = [before, value]
    else before.push(value)
  }
  return record
}
