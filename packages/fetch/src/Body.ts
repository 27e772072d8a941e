/**
 * The bodies that `fetch` and `request` take, as bodies that the client sends.
 */
import { type Body, emptyBody, formBody } from "@weir/client"
import { Effect, Stream } from "effect"
import { WeirError } from "./WeirError.ts"

/** What may be given as a body: what `fetch` takes, and async iterables of bytes. */
export type BodyInput =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | FormData
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>

/** A body as the client sends it, and the type that goes with it. */
export interface ExtractedBody {
  readonly body: Body
  /** What `Content-Type` is where the caller gave none (Fetch standard, section 5.1 "extract a body"). */
  readonly contentType: string | undefined
}

const encoder = new TextEncoder()

/** Throws a `WeirError` with code `WEIR_INVALID_REQUEST` for what cannot be sent. */
export const extractBody = (input: BodyInput | null | undefined): ExtractedBody => {
  if (input === null || input === undefined) return { body: emptyBody, contentType: undefined }
  if (typeof input === "string") return bytes(encoder.encode(input), "text/plain;charset=UTF-8")
  if (input instanceof URLSearchParams) {
    return bytes(encoder.encode(input.toString()), "application/x-www-form-urlencoded;charset=UTF-8")
  }
  if (input instanceof Uint8Array) return bytes(input, undefined)
  if (input instanceof ArrayBuffer) return bytes(new Uint8Array(input), undefined)
  if (ArrayBuffer.isView(input)) {
    return bytes(new Uint8Array(input.buffer, input.byteOffset, input.byteLength), undefined)
  }
  if (input instanceof Blob) {
    // A Blob gives the same bytes each time it is read.
    const stream = Stream.unwrap(Effect.sync(() => fromReadable(input.stream())))
    return {
      body: { _tag: "Stream", stream, byteCount: input.size, isReplayable: true },
      contentType: input.type === "" ? undefined : input.type
    }
  }
  if (input instanceof FormData) return formBody(input)
  if (input instanceof ReadableStream)
    return { body: { _tag: "Stream", stream: fromReadable(input) }, contentType: undefined }
  if (isAsyncIterable(input)) {
    const stream = Stream.fromAsyncIterable(input, (cause: unknown) => cause)
    return { body: { _tag: "Stream", stream }, contentType: undefined }
  }
  throw new WeirError("WEIR_INVALID_REQUEST", `the body is of a kind that cannot be sent: ${typeof input}`)
}

const bytes = (content: Uint8Array, contentType: string | undefined): ExtractedBody => ({
  body: { _tag: "Bytes", bytes: content },
  contentType
})

const fromReadable = (readable: ReadableStream<Uint8Array>): Stream.Stream<Uint8Array, unknown> =>
  Stream.fromReadableStream({ evaluate: () => readable, onError: (cause: unknown) => cause })

const isAsyncIterable = (value: unknown): value is AsyncIterable<Uint8Array> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value
