/**
 * Requests as they go on the wire: validated, and framed by us alone.
 *
 * What a server, or a proxy before it, could read in another way than we do is refused before a byte is written: names
 * that are no tokens, control characters in a value, a second `Host`, framing fields from the caller. A head becomes one
 * Latin-1 string, which costs every runtime less to build and to write than bytes.
 */
import type { Fault } from "./Fault.ts"
import { invalid } from "./Fault.ts"
import { type Http1Error, http1Error } from "./Http1Error.ts"
import type { RawHeaders, RequestBody, RequestHead } from "./Message.ts"
import { fieldOctets, findOutsider, formatOctet, hostOctets, targetOctets, tokenOctets } from "./Octets.ts"

/** The head as Latin-1 text, or why it cannot be sent. */
export const encodeRequestHead = (head: RequestHead): string | Fault => {
  const { method, target, headers, body } = head
  const isPlain = head.isKeepAlive !== false && head.isUpgrade !== true && head.expectsContinue !== true
  const framing = framingFields(method, body)
  const known = isPlain ? knownHeads[headers.length >> 1] : undefined
  const isKnown = known !== undefined && isSameList(known.headers, headers)
  if (isKnown && known.method === method && known.target === target && known.framing === framing) return known.text
  const lineFault = findLineFault(method, target) ?? findBodyFault(head)
  if (lineFault !== undefined) return lineFault
  const requestLine = `${method} ${target} HTTP/1.1\r\n`
  if (isKnown) {
    known.method = method
    known.target = target
    known.framing = framing
    known.text = `${requestLine}${known.fields}${framing}\r\n`
    return known.text
  }
  let fields = ""
  let isKnownAlone = isPlain
  let hostCount = 0
  let hasUpgrade = false
  let connection = head.isKeepAlive === false ? "close" : ""
  if (head.isUpgrade === true) connection = appendOption(connection, "upgrade")
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ""
    const value = headers[index + 1]
    if (value === undefined) return invalid("the headers end with a name that has no value")
    const known = knownLines[index >> 1]
    if (known !== undefined && known.name === name && known.value === value) {
      fields += known.line
      if (known.isHost) hostCount++
      continue
    }
    isKnownAlone = false
    const fault = findFieldFault(name, value)
    if (fault !== undefined) return fault
    const line = `${name}: ${value}\r\n`
    let isHost = false
    if (((sessionFieldLetters[name.length] ?? 0) & letterBit(name)) !== 0) {
      switch (name.toLowerCase()) {
        case "host": {
          hostCount++
          isHost = true
          const outsider = findOutsider(value, hostOctets)
          if (outsider !== -1) return invalid(describeOutsider("Host", value, outsider, "RFC 9112 section 3.2"))
          break
        }
        case "upgrade":
          hasUpgrade = true
          fields += line
          continue
        case "te":
          // RFC 9110 section 10.1.4. A transfer coding offered here would come back in a framing we refuse.
          if (value.toLowerCase() !== "trailers") return invalid("TE may only be `trailers` (RFC 9110 section 10.1.4)")
          connection = appendOption(connection, "TE")
          fields += line
          continue
        case "content-length":
        case "transfer-encoding":
          return invalid(`${name} follows from \`body\` and must not be among the headers`)
        case "connection":
        case "keep-alive":
        case "proxy-connection":
          return invalid(`${name} follows from \`isKeepAlive\` and \`isUpgrade\` and must not be among the headers`)
        case "expect":
          return invalid("Expect follows from `expectsContinue` and must not be among the headers")
      }
    }
    fields += line
    if (index < knownCountMax * 2 && value.length <= knownLengthMax) {
      knownLines[index >> 1] = { name, value, line, isHost }
    }
  }
  if (hostCount !== 1) return invalid(`Host occurs ${hostCount} times, not once (RFC 9112 section 3.2)`)
  if (hasUpgrade !== (head.isUpgrade === true)) {
    return invalid("an Upgrade header and `isUpgrade` need each other (RFC 9110 section 7.8)")
  }
  if (isKnownAlone && headers.length <= knownCountMax * 2) {
    const text = `${requestLine}${fields}${framing}\r\n`
    knownHeads[headers.length >> 1] = { headers: headers.slice(), fields, method, target, framing, text }
    return text
  }
  const expect = head.expectsContinue === true && hasContent(body) ? "Expect: 100-continue\r\n" : ""
  const connectionField = connection === "" ? "" : `Connection: ${connection}\r\n`
  return `${requestLine}${fields}${framing}${expect}${connectionField}\r\n`
}

