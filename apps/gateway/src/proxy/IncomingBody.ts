/**
 * The body of a request that came in, as a body to send on.
 */
import type { IncomingMessage } from "node:http"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { type Body, emptyBody } from "@weir/client"
import { Data, Effect } from "effect"

/** Bodies up to this size are read whole before they are sent on: they can be sent again, to another endpoint. */
const replayableByteCountMax = 65_536

/** The caller's connection ended before its body did. */
export class IncomingBodyError extends Data.TaggedError("IncomingBodyError")<{ readonly cause: unknown }> {}

export const readIncoming = (message: IncomingMessage): Effect.Effect<Body, IncomingBodyError> => {
  const length = message.headers["content-length"]
  if (length === undefined && message.headers["transfer-encoding"] === undefined) return Effect.succeed(emptyBody)
  const byteCount = length === undefined ? undefined : Number(length)
  if (byteCount === 0) return Effect.succeed(emptyBody)
  if (byteCount !== undefined && byteCount <= replayableByteCountMax) return readWhole(message)
  const stream = NodeStream.fromReadable<Uint8Array, IncomingBodyError>({
    evaluate: () => message,
    onError: (cause) => new IncomingBodyError({ cause }),
    // The answer is written on the same connection.
    closeOnDone: false
  })
  return Effect.succeed({ _tag: "Stream", stream, byteCount })
}

const readWhole = (message: IncomingMessage): Effect.Effect<Body, IncomingBodyError> =>
  Effect.callback((resume) => {
    const chunks: Array<Uint8Array> = []
    const onData = (chunk: Uint8Array): void => {
      chunks.push(chunk)
    }
    const onEnd = (): void => resume(Effect.succeed({ _tag: "Bytes", bytes: Buffer.concat(chunks) }))
    const onError = (cause: unknown): void => resume(Effect.fail(new IncomingBodyError({ cause })))
    message.on("data", onData)
    message.on("end", onEnd)
    message.on("error", onError)
    return Effect.sync(() => {
      message.off("data", onData)
      message.off("end", onEnd)
      message.off("error", onError)
    })
  })
