/**
 * Content codings of an answer (RFC 9110 section 8.4), undone by the runtime's own zlib, with a limit against bombs.
 */

import type { Transform } from "node:stream"
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  constants as zlib
} from "node:zlib"

/** What `Accept-Encoding` may offer. */
export const acceptEncoding = "gzip, deflate, br, zstd"

/** More codings than this on one answer are refused (undici's limit). */
const codingsMax = 5

/** A small answer may unpack to this, whatever its ratio. */
const unpackedByteCountFree = 10 * 1024 * 1024

export interface DecompressionLimits {
  /** An answer that unpacks to more than this many times its size is refused, beyond the first 10 MiB. Default 100. */
  readonly ratioMax: number
}

export const defaultDecompressionLimits: DecompressionLimits = { ratioMax: 100 }

/** The codings of an answer in the order in which they were applied; a text says why they cannot be undone. */
export const codingsOf = (contentEncoding: string | undefined): ReadonlyArray<string> | string => {
  if (contentEncoding === undefined) return []
  const codings = contentEncoding
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity")
  if (codings.length > codingsMax) return `${codings.length} content codings, more than ${codingsMax}`
  // An unknown coding is passed on as it came: the reader may know it.
  return codings.every((coding) => coding in decoders) ? codings : []
}

const decoders: Readonly<Record<string, (first: Uint8Array) => Transform>> = {
  gzip: () => createGunzip({ flush: zlib.Z_SYNC_FLUSH, finishFlush: zlib.Z_SYNC_FLUSH }),
  "x-gzip": () => createGunzip({ flush: zlib.Z_SYNC_FLUSH, finishFlush: zlib.Z_SYNC_FLUSH }),
  // Servers send both the zlib format and the raw one under this name; the first byte tells them apart.
  deflate: (first) => (((first[0] ?? 0) & 0x0f) === 0x08 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress()
}

/** The answer unpacks to more than the limits allow. */
export class DecompressionBomb extends Error {
  constructor(packedByteCount: number, unpackedByteCount: number, ratioMax: number) {
    super(`${packedByteCount} bytes have unpacked to ${unpackedByteCount}, more than ${ratioMax} times their size`)
  }
}

/** Undoes codings on a body as it is pulled. Stopping early destroys the decoders. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  codings: ReadonlyArray<string>,
  limits: DecompressionLimits
): AsyncGenerator<Uint8Array, void, void> {
  let packedByteCount = 0
  const counted = (async function* () {
    for await (const chunk of source) {
      packedByteCount += chunk.length
      yield chunk
    }
  })()
  let unpackedByteCount = 0
  let body: AsyncIterable<Uint8Array> = counted
  for (const coding of codings.toReversed()) body = through(body, coding)
  for await (const chunk of body) {
    unpackedByteCount += chunk.length
    if (unpackedByteCount > unpackedByteCountFree && unpackedByteCount > packedByteCount * limits.ratioMax) {
      throw new DecompressionBomb(packedByteCount, unpackedByteCount, limits.ratioMax)
    }
    yield chunk
  }
}

async function* through(source: AsyncIterable<Uint8Array>, coding: string): AsyncGenerator<Uint8Array, void, void> {
  const iterator = source[Symbol.asyncIterator]()
  const first = await iterator.next()
  // An empty body is not even a header of its coding; it stays empty.
  if (first.done === true) return
  const decoder = decoders[coding]?.(first.value)
  if (decoder === undefined) throw new Error(`no decoder for the content coding ${coding}`)
  const feeding = feed(decoder, first.value, iterator)
  try {
    for await (const chunk of decoder) yield chunk
    await feeding
  } finally {
    decoder.destroy()
    await iterator.return?.()
  }
}

/** Writes the packed bytes, no faster than they are unpacked; a failure of the source becomes the decoder's. */
const feed = async (decoder: Transform, first: Uint8Array, rest: AsyncIterator<Uint8Array>): Promise<void> => {
  try {
    let next: IteratorResult<Uint8Array> = { done: false, value: first }
    while (next.done !== true && !decoder.destroyed) {
      if (!decoder.write(next.value)) await drained(decoder)
      next = await rest.next()
    }
    decoder.end()
  } catch (cause) {
    decoder.destroy(cause instanceof Error ? cause : new Error(String(cause)))
  }
}

const drained = (decoder: Transform): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      decoder.off("drain", done)
      decoder.off("close", done)
      resolve()
    }
    decoder.on("drain", done)
    decoder.on("close", done)
  })
