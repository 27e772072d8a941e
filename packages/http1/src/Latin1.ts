/**
 * Octets to text, one UTF-16 unit per octet, as HTTP's heads are read (RFC 9110 section 5.5) and as
 * `Connection.write` sends strings.
 *
 * `node:buffer` is there on all three runtimes and takes 80 to 140 ns for 224 octets. `TextDecoder` takes 140 to 500 and
 * reads "latin1" as windows-1252; to copy the octets, and decode them when asked, takes 300 on Node and Deno, where small
 * arrays are dear, and 50 on Bun (`bench/http1-codec.ts`).
 */
import { Buffer } from "node:buffer"

export const decodeLatin1 = (bytes: Uint8Array, start: number, end: number): string =>
  bytes instanceof Buffer
    ? bytes.toString("latin1", start, end)
    : Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1")
