/**
 * Reads a status line and field lines, or field lines alone (trailers), up to the empty line that ends them.
 *
 * The scanner looks at each octet once, in order, and refuses the first that breaks the grammar. It can stop anywhere
 * and go on when more octets have been appended to the same section, so how a peer splits its answer changes nothing.
 * It keeps numbers only: how many fields there are, and where the values of those stand that say how the message is
 * framed and whether the connection persists.
 *
 * Strict where a lenient reader and a strict one would see different messages (RFC 9112 sections 2.2, 5.1, 5.2 and 11.1):
 * bare CR, bare LF, obs-fold, whitespace before the colon, control characters and empty names are all refused.
 */
import type { Fault } from "./Fault.ts"
import { malformed, tooLarge } from "./Fault.ts"
import { fieldOctets, formatOctet, octetsOf, tokenOctets } from "./Octets.ts"

/** What `scan` returns in place of an index: the section goes on, or, with `fault` set, was refused. */
export const scanUnfinished = -1

/** The fields that concern the session itself. */
export type NotableName = "connection" | "content-length" | "keep-alive" | "transfer-encoding" | "upgrade"

/** Where the value of a notable field stands, counted from the section's start, without the whitespace around it. */
export interface NotableField {
  name: NotableName
  valueStart: number
  valueEnd: number
}

const cr = 0x0d
const lf = 0x0a
const space = 0x20
const tab = 0x09
const colon = 0x3a

// The scanner's phases, one number each: a switch over strings costs a third of the scan's speed.
const inStatusCode = 0
const afterStatusCode = 1
const inReason = 2
const atLineFeed = 3
const atLineStart = 4
const inName = 5
const inValue = 6
const atLastLineFeed = 7

/** A status line's first 12 octets lie between these two: HTTP-version is case-sensitive (RFC 9112 sections 2.3 and 4). */
const statusLineLowest = octetsOf("HTTP/1.0 100")
const statusLineHighest = octetsOf("HTTP/1.1 999")
const statusLineLength = statusLineLowest.length

const notableNames: ReadonlyArray<readonly [NotableName, Uint8Array]> = (
  ["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"] as const
).map((name) => [name, octetsOf(name)])

/** For each length of a name: is there a notable one? */
const notableLengths = Uint8Array.from({ length: 18 }, (_, length) =>
  notableNames.some(([name]) => name.length === length) ? 1 : 0
)

/**
 * Does `lowerCase` stand at `start`, whatever its case? Both are tokens made of letters and hyphens: of all token octets
 * only a letter's two cases give the letter, and only the hyphen gives the hyphen, when bit 5 is set.
 */
export const equalsToken = (bytes: Uint8Array, start: number, lowerCase: Uint8Array): boolean => {
  for (let index = 0; index < lowerCase.length; index++) {
    if (((bytes[start + index] ?? 0) | 0x20) !== lowerCase[index]) return false
  }
  return true
}

export class HeadScanner {
  /** Field lines begun so far. */
  fieldCount = 0
  /** How many entries of `notable` belong to this section; those behind are left from earlier ones, for reuse. */
  notableCount = 0
  readonly notable: Array<NotableField> = []
  /** Set when an octet or a limit was refused; `scan` must not be called again before `begin`. */
  fault: Fault | undefined
  #section: "head" | "trailers" = "head"
  #phase = inStatusCode
  #scannedCount = 0
  #nameStart = 0
  #valueStart = 0
  #valueName: NotableName | undefined
  #byteCountMax = 0
  #fieldCountMax = 0

  /** Prepares for a new section of at most so many bytes and field lines. */
  begin(section: "head" | "trailers", byteCountMax: number, fieldCountMax: number): void {
    this.fieldCount = 0
    this.notableCount = 0
    this.fault = undefined
    this.#section = section
    this.#phase = section === "head" ? inStatusCode : atLineStart
    this.#scannedCount = 0
    this.#byteCountMax = byteCountMax
    this.#fieldCountMax = fieldCountMax
  }

  /** Octets looked at so far. */
  get scannedCount(): number {
    return this.#scannedCount
  }

