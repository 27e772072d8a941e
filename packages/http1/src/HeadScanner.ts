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
import { formatOctet, octetsOf, tokenOctets } from "./Octets.ts"

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
const del = 0x7f

// The scanner's phases, one number each: comparing strings would cost a third of its speed.
const atLineStart = 0
const inName = 1
const inValue = 2
const atLineFeed = 3
const inStatusCode = 4
const behindStatusCode = 5
const atLastLineFeed = 6

/** A status line's first 12 octets lie between these two: HTTP-version is case-sensitive (RFC 9112 sections 2.3 and 4). */
const statusLineLowest = octetsOf("HTTP/1.0 100")
const statusLineHighest = octetsOf("HTTP/1.1 999")
const statusLineLength = statusLineLowest.length

const connectionName = octetsOf("connection")
const contentLengthName = octetsOf("content-length")
const keepAliveName = octetsOf("keep-alive")
const transferEncodingName = octetsOf("transfer-encoding")
const upgradeName = octetsOf("upgrade")

const notableNameAt = (bytes: Uint8Array, start: number, end: number): NotableName | undefined => {
  switch (end - start) {
    case 7:
      return equalsToken(bytes, start, upgradeName) ? "upgrade" : undefined
    case 10:
      if (equalsToken(bytes, start, connectionName)) return "connection"
      return equalsToken(bytes, start, keepAliveName) ? "keep-alive" : undefined
    case 14:
      return equalsToken(bytes, start, contentLengthName) ? "content-length" : undefined
    case 17:
      return equalsToken(bytes, start, transferEncodingName) ? "transfer-encoding" : undefined
    default:
      return undefined
  }
}

/**
 * Does `lowerCase`, made of letters and hyphens, stand at `start` in either case? Setting bit 5 turns nothing but a
 * letter's two cases into the letter, and nothing but the hyphen into the hyphen: the other octet it would, CR, never
 * stands inside a line.
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
  #section: "head" | "trailer section" = "head"
  #phase = inStatusCode
  #scannedCount = 0
  #nameStart = 0
  #valueStart = 0
  #valueName: NotableName | undefined
  #byteCountMax = 0
  #fieldCountMax = 0

  /** Prepares for a new section of at most so many bytes and field lines. */
  begin(section: "head" | "trailer section", byteCountMax: number, fieldCountMax: number): void {
    this.fieldCount = 0
    this.notableCount = 0
    this.fault = undefined
    this.#section = section
    this.#phase = section === "head" ? inStatusCode : atLineStart
    this.#valueName = undefined
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
    // The tests of the phase stand in the order in which phases follow each other: a line that is all there passes
    // through them in one turn.
    while (index < stop) {
      if (phase === atLineStart) {
        const octet = bytes[index] ?? 0
        if (tokenOctets[octet] === 1) {
          if (this.fieldCount === this.#fieldCountMax) return this.#refuseCount()
          this.fieldCount++
          this.#nameStart = index - start
          phase = inName
        } else if (octet === cr) {
          phase = atLastLineFeed
          index++
          continue
        } else {
          const rule =
            octet === space || octet === tab
              ? "a field line does not begin with whitespace, obs-fold is refused (RFC 9112 section 5.2)"
              : "a field line begins with a name (RFC 9112 section 5)"
          return this.#refuse(bytes, start, index, rule)
        }
      }
      if (phase === inName) {
        while (index < stop && tokenOctets[bytes[index] ?? 0] === 1) index++
        if (index === stop) break
        if (bytes[index] !== colon) {
          const rule = "a field name is a token with the colon right behind it (RFC 9112 section 5.1)"
          return this.#refuse(bytes, start, index, rule)
        }
        this.#valueName = notableNameAt(bytes, start + this.#nameStart, index)
        index++
        this.#valueStart = index - start
        phase = inValue
      }
      if (phase === inValue) {
        // The class of `fieldOctets`, spelled out: half of what a head costs is spent here.
        while (index < stop) {
          const octet = bytes[index] ?? 0
          if (octet < space ? octet !== tab : octet === del) break
          index++
        }
        if (index === stop) break
        if (bytes[index] !== cr) {
          const rule = "text has no control characters and ends with CRLF (RFC 9110 section 5.5, RFC 9112 section 2.2)"
          return this.#refuse(bytes, start, index, rule)
        }
        if (this.#valueName !== undefined) this.#note(this.#valueName, bytes, start, index)
        index++
        phase = atLineFeed
        if (index === stop) break
      }
      if (phase === atLineFeed) {
        if (bytes[index] !== lf) return this.#refuse(bytes, start, index, "CR is followed by LF (RFC 9112 section 2.2)")
        index++
        phase = atLineStart
      } else if (phase === atLastLineFeed) {
        if (bytes[index] !== lf) return this.#refuse(bytes, start, index, "CR is followed by LF (RFC 9112 section 2.2)")
        this.#scannedCount = index + 1 - start
        return index + 1
      } else if (phase === inStatusCode) {
        while (index < stop && index - start < statusLineLength) {
          const octet = bytes[index] ?? 0
          if (octet < (statusLineLowest[index - start] ?? 0) || octet > (statusLineHighest[index - start] ?? 0)) {
            const rule =
              "a status line begins with HTTP/1.0 or HTTP/1.1, a space and a number from 100 (RFC 9112 section 4)"
            return this.#refuse(bytes, start, index, rule)
          }
          index++
        }
        if (index - start === statusLineLength) phase = behindStatusCode
      } else if (phase === behindStatusCode) {
        // The space is required even without a reason phrase, but servers omit it and nothing can be misread.
        if (bytes[index] === space) phase = inValue
        else if (bytes[index] === cr) phase = atLineFeed
        else {
          return this.#refuse(bytes, start, index, "a status code is followed by a space (RFC 9112 section 4)")
        }
        index++
      }
    }
    this.#phase = phase
    this.#scannedCount = index - start
    return index === limit ? this.#refuseLength() : scanUnfinished
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

  #refuseCount(): number {
    const limit = this.#section === "head" ? "headerCountMax" : "trailerCountMax"
    this.fault = tooLarge(`the ${this.#section} has more than ${this.#fieldCountMax} fields, the limit set by ${limit}`)
    return scanUnfinished
  }

  #refuseLength(): number {
    const limit = this.#section === "head" ? "headByteCountMax" : "trailerByteCountMax"
    this.fault = tooLarge(`the ${this.#section} is longer than ${this.#byteCountMax} bytes, the limit set by ${limit}`)
    return scanUnfinished
  }
}

export const isWhitespace = (octet: number | undefined): boolean => octet === space || octet === tab
