/**
 * The body of an answer for promise users: pushed by the connection, pulled by the reader, decoded on the way.
 */
import {
  acceptEncoding,
  type ClientError,
  type ClientResponse,
  codingsOf,
  DecompressionBomb,
  type DecompressionLimits,
  decompress
} from "@weir/client"
import { Cause, Effect, Exit } from "effect"
import { toWeirError, WeirError } from "./WeirError.ts"

export { acceptEncoding }

/** The reader is this far behind at most before the connection is slowed down. */
const queuedByteCountMax = 65_536

export interface DecodingOptions {
  /** Undo content codings. */
  readonly isDecoding: boolean
  readonly limits: DecompressionLimits
}

/**
 * The decoded body, chunk by chunk. Leaving the loop early gives up the rest; an abort ends it with the signal's reason.
 */
export const chunksOf = (
  response: ClientResponse,
  decoding: DecodingOptions,
  signal: AbortSignal | undefined
): AsyncIterable<Uint8Array<ArrayBuffer>> => {
  const codings = decoding.isDecoding ? codingsOf(response.head.get("content-encoding")) : []
  if (typeof codings === "string") {
    response.discard()
    throw new WeirError("WEIR_CONTENT_CODING", `the answer has ${codings}`)
  }
  const raw = rawChunksOf(response, signal)
  return codings.length === 0 ? raw : decoded(raw, codings, decoding.limits)
}

/** `chunksOf` for a body that is wanted as it came. */
export const rawChunksOf = (response: ClientResponse, signal: AbortSignal | undefined): ChunkQueue =>
  new ChunkQueue(response, signal)

/**
 * The rest of a body that is wanted as it came, in one piece. Where nobody can abort it, the client puts it together, in
 * memory of the size that was announced.
 */
export const wholeOf = async (
  response: ClientResponse,
  signal: AbortSignal | undefined
): Promise<Uint8Array<ArrayBuffer>> => {
  if (signal !== undefined) return await collect(rawChunksOf(response, signal))
  const exit = await Effect.runPromiseExit(response.bytes)
  if (Exit.isSuccess(exit)) return exit.value
  throw toWeirError(Cause.squash(exit.cause))
}

/** Has the answer a coding that is to be undone? */
export const isCoded = (response: ClientResponse, decoding: DecodingOptions): boolean =>
  decoding.isDecoding && response.head.get("content-encoding") !== undefined

async function* decoded(
  raw: ChunkQueue,
  codings: ReadonlyArray<string>,
  limits: DecompressionLimits
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  try {
    // A decoder's pieces lie in memory that it shares with others.
    for await (const piece of decompress(raw, codings, limits)) yield new Uint8Array(piece)
  } catch (cause) {
    // What the connection or the caller's signal said is passed on as it is.
    if (cause instanceof WeirError || raw.hasFailedWith(cause)) throw cause
    const kind = cause instanceof DecompressionBomb ? "is a bomb" : `is no ${codings.join(", ")}`
    throw new WeirError("WEIR_CONTENT_CODING", `the body ${kind}: ${messageOf(cause)}`, { cause })
  }
}

/** Bytes between the connection that pushes them and the one loop that takes them. */
class ChunkQueue implements AsyncIterable<Uint8Array<ArrayBuffer>>, AsyncIterator<Uint8Array<ArrayBuffer>, void> {
  private readonly response: ClientResponse
  private readonly signal: AbortSignal | undefined
  private readonly chunks: Array<Uint8Array<ArrayBuffer>> = []
  private queuedByteCount = 0
  private isStarted = false
  private end: { readonly error: unknown } | "complete" | undefined
  private waiting:
    | { resolve: (next: IteratorResult<Uint8Array<ArrayBuffer>, void>) => void; reject: (error: unknown) => void }
    | undefined

  constructor(response: ClientResponse, signal: AbortSignal | undefined) {
    this.response = response
    this.signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  hasFailedWith(error: unknown): boolean {
    return typeof this.end === "object" && this.end.error === error
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    this.start()
    const chunk = this.chunks.shift()
    if (chunk !== undefined) {
      this.queuedByteCount -= chunk.length
      if (this.queuedByteCount < queuedByteCountMax) this.response.resume()
      return Promise.resolve({ done: false, value: chunk })
    }
    if (this.end === "complete") return Promise.resolve({ done: true, value: undefined })
    if (this.end !== undefined) return Promise.reject(this.end.error)
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.response.resume()
    })
  }

  return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    this.finish("complete")
    this.response.discard()
    return Promise.resolve({ done: true, value: undefined })
  }

  private start(): void {
    if (this.isStarted) return
    this.isStarted = true
    if (this.signal?.aborted === true) this.onAbort()
    this.signal?.addEventListener("abort", this.onAbort, { once: true })
    this.response.pipeTo({
      onChunk: (chunk) => this.push(chunk),
      onEnd: () => this.finish("complete"),
      // The signal may have been heard below before it is heard here.
      onError: (error: ClientError) =>
        this.finish({ error: this.signal?.aborted === true ? this.signal.reason : toWeirError(error) })
    })
  }

  private readonly onAbort = (): void => {
    this.finish({ error: this.signal?.reason })
    this.response.discard()
  }

  private push(chunk: Uint8Array): boolean {
    if (this.end !== undefined) return true
    // The chunk is borrowed; and `slice` copies nothing where it is a Buffer.
    const copy = new Uint8Array(chunk)
    const { waiting } = this
    if (waiting !== undefined) {
      this.waiting = undefined
      waiting.resolve({ done: false, value: copy })
      return true
    }
    this.chunks.push(copy)
    this.queuedByteCount += copy.length
    return this.queuedByteCount < queuedByteCountMax
  }

  private finish(end: { readonly error: unknown } | "complete"): void {
    if (this.end !== undefined) return
    this.end = end
    this.signal?.removeEventListener("abort", this.onAbort)
    const { waiting } = this
    this.waiting = undefined
    if (end === "complete") waiting?.resolve({ done: true, value: undefined })
    else waiting?.reject(end.error)
  }
}

/** All of it, in one piece. */
export const collect = async (chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> => {
  const parts: Array<Uint8Array<ArrayBuffer>> = []
  let byteCount = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    byteCount += chunk.length
  }
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  const whole = new Uint8Array(byteCount)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