/**
 * Field lines that passed lately, by their place in the head. Most callers send the same fields each time, and comparing
 * two strings costs a fraction of looking at each of their characters.
 */
interface KnownLine {
  readonly name: string
  readonly value: string
  readonly line: string
  readonly isHost: boolean
}

const knownLines: Array<KnownLine> = []
const knownCountMax = 32
/** Of a value; a longer one is rather a token or a cookie, and stays in nobody's memory. */
const knownLengthMax = 128

/**
 * The headers that passed last with each number of fields, once every line of them had been known: whoever sends the same
 * ones again has them compared in one go, and where the rest is the same too, has the text that was put together before.
 */
interface KnownHead {
  /** A copy: the caller's own list may change. */
  readonly headers: RawHeaders
  readonly fields: string
  method: string
  target: string
  framing: string
  /** Of these, with the fields in between. */
  text: string
}

const knownHeads: Array<KnownHead | undefined> = []

const isSameList = (one: RawHeaders, other: RawHeaders): boolean => {
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false
  return true
}

/** Why a head cannot be written, as `Session.start` would tell it; for whoever wants to know before there is a session. */
export const requestHeadError = (head: RequestHead): Http1Error | undefined => {
  const encoded = encodeRequestHead(head)
  return typeof encoded === "string" ? undefined : http1Error({ ...encoded, progress: "unsent" })
}

/** Will any body byte follow the head? */
export const hasContent = (body: RequestBody): boolean => {
  switch (body._tag) {
    case "empty":
      return false
    case "bytes":
      return body.bytes.length > 0
    case "sized":
      return body.byteCount > 0
    case "chunked":
      return true
  }
}

