/**
 * The body of a request that came in, as a body to send on.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import { type Body, emptyBody } from "@weir/client"
import { Data, Stream } from "effect"
import type { Incoming } from "../Listener.ts"

/** Bodies up to this size are read whole before they are sent on: they can be sent again, to another endpoint. */
const replayableByteCountMax = 65_536

/** The caller's connection ended before its body did. */
export class IncomingBodyError extends Data.TaggedError("IncomingBodyError")<{ readonly cause: unknown }> {}

/** Gives up what it was returned for; nothing where that is over. */
export type Stop = () => void

/**
 * Reads a short body; a longer one is read as it is sent on, no faster than the endpoint takes it. A caller that waits
 * for `100 Continue` hears it when its body begins to be read. `onBytes` is told of all that is read; `settle` is
 * called once, and before this returns where there is nothing to wait for.
 */
export const readIncoming = (
  incoming: Incoming,
  onBytes: (byteCount: number) => void,
  settle: (body: Body | IncomingBodyError) => void
): Stop | undefined => {
  const { headers } = incoming.message
  const length = headers["content-length"]
  const byteCount = length === undefined ? undefined : Number(length)
  if (byteCount === 0 || (byteCount === undefined && headers["transfer-encoding"] === undefined)) {
    settle(emptyBody)
    return undefined
  }
  if (byteCount !== undefined && byteCount <= replayableByteCountMax) return readWhole(incoming, onBytes, settle)
  const stream = NodeStream.fromReadable<Uint8Array, IncomingBodyError>({
    evaluate: () => {
      incoming.continueBody()
      return incoming.message
    },
    onError: (cause) => new IncomingBodyError({ cause }),
    // The answer is written on the same connection.
    closeOnDone: false
  }).pipe(
    Stream.map((chunk) => {
      onBytes(chunk.length)
      return chunk
    })
  )
  settle({ _tag: "Stream", stream, byteCount })
  return undefined
}

const readWhole = (
  incoming: Incoming,
  onBytes: (byteCount: number) => void,
  settle: (body: Body | IncomingBodyError) => void
): Stop => {
  const { message } = incoming
  incoming.continueBody()
  const chunks: Array<Uint8Array> = []
  const onData = (chunk: Uint8Array): void => {
    onBytes(chunk.length)
    chunks.push(chunk)
  }
  const onEnd = (): void => {
    stop()
    settle({ _tag: "Bytes", bytes: Buffer.concat(chunks) })
  }
  const onError = (cause: unknown): void => {
    stop()
    settle(new IncomingBodyError({ cause }))
  }
  const stop = (): void => {
    message.off("data", onData)
    message.off("end", onEnd)
    message.off("error", onError)
  }
  message.on("data", onData)
  message.on("end", onEnd)
  message.on("error", onError)
  return stop
}
