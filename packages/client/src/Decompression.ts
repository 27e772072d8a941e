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

/** How far an answer may unpack. */
export interface DecompressionLimits {
  /** An answer that unpacks to more than this many times its size is refused, beyond the first 10 MiB. */
  readonly ratioMax: number
  /** An answer that unpacks to more bytes than this is refused, whatever its ratio. */
  readonly byteCountMax: number
}

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
  constructor(packedByteCount: number, unpackedByteCount: number, limit: string) {
    super(`${packedByteCount} bytes have unpacked to ${unpackedByteCount}, more than ${limit} allows`)
  }
}

/** Undoes codings on a body as it is pulled. Stopping early destroys the decoders and returns the source. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  codings: ReadonlyArray<string>,
  limits: DecompressionLimits
): AsyncGenerator<Uint8Array, void, void> {
  const packed = source[Symbol.asyncIterator]()
  let packedByteCount = 0
  let body: AsyncIterator<Uint8Array> = {
    next: async () => {
      const next = await packed.next()
      if (next.done !== true) packedByteCount += next.value.length
      return next
    }
  }
  for (const coding of codings.toReversed()) body = through(body, coding)
  let unpackedByteCount = 0
  try {
    for (let next = await body.next(); next.done !== true; next = await body.next()) {
      unpackedByteCount += next.value.length
      if (unpackedByteCount > limits.byteCountMax) {
        throw new DecompressionBomb(packedByteCount, unpackedByteCount, `decodedByteCountMax ${limits.byteCountMax}`)
      }
      if (unpackedByteCount > unpackedByteCountFree && unpackedByteCount > packedByteCount * limits.ratioMax) {
        throw new DecompressionBomb(packedByteCount, unpackedByteCount, `decodedRatioMax ${limits.ratioMax}`)
      }
      yield next.value
    }
  } finally {
    // A generator that waits for its source hears of its end only when the source has answered: the source comes first.
    await packed.return?.()
    await body.return?.()
  }
}

async function* through(source: AsyncIterator<Uint8Array>, coding: string): AsyncGenerator<Uint8Array, void, void> {
  const first = await source.next()
  // An empty body is not even a header of its coding; it stays empty.
  if (first.done === true) return
  const decoder = decoders[coding]?.(first.value)
  if (decoder === undefined) throw new Error(`no decoder for the content coding ${coding}`)
  const feeding = feed(decoder, first.value, source)
  try {
    for await (const chunk of decoder) yield chunk
    await feeding
  } finally {
    decoder.destroy()
    // Not awaited: the source may be waiting for bytes, and ends when `decompress` has returned what it reads from.
    void source.return?.()
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