/** The last chunk and the trailer section, or why it cannot be sent. */
export const encodeLastChunk = (trailers: RawHeaders): string | Fault => {
  let text = "0\r\n"
  for (let index = 0; index < trailers.length; index += 2) {
    const name = trailers[index] ?? ""
    const value = trailers[index + 1]
    if (value === undefined) return invalid("the trailers end with a name that has no value")
    const fault = findFieldFault(name, value)
    if (fault !== undefined) return fault
    if (headOnlyNames.has(name.toLowerCase())) {
      return invalid(`${name} belongs in the head, not in the trailers (RFC 9110 section 6.5.1)`)
    }
    text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}

/** One chunk with its framing, in memory of its own. */
export const encodeChunk = (chunk: Uint8Array): Uint8Array => {
  const size = `${chunk.length.toString(16)}\r\n`
  const framed = new Uint8Array(size.length + chunk.length + 2)
  for (let index = 0; index < size.length; index++) framed[index] = size.charCodeAt(index)
  framed.set(chunk, size.length)
  framed[framed.length - 2] = 0x0d
  framed[framed.length - 1] = 0x0a
  return framed
}

/** `Content-Length` or `Transfer-Encoding` (RFC 9112 section 6, RFC 9110 section 8.6). */
const framingFields = (method: string, body: RequestBody): string => {
  switch (body._tag) {
    case "empty":
      return method === "POST" || method === "PUT" || method === "PATCH" ? "Content-Length: 0\r\n" : ""
    case "bytes":
      return `Content-Length: ${body.bytes.length}\r\n`
    case "sized":
      return `Content-Length: ${body.byteCount}\r\n`
    case "chunked":
      return "Transfer-Encoding: chunked\r\n"
  }
}

const findLineFault = (method: string, target: string): Fault | undefined => {
  const methodOutsider = findOutsider(method, tokenOctets)
  if (methodOutsider !== -1)
    return invalid(describeOutsider("the method", method, methodOutsider, "RFC 9110 section 9.1"))
  if (method === "") return invalid("the method is empty (RFC 9110 section 9.1)")
  const targetOutsider = findOutsider(target, targetOctets)
  if (targetOutsider !== -1)
    return invalid(describeOutsider("the target", target, targetOutsider, "RFC 9112 section 3.2"))
  if (method === "CONNECT") {
    return connectTarget.test(target)
      ? undefined
      : invalid("the target of CONNECT is `host:port` (RFC 9112 section 3.2.3)")
  }
  if (target.charCodeAt(0) === 0x2f || (target === "*" && method === "OPTIONS") || absoluteTarget.test(target)) {
    return undefined
  }
  return invalid("the target is a path, a whole URI, or `*` for OPTIONS (RFC 9112 section 3.2)")
}

const connectTarget = /^(?:[^/?@:[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/

/** Without userinfo, which must not be sent (RFC 9110 section 4.2.4). */
const absoluteTarget = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?@]+(?:[/?]|$)/

const findBodyFault = (head: RequestHead): Fault | undefined => {
  const { method, body } = head
  if (body._tag === "empty") return undefined
  if (method === "CONNECT" || method === "TRACE") {
    return invalid(`${method} has no body (RFC 9110 sections 9.3.6 and 9.3.8)`)
  }
  if (body._tag === "bytes") return undefined
  if (head.isUpgrade === true) {
    return invalid("an upgrade request has a body of known bytes or none, not a stream (RFC 9110 section 7.8)")
  }
  if (body._tag === "sized" && !(Number.isSafeInteger(body.byteCount) && body.byteCount >= 0)) {
    return invalid(`the body's byteCount is ${body.byteCount}, not a whole number from 0 to 2^53 - 1`)
  }
  return undefined
}

const findFieldFault = (name: string, value: string): Fault | undefined => {
  const nameOutsider = findOutsider(name, tokenOctets)
  if (nameOutsider !== -1) return invalid(describeOutsider("a header name", name, nameOutsider, "RFC 9110 section 5.1"))
  if (name === "") return invalid("a header name is empty (RFC 9110 section 5.1)")
  const valueOutsider = findOutsider(value, fieldOctets)
  if (valueOutsider === -1) return undefined
  return invalid(describeOutsider(`the value of ${name}`, value, valueOutsider, "RFC 9110 section 5.5"))
}

/** Says which character is wrong and where, without repeating a text that may be a secret. */
const describeOutsider = (what: string, text: string, index: number, rule: string): string =>
  `${what} has the character ${formatOctet(text.charCodeAt(index))} at index ${index}, which must not stand there (${rule})`

const appendOption = (options: string, option: string): string => (options === "" ? option : `${options}, ${option}`)

/** Of a name's first letter, whatever its case; of anything but a letter, some bit. */
const letterBit = (name: string): number => 1 << ((name.charCodeAt(0) | 0x20) - 0x61)

/** Fields that decide over the message or the connection, and are written, read or refused by name above. */
const sessionFieldNames = [
  "host",
  "upgrade",
  "te",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "expect"
]

/** For each length of a name: the first letters that are worth a comparison, one bit each from `a`. */
const sessionFieldLetters = Uint32Array.from({ length: 18 }, (_, length) =>
  sessionFieldNames.filter((name) => name.length === length).reduce((letters, name) => letters | letterBit(name), 0)
)

/** Framing, routing, request modifiers, authentication and what says how to read the content (RFC 9110 section 6.5.1). */
const headOnlyNames: ReadonlySet<string> = new Set([
  ...sessionFieldNames,
  "authorization",
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "cookie",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "max-forwards",
  "proxy-authorization",
  "range",
  "trailer"
])
