/**
 * Sends a request's body from a stream, no faster than the connection takes it.
 */
import { Effect, Stream } from "effect"

/** Where the pieces go. */
export interface BodyWriter {
  writeBody(chunk: Uint8Array): boolean
  whenSendable(callback: () => void): void
}

/** Ends when the stream ends and everything has been handed over; fails when the stream fails. */
export const sendStream = (
  stream: Stream.Stream<Uint8Array, unknown>,
  writer: BodyWriter
): Effect.Effect<void, unknown> =>
  Stream.runForEach(stream, (chunk) =>
    Effect.suspend(() => (writer.writeBody(chunk) ? Effect.void : waitUntilSendable(writer)))
  )

const waitUntilSendable = (writer: BodyWriter): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    writer.whenSendable(() => resume(Effect.void))
  })
