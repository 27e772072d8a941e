/**
 * The leaner way in: status, headers, and the body as it is wanted, without the objects of the Fetch standard.
 */
import type { CallTiming, ClientResponse, WeirClientService } from "@weir/client"
import { Effect } from "effect"
import { type BodyInput, extractBody } from "./Body.ts"
import { type ExchangeCall, exchange } from "./Exchange.ts"
import type { FetchSettings } from "./Fetch.ts"
import { acceptEncoding, chunksOf, collect, type DecodingOptions, isCoded } from "./ResponseChunks.ts"
import { toWeirError, WeirError } from "./WeirError.ts"

export interface RequestOptions {
  readonly method?: string
  /** Several values of one name stand in an array. */
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body?: BodyInput | null
  readonly signal?: AbortSignal
  /** Redirects to follow. Default: the client's `http.redirectCountMax`, 0; then the redirect is given as the answer. */
  readonly redirectCountMax?: number
  /** Over the whole call, in milliseconds; default: the client's `requestTimeout`. */
  readonly timeoutMillis?: number
  readonly holder?: string
  readonly isIdempotent?: boolean
  /** Hold the body until the server says 100. */
  readonly expectsContinue?: boolean
  /** Undo content codings, and offer them. Default: the client's `http.isDecoding`, true. */
  readonly isDecoding?: boolean
}

/** The answer. Its body is read once: by one of `bytes`, `text`, `json` or a loop; otherwise `discard` it. */
export class WeirResponse implements AsyncIterable<Uint8Array> {
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

  async bytes(): Promise<Uint8Array> {
    if (this.response.isComplete && !isCoded(this.response, this.decoding)) return Effect.runSync(this.response.bytes)
    return await collect(this)
  }

  async text(): Promise<string> {
    return decoder.decode(await this.bytes())
  }

  /** The value is whatever the server sent; check it. */
  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return chunksOf(this.response, this.decoding, this.signal)[Symbol.asyncIterator]()
  }

  /** Gives up the body: a little is read to keep the connection, otherwise it is closed. */
  discard(): void {
    this.response.discard()
  }
}

const decoder = new TextDecoder()

/** Rejects with a `WeirError`, or with the signal's reason. */
export const makeRequest =
  (client: WeirClientService, settings: FetchSettings) =>
  async (input: string | URL, options: RequestOptions = {}): Promise<WeirResponse> => {
    const decoding =
      options.isDecoding === undefined ? settings.decoding : { ...settings.decoding, isDecoding: options.isDecoding }
    const redirectCountMax = options.redirectCountMax ?? settings.redirectCountMax ?? 0
    try {
      const { response, url } = await exchange(client, callOf(input, options, decoding.isDecoding), {
        signal: options.signal,
        redirect: redirectCountMax === 0 ? "manual" : "follow",
        redirectCountMax,
        rest: {
          ...(options.timeoutMillis === undefined ? {} : { timeout: options.timeoutMillis }),
          ...(options.holder === undefined ? {} : { holder: options.holder }),
          ...(options.isIdempotent === undefined ? {} : { isIdempotent: options.isIdempotent }),
          ...(options.expectsContinue === undefined ? {} : { expectsContinue: options.expectsContinue })
        }
      })
      return new WeirResponse(response, url.href, decoding, options.signal)
    } catch (cause) {
      if (options.signal?.aborted === true && cause === options.signal.reason) throw cause
      throw toWeirError(cause)
    }
  }

const callOf = (input: string | URL, options: RequestOptions, isDecoding: boolean): ExchangeCall => {
  if (!URL.canParse(input)) throw new WeirError("WEIR_INVALID_REQUEST", `not a URL: ${String(input)}`)
  const { body, contentType } = extractBody(options.body)
  const headers: Array<string> = []
  const seen = new Set<string>()
  for (const [name, values] of Object.entries(options.headers ?? {})) {
    seen.add(name.toLowerCase())
    for (const value of typeof values === "string" ? [values] : values) headers.push(name, value)
  }
  if (isDecoding && !seen.has("accept-encoding")) headers.push("Accept-Encoding", acceptEncoding)
  if (contentType !== undefined && !seen.has("content-type")) headers.push("Content-Type", contentType)
  const method = options.method ?? (body._tag === "Empty" ? "GET" : "POST")
  return { url: new URL(input), method, headers, body }
}

const toRecord = (raw: ReadonlyArray<string>): Record<string, string | Array<string>> => {
  const record: Record<string, string | Array<string>> = {}
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
