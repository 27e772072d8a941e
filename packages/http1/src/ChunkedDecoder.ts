/**
 * The chunked coding (RFC 9112 section 7.1), read octet by octet and resumable at each, up to the last chunk's CRLF.
 * The trailer section behind it is field lines, and not read here.
 *
 * Strict: a size is one to sixteen hexadecimal digits and nothing else, no sign, no `0x`, no whitespace around it; each
 * line ends with CRLF; extensions follow their grammar, without the "bad" whitespace that the RFC lets a lenient reader
 * skip. Extensions are checked, counted against a limit, and mean nothing to us, as the RFC asks.
 */
import type { Fault } from "./Fault.ts"
import { malformed, tooLarge } from "./Fault.ts"
import { fieldOctets, formatOctet, tokenOctets } from "./Octets.ts"

const cr = 0x0d
const lf = 0x0a
const semicolon = 0x3b
const equals = 0x3d
const quote = 0x22
const backslash = 0x5c

// Phases, one number each, for the same reason as the scanner's.
const atSize = 0
const inSize = 1
const atExtensionName = 2
const inExtensionName = 3
const atExtensionValue = 4
const inExtensionToken = 5
const inQuotedString = 6
const inQuotedPair = 7
const behindQuotedString = 8
const atSizeLineFeed = 9
const inData = 10
const atDataCr = 11
const atDataLineFeed = 12
const atEnd = 13

/** Enough for any size, and a bound for leading zeros. */
const sizeDigitCountMax = 16

/** The value of a hexadecimal digit, 16 for any other octet. */
const digitValues = Uint8Array.from({ length: 256 }, (_, octet) => {
  const value = Number.parseInt(String.fromCharCode(octet), 16)
  return Number.isNaN(value) ? 16 : value
})

export class ChunkedDecoder {
  /** The body bytes found by the last `step`: from `dataStart` to `dataEnd`, empty when they are equal. */
  dataStart = 0
  dataEnd = 0
  /** Set when an octet was refused; `step` must not be called again. */
  fault: Fault | undefined
  #phase = atSize
  #sizeDigitCount = 0
  /** While in a size: its value so far. While in data: what is left of it. */
  #byteCount = 0
  #isLastChunk = false
  #extensionByteCount = 0
  #extensionByteCountMax = 0

  begin(extensionByteCountMax: number): void {
    this.fault = undefined
    this.#phase = atSize
    this.#extensionByteCount = 0
    this.#extensionByteCountMax = extensionByteCountMax
  }

  /** The last chunk has been read: what follows is the trailer section. */
  get isAtEnd(): boolean {
    return this.#phase === atEnd
  }

  /**
   * Reads from `start`, up to the end of the first piece of data, of the coding, or of the octets. Returns the index
   * behind what it read.
   */
  step(bytes: Uint8Array, start: number, end: number): number {
    let index = start
    this.dataStart = this.dataEnd = start
    while (index < end) {
      const octet = bytes[index] ?? 0
      switch (this.#phase) {
        case atSize:
          this.#byteCount = 0
          this.#sizeDigitCount = 0
          this.#phase = inSize
          break
        case inSize: {
          const value = digitValues[octet] ?? 16
          if (value < 16) {
            this.#byteCount = this.#byteCount * 16 + value
            this.#sizeDigitCount++
            if (this.#byteCount > Number.MAX_SAFE_INTEGER || this.#sizeDigitCount > sizeDigitCountMax) {
              return this.#refuse(index, `a chunk size has at most ${sizeDigitCountMax} digits and is below 2^53`)
            }
            index++
            break
          }
          if (this.#sizeDigitCount === 0) return this.#refuseOctet(index, octet, "a chunk begins with its size")
          this.#isLastChunk = this.#byteCount === 0
          if (octet === cr) this.#phase = atSizeLineFeed
          else if (octet === semicolon) this.#phase = atExtensionName
          else return this.#refuseOctet(index, octet, "a chunk size is followed by CRLF or an extension, nothing else")
          index++
          break
        }
        case atSizeLineFeed:
          if (octet !== lf) return this.#refuseOctet(index, octet, "CR is followed by LF")
          index++
          if (this.#isLastChunk) {
            this.#phase = atEnd
            return index
          }
          this.#phase = inData
          break
        case inData: {
          const byteCount = Math.min(this.#byteCount, end - index)
          this.dataStart = index
          this.dataEnd = index + byteCount
          this.#byteCount -= byteCount
          if (this.#byteCount === 0) this.#phase = atDataCr
          return this.dataEnd
        }
        case atDataCr:
          if (octet !== cr)
            return this.#refuseOctet(index, octet, "chunk data of the announced size is followed by CRLF")
          this.#phase = atDataLineFeed
          index++
          break
        case atDataLineFeed:
          if (octet !== lf) return this.#refuseOctet(index, octet, "CR is followed by LF")
          this.#phase = atSize
          index++
          break
        default:
          if (this.#extensionByteCount === this.#extensionByteCountMax) {
            this.fault = tooLarge(
              `the chunk extensions are longer than ${this.#extensionByteCountMax} bytes, the limit set by chunkExtensionByteCountMax`
            )
            return index
          }
          this.#extensionByteCount++
          if (!this.#acceptExtensionOctet(octet)) {
            return this.#refuseOctet(index, octet, 'a chunk extension is `;name`, `;name=token` or `;name="text"`')
          }
          index++
      }
    }
    return index
  }

  /** RFC 9112 section 7.1.1, RFC 9110 section 5.6.4. */
  #acceptExtensionOctet(octet: number): boolean {
    switch (this.#phase) {
      case atExtensionName:
        this.#phase = inExtensionName
        return tokenOctets[octet] === 1
      case inExtensionName:
        if (tokenOctets[octet] === 1) return true
        if (octet !== equals) return this.#endExtension(octet)
        this.#phase = atExtensionValue
        return true
      case atExtensionValue:
        this.#phase = octet === quote ? inQuotedString : inExtensionToken
        return octet === quote || tokenOctets[octet] === 1
      case inExtensionToken:
        return tokenOctets[octet] === 1 || this.#endExtension(octet)
      case inQuotedString:
        if (octet === quote) this.#phase = behindQuotedString
        else if (octet === backslash) this.#phase = inQuotedPair
        return fieldOctets[octet] === 1
      case inQuotedPair:
        this.#phase = inQuotedString
        return fieldOctets[octet] === 1
      default:
        return this.#endExtension(octet)
    }
  }

  #endExtension(octet: number): boolean {
    this.#phase = octet === cr ? atSizeLineFeed : atExtensionName
    return octet === cr || octet === semicolon
  }

  #refuseOctet(index: number, octet: number, rule: string): number {
    return this.#refuse(index, `octet ${formatOctet(octet)} in the chunked coding: ${rule}`)
  }

  #refuse(index: number, detail: string): number {
    this.fault = malformed(`${detail} (RFC 9112 section 7.1)`)
    return index
  }
}
