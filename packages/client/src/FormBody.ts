/**
 * A form as `multipart/form-data` (RFC 7578, as the HTML standard's section 4.10.21.8 encodes it), of known length and as
 * often as it is asked for: files are read as they are sent.
 */
import { Stream } from "effect"
import type { Body } from "./Request.ts"

/** The body, and the field that names its boundary. */
export interface FormBody {
  readonly body: Body
  readonly contentType: string
}

export const formBody = (form: FormData): FormBody => {
  // The runtime takes boundaries from a source that nobody can predict, so that no value can pretend to be a part.
  const contentType = new Response(form).headers.get("content-type") ?? ""
  const boundary = /boundary="?([^";]+)/.exec(contentType)?.[1]
  if (boundary === undefined) throw new Error(`the runtime gives a form no boundary, but the type "${contentType}"`)
  const pieces: Array<Uint8Array | Blob> = []
  let text = ""
  for (const [name, value] of form) {
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(withLineEnds(name))}"`
    if (typeof value === "string") {
      text += `\r\n\r\n${withLineEnds(value)}\r\n`
      continue
    }
    const type = value.type === "" ? "application/octet-stream" : value.type
    text += `; filename="${escaped(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`
    pieces.push(encoder.encode(text), value)
    text = "\r\n"
  }
  const end = encoder.encode(`${text}--${boundary}--\r\n`)
  if (pieces.length === 0) return { body: { _tag: "Bytes", bytes: end }, contentType }
  pieces.push(end)
  const byteCount = pieces.reduce((sum, piece) => sum + (piece instanceof Blob ? piece.size : piece.length), 0)
  return { body: { _tag: "Stream", stream: streamOf(pieces), byteCount, isReplayable: true }, contentType }
}

const encoder = new TextEncoder()

const streamOf = (pieces: ReadonlyArray<Uint8Array | Blob>): Stream.Stream<Uint8Array, unknown> =>
  Stream.flatMap(Stream.fromIterable(pieces), (piece) =>
    piece instanceof Blob
      ? Stream.fromReadableStream({ evaluate: () => piece.stream(), onError: (cause: unknown) => cause })
      : Stream.make(piece)
  )

const withLineEnds = (text: string): string => text.replace(/\r\n|\r|\n/g, "\r\n")

/** What would end the quoted name. */
const escaped = (name: string): string => name.replace(/[\r\n"]/g, (character) => escapes[character] ?? "")

const escapes: Readonly<Record<string, string>> = { "\r": "%0D", "\n": "%0A", '"': "%22" }
