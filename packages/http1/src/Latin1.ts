/**
 * Octets to text, one UTF-16 unit per octet, as HTTP's heads are read (RFC 9110 section 5.5) and as
 * `Connection.write` sends strings.
 *
 * `node:buffer` is there on all three runtimes and decodes 230 octets in some 70 to 120 ns; `TextDecoder` takes longer
 * and reads "latin1" as windows-1252, `String.fromCharCode` takes 600 ns (`bench/http1-codec.ts`).
 */
import { Buffer } from "node:buffer"

export const decodeLatin1 = (bytes: Uint8Array, start: number, end: number): string =>
  bytes instanceof Buffer
    ? bytes.toString("latin1", start, end)
    : Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1")
