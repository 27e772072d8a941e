/**
 * What a response head says about the message and the connection: how the body ends, and whether the connection
 * persists (RFC 9112 sections 6 and 9.3).
 *
 * One object per session, read anew for each head. Fields that contradict each other are refused, since a peer behind
 * or before us may resolve them the other way (RFC 9112 section 11.2).
 */
import type { Fault } from "./Fault.ts"
import { malformed } from "./Fault.ts"
import type { HeadScanner } from "./HeadScanner.ts"
import { equalsToken, isWhitespace } from "./HeadScanner.ts"
import { decodeLatin1 } from "./Latin1.ts"
import { octetsOf } from "./Octets.ts"

/** How a body ends. `close`: with the connection. */
export type BodyFraming = "none" | "sized" | "chunked" | "close"

const close = octetsOf("close")
const keepAlive = octetsOf("keep-alive")
const chunked = octetsOf("chunked")

export class Framing {
  status = 0
  version: "1.0" | "1.1" = "1.1"
  body: BodyFraming = "none"
  /** The length of a `sized` body. */
  byteCount = 0
  /** 101 to an upgrade request, or 2xx to CONNECT: what follows the head is not HTTP. */
  isSwitch = false
  /** A `close` option in any head of this exchange, 1xx heads included (RFC 9112 section 9.6). */
  hasClose = false
  hasKeepAlive = false
  /** From `Keep-Alive: timeout=` and `max=` (RFC 2068 section 19.7.1.1). */
  idleMillisMax: number | undefined
  usesMax: number | undefined
  #hasUpgrade = false

  /** Forgets the last exchange. */
  begin(): void {
    this.hasClose = false
  }

  /** HTTP/1.1 persists unless told otherwise, HTTP/1.0 only when told (RFC 9112 section 9.3). */
  get isPersistent(): boolean {
    return !this.hasClose && (this.version === "1.1" || this.hasKeepAlive)
  }

  /** Reads the head that stands at `start`, as scanned; `method` and `isUpgrade` are the request's. */
  read(bytes: Uint8Array, start: number, scanner: HeadScanner, method: string, isUpgrade: boolean): Fault | undefined {
    const status = digit(bytes, start + 9) * 100 + digit(bytes, start + 10) * 10 + digit(bytes, start + 11)
    this.status = status
    this.version = digit(bytes, start + 7) === 1 ? "1.1" : "1.0"
    this.hasKeepAlive = false
    this.idleMillisMax = undefined
    this.usesMax = undefined
    this.#hasUpgrade = false
    const isInterim = status < 200
    // A 2xx answer to CONNECT has no body; framing fields in it are to be ignored (RFC 9110 section 9.3.6).
    const isTunnel = method === "CONNECT" && status >= 200 && status < 300
    let byteCount = -1
    let isChunked = false
    for (let index = 0; index < scanner.notableCount; index++) {
      const field = scanner.notable[index]
      if (field === undefined) break
      const from = start + field.valueStart
      const to = start + field.valueEnd
      switch (field.name) {
        case "content-length":
          if (isTunnel) break
          // Equal values might be taken as one (RFC 9112 section 6.3), but an honest server sends one.
          if (byteCount >= 0) return malformed("Content-Length occurs more than once (RFC 9112 section 6.3)")
          byteCount = readByteCount(bytes, from, to)
          if (byteCount < 0) {
            return malformed("Content-Length is not one decimal number below 2^53 (RFC 9110 section 8.6)")
          }
          break
        case "transfer-encoding":
          if (isTunnel) break
          if (isChunked) return malformed("Transfer-Encoding occurs more than once (RFC 9112 section 6.1)")
          if (!isToken(bytes, from, to, chunked)) {
            return malformed(
              "Transfer-Encoding is not exactly `chunked`, the only coding asked for (RFC 9112 section 7)"
            )
          }
          isChunked = true
          break
        case "connection":
          this.#readConnection(bytes, from, to)
          break
        case "keep-alive":
          this.#readKeepAlive(decodeLatin1(bytes, from, to))
          break
        case "upgrade":
          this.#hasUpgrade = true
      }
    }
    if (isChunked && byteCount >= 0) {
      return malformed("Transfer-Encoding and Content-Length occur together (RFC 9112 section 6.3)")
    }
    if (isChunked && this.version === "1.0") {
      return malformed("an HTTP/1.0 answer has Transfer-Encoding (RFC 9112 section 6.1)")
    }
    this.isSwitch = isTunnel || status === 101
    if (status === 101 && !isUpgrade) {
      return malformed("101 Switching Protocols answers a request without Upgrade (RFC 9110 section 7.8)")
    }
    if (status === 101 && !this.#hasUpgrade) {
      return malformed("101 Switching Protocols does not name the protocol in Upgrade (RFC 9110 section 15.2.2)")
    }
    // RFC 9112 section 6.3, in its order.
    if (isInterim || isTunnel || status === 204 || status === 304 || method === "HEAD") this.body = "none"
    else if (isChunked) this.body = "chunked"
    else if (byteCount >= 0) this.body = "sized"
    else this.body = "close"
    this.byteCount = byteCount
    return undefined
  }

  /** A list of tokens, empty elements allowed (RFC 9110 sections 5.6.1 and 7.6.1). */
  #readConnection(bytes: Uint8Array, start: number, end: number): void {
    let from = start
    while (from < end) {
      let to = from
      while (to < end && bytes[to] !== comma) to++
      const next = to + 1
      while (from < to && isWhitespace(bytes[from])) from++
      while (to > from && isWhitespace(bytes[to - 1])) to--
      if (isToken(bytes, from, to, close)) this.hasClose = true
      else if (isToken(bytes, from, to, keepAlive)) this.hasKeepAlive = true
      from = next
    }
  }

  /** Hints only: what cannot be read as a number of up to nine digits says nothing. */
  #readKeepAlive(value: string): void {
    for (const parameter of value.split(",")) {
      const match = keepAliveParameter.exec(parameter)
      if (match === null) continue
      if (match[1] === undefined) this.usesMax = Number(match[2])
      else this.idleMillisMax = Number(match[1]) * 1000
    }
  }
}

const comma = 0x2c

const keepAliveParameter = /^[ \t]*(?:timeout[ \t]*=[ \t]*"?(\d{1,9})"?|max[ \t]*=[ \t]*"?(\d{1,9})"?)[ \t]*$/i

const isToken = (bytes: Uint8Array, from: number, to: number, lowerCase: Uint8Array): boolean =>
  to - from === lowerCase.length && equalsToken(bytes, from, lowerCase)

/** Digits alone (RFC 9110 section 8.6); -1 for anything else, an empty value and a number above 2^53 - 1. */
const readByteCount = (bytes: Uint8Array, start: number, end: number): number => {
  let byteCount = start === end ? -1 : 0
  for (let index = start; index < end; index++) {
    const value = digit(bytes, index)
    if (value < 0 || value > 9) return -1
    byteCount = byteCount * 10 + value
    if (byteCount > Number.MAX_SAFE_INTEGER) return -1
  }
  return byteCount
}

const digit = (bytes: Uint8Array, index: number): number => (bytes[index] ?? 0) - 0x30