  /**
   * Goes on in the section that begins at `start` of `bytes`, whose octets up to `end` are there. Returns the index
   * behind the section, or `scanUnfinished`. When the section goes on, the octets already scanned may have moved to other
   * memory, but must still precede the new ones.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const limit = start + this.#byteCountMax
    const stop = Math.min(end, limit)
    let index = start + this.#scannedCount
    let phase = this.#phase
    while (index < stop) {
      switch (phase) {
        case inStatusCode: {
          const octet = bytes[index] ?? 0
          const offset = index - start
          if (octet < (statusLineLowest[offset] ?? 0) || octet > (statusLineHighest[offset] ?? 0)) {
            return this.#refuse(
              bytes,
              start,
              index,
              "a status line begins with HTTP/1.0 or HTTP/1.1, a space and three digits from 100 (RFC 9112 section 4)"
            )
          }
          index++
          if (index - start === statusLineLength) phase = afterStatusCode
          break
        }
        case afterStatusCode: {
          // The space is required even without a reason phrase, but servers omit it and nothing can be misread.
          const octet = bytes[index]
          if (octet === space) phase = inReason
          else if (octet === cr) phase = atLineFeed
          else return this.#refuse(bytes, start, index, "a status code is followed by a space (RFC 9112 section 4)")
          index++
          break
        }
        case inReason: {
          while (index < stop && fieldOctets[bytes[index] ?? 0] === 1) index++
          if (index === stop) break
          if (bytes[index] !== cr) {
            return this.#refuse(
              bytes,
              start,
              index,
              "a reason phrase has no control characters and ends with CRLF (RFC 9112 sections 2.2 and 4)"
            )
          }
          phase = atLineFeed
          index++
          break
        }
        case atLineFeed: {
          if (bytes[index] !== lf)
            return this.#refuse(bytes, start, index, "CR is followed by LF (RFC 9112 section 2.2)")
          phase = atLineStart
          index++
          break
        }
        case atLineStart: {
          const octet = bytes[index] ?? 0
          if (octet === cr) {
            phase = atLastLineFeed
            index++
            break
          }
          if (tokenOctets[octet] !== 1) {
            return this.#refuse(
              bytes,
              start,
              index,
              octet === space || octet === tab
                ? "a field line does not begin with whitespace, obs-fold is refused (RFC 9112 section 5.2)"
                : "a field line begins with a name (RFC 9112 section 5)"
            )
          }
          if (this.fieldCount === this.#fieldCountMax) {
            this.fault = tooLarge(
              `the ${this.#section} has more than ${this.#fieldCountMax} fields; raise ${this.#section === "head" ? "headerCountMax" : "trailerCountMax"} if the server is trusted`
            )
            return scanUnfinished
          }
          this.fieldCount++
          this.#nameStart = index - start
          phase = inName
          break
        }
        case inName: {
          while (index < stop && tokenOctets[bytes[index] ?? 0] === 1) index++
          if (index === stop) break
          if (bytes[index] !== colon) {
            return this.#refuse(
              bytes,
              start,
              index,
              "a field name is a token with the colon right behind it (RFC 9112 section 5.1)"
            )
          }
          const nameStart = start + this.#nameStart
          this.#valueName = notableLengths[index - nameStart] === 1 ? notableNameAt(bytes, nameStart, index) : undefined
          index++
          this.#valueStart = index - start
          phase = inValue
          break
        }
        case inValue: {
          while (index < stop && fieldOctets[bytes[index] ?? 0] === 1) index++
          if (index === stop) break
          if (bytes[index] !== cr) {
            return this.#refuse(
              bytes,
              start,
              index,
              "a field value has no control characters and ends with CRLF (RFC 9110 section 5.5, RFC 9112 section 2.2)"
            )
          }
          if (this.#valueName !== undefined) this.#note(this.#valueName, bytes, start, index)
          phase = atLineFeed
          index++
          break
        }
        case atLastLineFeed: {
          if (bytes[index] !== lf)
            return this.#refuse(bytes, start, index, "CR is followed by LF (RFC 9112 section 2.2)")
          this.#scannedCount = index + 1 - start
          return index + 1
        }
      }
    }
    this.#phase = phase
    this.#scannedCount = index - start
    if (index === limit) {
      this.fault = tooLarge(
        `the ${this.#section} is longer than ${this.#byteCountMax} bytes; raise ${this.#section === "head" ? "headByteCountMax" : "trailerByteCountMax"} if the server is trusted`
      )
      return scanUnfinished
    }
    return scanUnfinished
  }

  #note(name: NotableName, bytes: Uint8Array, start: number, end: number): void {
    let valueStart = start + this.#valueStart
    let valueEnd = end
    while (valueStart < valueEnd && isWhitespace(bytes[valueStart])) valueStart++
    while (valueEnd > valueStart && isWhitespace(bytes[valueEnd - 1])) valueEnd--
    const field = this.notable[this.notableCount++]
    if (field === undefined) {
      this.notable.push({ name, valueStart: valueStart - start, valueEnd: valueEnd - start })
    } else {
      field.name = name
      field.valueStart = valueStart - start
      field.valueEnd = valueEnd - start
    }
  }

  #refuse(bytes: Uint8Array, start: number, index: number, rule: string): number {
    this.fault = malformed(
      `octet ${formatOctet(bytes[index] ?? 0)} at offset ${index - start} of the ${this.#section}: ${rule}`
    )
    return scanUnfinished
  }
}

export const isWhitespace = (octet: number | undefined): boolean => octet === space || octet === tab

const notableNameAt = (bytes: Uint8Array, start: number, end: number): NotableName | undefined => {
  for (const [name, octets] of notableNames) {
    if (octets.length === end - start && equalsToken(bytes, start, octets)) return name
  }
  return undefined
}
