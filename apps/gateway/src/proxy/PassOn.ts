/**
 * Passes an answer on to the caller as it comes, no faster than the caller takes it.
 */
import type { ServerResponse } from "node:http"
import type { ClientResponse } from "@weir/client"
import { Effect } from "effect"
import type { Incoming } from "../Listener.ts"
import { responseHeaders } from "./ForwardedHeaders.ts"
import { flagOf } from "./Outcome.ts"
import type { Progress } from "./Progress.ts"

/** Ends when the answer has been handed to the system, or was cut short. Whoever interrupts it discards the answer. */
export const passOn = (incoming: Incoming, answer: ClientResponse, progress: Progress): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const { response } = incoming
    const { headAfterMillis, leasedAfterMillis } = answer.timing
    progress.upstreamMillis = headAfterMillis - leasedAfterMillis
    progress.status = answer.status
    response.writeHead(answer.status, answer.head.reasonPhrase, responseHeaders(answer.head.headers))
    const onDrain = (): void => answer.resume()
    response.on("drain", onDrain)
    // Of an answer that is short and all here: Node joins a string with the head into one write, which takes a fifth off
    // the processor time of a small request (bytes go out beside the head, by writev).
    let whole = ""
    answer.pipeTo({
      onChunk: (chunk) => {
        progress.sentByteCount += chunk.length
        if (answer.isComplete && chunk.length <= wholeByteCountMax) {
          whole += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1")
          return true
        }
        // The chunk is borrowed, and the response keeps what it cannot send at once.
        return response.write(Buffer.from(chunk))
      },
      onEnd: () => {
        response.off("drain", onDrain)
        response.end(whole, "latin1", () => resume(Effect.void))
      },
      onError: (error) => {
        // Given up by this side, which says itself why.
        if (error.reason._tag === "Aborted") return
        progress.flags.add(flagOf(error))
        response.off("drain", onDrain)
        breakOff(response)
        resume(Effect.void)
      }
    })
    return Effect.sync(() => {
      response.off("drain", onDrain)
    })
  })

/** Node writes strings of up to this size without allocating. */
const wholeByteCountMax = 16_384

/**
 * Part of the answer is out: the end of its connection is the only way left to say that it is not whole. Where that end
 * would be the end of the body (HTTP/1.0), the connection is reset.
 */
export const breakOff = (response: ServerResponse): void => {
  if (response.req.httpVersion === "1.0") response.socket?.resetAndDestroy()
  response.destroy()
}
