/**
 * Effect's `HttpBody`, whatever its kind, as a body that the client sends.
 */
import { Stream } from "effect"
import type { HttpBody } from "effect/http"
import { formBody } from "./FormBody.ts"
import { type Body, emptyBody } from "./Request.ts"

/** The body, and the header that only it knows: a form's boundary. */
export interface ConvertedBody {
  readonly body: Body
  readonly contentType?: string | undefined
}

/** A text instead: why the body cannot be sent. */
export const convertBody = (body: HttpBody.HttpBody): ConvertedBody | string => {
  switch (body._tag) {
    case "Empty":
      return { body: emptyBody }
    case "Uint8Array":
      return { body: { _tag: "Bytes", bytes: body.body } }
    case "Stream":
      return { body: { _tag: "Stream", stream: body.stream, byteCount: body.contentLength } }
    case "FormData":
      return formBody(body.formData)
    case "Raw":
      return convertRaw(body.body, body.contentLength)
  }
}

/** Can it be sent a second time? */
export const isReplayable = (body: HttpBody.HttpBody): boolean => {
  const converted = convertBody(body)
  if (typeof converted === "string") return false
  return converted.body._tag !== "Stream" || converted.body.isReplayable === true
}

const convertRaw = (body: unknown, byteCount: number | undefined): ConvertedBody | string => {
  if (body instanceof Uint8Array) return { body: { _tag: "Bytes", bytes: body } }
  if (typeof body === "string") return { body: { _tag: "Bytes", bytes: encoder.encode(body) } }
  if (body instanceof ArrayBuffer) return { body: { _tag: "Bytes", bytes: new Uint8Array(body) } }
  if (body instanceof URLSearchParams) return { body: { _tag: "Bytes", bytes: encoder.encode(body.toString()) } }
  if (body instanceof FormData) return formBody(body)
  if (body instanceof Blob) {
    // A Blob gives the same bytes each time it is read.
    const stream = Stream.suspend(() => streamOf(body.stream()))
    return { body: { _tag: "Stream", stream, byteCount: body.size, isReplayable: true } }
  }
  if (body instanceof ReadableStream) return { body: { _tag: "Stream", stream: streamOf(body), byteCount } }
  return `a raw body has to be bytes, a string, a Blob, a form or a ReadableStream, and it is ${describe(body)}`
}

const encoder = new TextEncoder()

const streamOf = (readable: ReadableStream<Uint8Array>): Stream.Stream<Uint8Array, unknown> =>
  Stream.fromReadableStream({ evaluate: () => readable, onError: (cause: unknown) => cause })

const describe = (value: unknown): string =>
  value === null || typeof value !== "object" ? String(value) : `a ${value.constructor.name}`
