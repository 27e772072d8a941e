/**
 * Response heads that were read lately, so that the same bytes need not be read again.
 *
 * A server mostly answers with the same head for as long as its `Date` is the same, on each of its connections. To compare
 * 200 bytes is a third of the work of scanning, framing and decoding them. What is found are the very bytes that have passed
 * every check, read for the same method and by the same limits; so nothing is accepted that would not be accepted otherwise.
 */
import { Buffer } from "node:buffer"
import { Framing } from "./Framing.ts"
import type { Http1Limits } from "./Http1Limits.ts"

interface KnownHead {
  readonly bytes: Buffer
  readonly text: string
  readonly framing: Framing
  readonly method: string
  readonly limits: Http1Limits
}

/** One place for each length, up to this many: some 200 KiB in all at most. */
const placeCount = 64
const byteCountMax = 1024
const places: Array<KnownHead | undefined> = new Array<undefined>(placeCount).fill(undefined)

const lf = 0x0a

/** The head of so many bytes that stands at `start`, if it is one that has been learned. */
export const knownHeadAt = (
  bytes: Uint8Array,
  start: number,
  byteCount: number,
  method: string,
  limits: Http1Limits
): KnownHead | undefined => {
  const end = start + byteCount
  // Where a head of another length stands, this is all that is spent.
  if (byteCount === 0 || end > bytes.length || bytes[end - 1] !== lf || bytes[end - 3] !== lf) return undefined
  const known = places[byteCount % placeCount]
  if (known === undefined || known.bytes.length !== byteCount) return undefined
  if (known.method !== method || known.limits !== limits) return undefined
  return known.bytes.compare(bytes, start, end) === 0 ? known : undefined
}

/** Keeps a final head that was read with nothing before it, and not for an upgrade. */
export const learnHead = (
  bytes: Uint8Array,
  start: number,
  end: number,
  method: string,
  limits: Http1Limits,
  text: string,
  framing: Framing
): void => {
  const byteCount = end - start
  if (byteCount > byteCountMax) return
  const known = new Framing()
  known.take(framing)
  places[byteCount % placeCount] = {
    bytes: Buffer.from(bytes.subarray(start, end)),
    text,
    framing: known,
    method,
    limits
  }
}
