/**
 * A body of the Fetch standard's `Response`, read as the work says.
 */
import { check, type Work } from "./works.ts"

/** As much of `Response` as is read: each library declares its own. */
interface Readable {
  readonly text: () => Promise<string>
  readonly arrayBuffer: () => Promise<ArrayBuffer>
  readonly body: AsyncIterable<Uint8Array> | null
}

export const readResponse = async (response: Readable, work: Work): Promise<void> => {
  if (work.reading === "text") check(work, (await response.text()).length)
  else if (work.reading === "bytes") check(work, (await response.arrayBuffer()).byteLength)
  else {
    let byteCount = 0
    for await (const piece of response.body ?? []) byteCount += piece.length
    check(work, byteCount)
  }
}
