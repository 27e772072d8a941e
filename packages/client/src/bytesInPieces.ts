/**
 * Many bytes at once, sent as a stream that can be sent again: so that how fast the server takes them is seen, the time
 * for the answer's head begins when they have left, and an early refusal stops them.
 */
import { Stream } from "effect"
import type { ClientRequest } from "./Request.ts"

/** Up to this many bytes are written at once: systems hold about as many. */
const wholeByteCountMax = 262_144
const pieceByteCount = 65_536

export const withBytesInPieces = (request: ClientRequest, bytes: Uint8Array): ClientRequest => {
  const byteCount = bytes.length
  if (byteCount <= wholeByteCountMax) return request
  const pieces = Stream.suspend(() =>
    Stream.fromIterable(
      Array.from({ length: Math.ceil(byteCount / pieceByteCount) }, (_, index) =>
        bytes.subarray(index * pieceByteCount, (index + 1) * pieceByteCount)
      )
    )
  )
  return { ...request, body: { _tag: "Stream", stream: pieces, byteCount, isReplayable: true } }
}
