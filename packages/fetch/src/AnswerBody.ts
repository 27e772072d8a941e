/**
 * The body of `fetch`'s answer, which goes one of two ways: it is taken at once, in one piece and without the streams of the
 * Fetch standard, or it is opened as the stream that the standard has.
 */
import type { ClientResponse } from "@weir/client"
import { chunksOf, collect, type DecodingOptions, isCoded, rawChunksOf, wholeOf } from "./ResponseChunks.ts"

export class AnswerBody {
  /** `taken`: somebody has it, or waits for it, in one piece. `opened`: it goes by the stream from now on. */
  state: "unread" | "taken" | "opened" = "unread"
  private readonly response: ClientResponse
  private readonly signal: AbortSignal | undefined
  /** Present where content codings are to be undone. */
  private readonly decoded: AsyncIterable<Uint8Array<ArrayBuffer>> | undefined

  /** Throws a `WeirError` where the codings cannot be undone. */
  constructor(response: ClientResponse, decoding: DecodingOptions, signal: AbortSignal | undefined) {
    this.response = response
    this.signal = signal
    this.decoded = isCoded(response, decoding) ? chunksOf(response, decoding, signal) : undefined
  }

  /** All of it, at once if it is here. */
  take(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    if (this.state !== "unread") return Promise.reject(readAlready())
    this.state = "taken"
    const { decoded, response, signal } = this
    if (decoded !== undefined) return this.asFetch(collect(decoded))
    return response.isComplete ? response.takeUnsafe() : this.asFetch(wholeOf(response, signal))
  }

  /** As it comes, no faster than it is read. */
  open(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let chunks: AsyncIterator<Uint8Array<ArrayBuffer>> | undefined
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          if (this.state === "taken") throw readAlready()
          this.state = "opened"
          chunks ??= this.chunks()
          const next = await this.asFetch(chunks.next())
          if (next.done === true) controller.close()
          else controller.enqueue(next.value)
        },
        cancel: async () => {
          if (this.state !== "taken") await (chunks ?? this.chunks()).return?.()
        }
      },
      { highWaterMark: 0 }
    )
  }

  private chunks(): AsyncIterator<Uint8Array<ArrayBuffer>> {
    return (this.decoded ?? rawChunksOf(this.response, this.signal))[Symbol.asyncIterator]()
  }

  /** Fails as the Fetch standard has a body fail. */
  private asFetch<A>(reading: Promise<A>): Promise<A> {
    const { signal } = this
    return reading.catch((cause: unknown) => {
      throw signal?.aborted === true && cause === signal.reason ? cause : new TypeError("terminated", { cause })
    })
  }
}

export const readAlready = (): TypeError => new TypeError("the body of this Response has been read already")
