/**
 * Bodies whose every byte tells where it stands, so that a byte lost, doubled or overwritten shows.
 */

/** `byteCount` bytes of a sequence that does not repeat within 64 KiB, the size of one read. */
export const patternBytes = (byteCount: number): Uint8Array => {
  const bytes = new Uint8Array(byteCount)
  for (let index = 0; index < byteCount; index++) bytes[index] = (index * 31 + (index >> 8) * 17 + (index >> 16)) & 0xff
  return bytes
}

/** The index of the first difference; -1 if there is none. */
export const firstDifference = (a: Uint8Array, b: Uint8Array): number => {
  if (a.length !== b.length) return Math.min(a.length, b.length)
  return a.findIndex((byte, index) => byte !== b[index])
}
