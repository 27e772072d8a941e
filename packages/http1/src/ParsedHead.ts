/**
 * A response head, kept as the one string it was decoded into; names and values are cut out when asked for.
 *
 * The scanner has validated the text, so that reading it needs no checks: each line ends with CRLF, each field line
 * has its colon right behind the name.
 */
import type { RawHeaders, ResponseHead } from "./Message.ts"

export class ParsedHead implements ResponseHead {
  readonly status: number
  readonly version: "1.0" | "1.1"
  readonly #text: string
  #headers: RawHeaders | undefined

  constructor(text: string, status: number, version: "1.0" | "1.1") {
    this.#text = text
    this.status = status
    this.version = version
  }

  get reasonPhrase(): string {
    return this.#text.slice(reasonStart, this.#text.indexOf("\r\n"))
  }

  get headers(): RawHeaders {
    this.#headers ??= readFieldLines(this.#text, this.#text.indexOf("\r\n") + 2)
    return this.#headers
  }

  get(lowerCaseName: string): string | undefined {
    const text = this.#text
    let lineEnd = text.indexOf("\r\n")
    for (;;) {
      const lineStart = lineEnd + 2
      if (text.charCodeAt(lineStart) === 0x0d) return undefined
      const colon = text.indexOf(":", lineStart)
      lineEnd = text.indexOf("\r\n", colon)
      if (colon - lineStart === lowerCaseName.length && isNameAt(text, lineStart, lowerCaseName)) {
        return trimmedSlice(text, colon + 1, lineEnd)
      }
    }
  }
}

/** `HTTP/1.1 200 ` */
const reasonStart = 13

/** What was read last. */
let lastFields: RawHeaders = []

/**
 * Names and values of validated field lines, up to the empty line.
 *
 * A server says most of its fields in every answer. Lines that stood in the same place of what was read last are recognised,
 * and the same texts given for them, which saves making new ones; where all are the same, the very same fields are given, so
 * that whoever made something of them can tell.
 */
export const readFieldLines = (text: string, start: number): RawHeaders => {
  const known = lastFields
  let isKnown = true
  let fields: Array<string> = []
  let count = 0
  let lineStart = start
  while (text.charCodeAt(lineStart) !== 0x0d) {
    const knownName = known[count]
    const isSameName = knownName !== undefined && isTextAt(text, lineStart, knownName, 0x3a)
    const colon = isSameName ? lineStart + knownName.length : text.indexOf(":", lineStart)
    const name = isSameName ? knownName : text.slice(lineStart, colon)
    let valueStart = colon + 1
    while (isWhitespaceUnit(text.charCodeAt(valueStart))) valueStart++
    const knownValue = known[count + 1]
    const isSameValue = knownValue !== undefined && isTextAt(text, valueStart, knownValue, 0x0d)
    const lineEnd = isSameValue ? valueStart + knownValue.length : text.indexOf("\r\n", valueStart)
    const value = isSameValue ? knownValue : trimmedSlice(text, valueStart, lineEnd)
    if (isKnown && !(isSameName && isSameValue)) {
      isKnown = false
      fields = known.slice(0, count)
    }
    if (!isKnown) fields.push(name, value)
    count += 2
    lineStart = lineEnd + 2
  }
  if (isKnown) {
    if (count === known.length) return known
    fields = known.slice(0, count)
  }
  lastFields = fields
  return fields
}

/** Does `wanted` stand there, and `behind` it that unit? */
const isTextAt = (text: string, start: number, wanted: string, behind: number): boolean =>
  text.charCodeAt(start + wanted.length) === behind && text.startsWith(wanted, start)

const isNameAt = (text: string, start: number, lowerCaseName: string): boolean => {
  for (let index = 0; index < lowerCaseName.length; index++) {
    const unit = text.charCodeAt(start + index)
    const lowerCaseUnit = unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit
    if (lowerCaseUnit !== lowerCaseName.charCodeAt(index)) return false
  }
  return true
}

/** Without the optional whitespace around it, which is no part of a value (RFC 9112 section 5.1). */
const trimmedSlice = (text: string, start: number, end: number): string => {
  let from = start
  let to = end
  while (from < to && isWhitespaceUnit(text.charCodeAt(from))) from++
  while (to > from && isWhitespaceUnit(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

const isWhitespaceUnit = (unit: number): boolean => unit === 0x20 || unit === 0x09
