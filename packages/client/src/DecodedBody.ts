/**
 * An answer's body with its content codings undone, for Effect programs.
 */
import { Effect, Stream } from "effect"
import { ClientError, type ClientFailure, clientError } from "./ClientError.ts"
import { codingsOf, DecompressionBomb, type DecompressionLimits, decompress } from "./Decompression.ts"
import type { ClientResponse } from "./Request.ts"

/** What is read of an answer. */
export type AnswerBody = Pick<ClientResponse, "bytes" | "stream">

/** The body as the program wants it: the answer itself where nothing is to be undone. `call` names it in errors. */
export const decodedBody = (response: ClientResponse, limits: DecompressionLimits, call: () => string): AnswerBody => {
  const codings = codingsOf(response.head.get("content-encoding"))
  if (typeof codings !== "string" && codings.length === 0) return response
  const failed = (reason: ClientFailure, cause?: unknown): ClientError =>
    clientError({ reason, call: call(), retry: "never", retryCount: response.timing.retryCount, cause })
  if (typeof codings === "string") {
    response.discard()
    const error = Effect.fail(failed({ _tag: "BadCoding", kind: "limit", codings: [], detail: codings }))
    return { bytes: error, stream: Stream.fromEffect(error) }
  }
  const stream = Stream.suspend(
    () =>
      Stream.fromAsyncIterable(decompress(Stream.toAsyncIterable(response.stream), codings, limits), (cause) => {
        // What the connection said is passed on as it is.
        if (cause instanceof ClientError) return cause
        const kind = cause instanceof DecompressionBomb ? "limit" : "malformed"
        const detail = cause instanceof Error ? cause.message : String(cause)
        return failed({ _tag: "BadCoding", kind, codings, detail }, cause)
      })
    // A decoder that waits for bytes hears of its end only with the next ones: the answer itself is given up.
  ).pipe(Stream.ensuring(Effect.sync(() => response.discard())))
  return { stream, bytes: Effect.map(Stream.runCollect(stream), joined) }
}

const joined = (pieces: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}
