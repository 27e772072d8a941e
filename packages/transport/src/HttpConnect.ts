/**
 * A tunnel through an HTTP proxy: CONNECT, and the head of its answer (RFC 9110 section 9.3.6, RFC 9112).
 *
 * The answer is read strictly, for what follows it is the tunnel: an answer that can be read in two ways would let a proxy's
 * word pass for the target's. Interim answers are skipped, and the framing fields of a 2xx ignored, as section 9.3.6 says.
 */
import { Redacted } from "effect"
import * as Base64 from "effect/encoding/Base64"
import type { HttpProxy, ProxyCredentials } from "./ProxyServer.ts"
import { formatAddress, type TcpAddress } from "./Target.ts"
import { append, failed, type TunnelFailure, type TunnelHandshake, type TunnelStep } from "./TunnelHandshake.ts"

/** All heads of the answer together may be so long. undici and Node allow 16 KiB for a head. */
const headByteCountMax = 16_384

/** The handshake, or why none can be made. */
export const httpConnect = (proxy: HttpProxy, target: TcpAddress): TunnelHandshake | TunnelFailure => {
  const authority = formatAddress(target)
  if (!authorityText.test(authority)) {
    return { kind: "unsupported", detail: "the host has characters that no HTTP proxy can be told" }
  }
  const { credentials } = proxy
  const authorization = credentials === undefined ? "" : basicAuthorization(credentials)
  if (authorization === undefined) {
    const detail = "the proxy's user name has a colon, or its credentials have control characters (RFC 7617 section 2)"
    return { kind: "unsupported", detail }
  }
  const field = authorization === "" ? "" : `Proxy-Authorization: ${authorization}\r\n`
  const request = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${field}\r\n`
  return new HttpConnect(new TextEncoder().encode(request), credentials !== undefined)
}

/** The value of `Proxy-Authorization`; undefined for credentials that the scheme Basic cannot carry. */
export const basicAuthorization = ({ password, username }: ProxyCredentials): string | undefined => {
  const text = `${username}:${Redacted.value(password)}`
  if (username.includes(":") || controlCharacter.test(text)) return undefined
  return `Basic ${Base64.encode(new TextEncoder().encode(text))}`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const controlCharacter = /[\u0000-\u001f\u007f]/
const authorityText = /^(?:\[[0-9A-Fa-f:.]+\]|[!$&'()*+,;=%A-Za-z0-9._~-]+):[0-9]+$/

/** RFC 9112 section 4. The reason phrase and the space before it may be missing; the proxies of old say 1.0. */
const statusLine = /^HTTP\/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** RFC 9112 section 5, without the folding that it forbids. */
const fieldLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/

class HttpConnect implements TunnelHandshake {
  readonly greeting: Uint8Array
  readonly #hasCredentials: boolean
  #kept: Uint8Array = new Uint8Array(0)
  /** Before this index no head ends. */
  #searchedCount = 0
  #passedByteCount = 0

  constructor(greeting: Uint8Array, hasCredentials: boolean) {
    this.greeting = greeting
    this.#hasCredentials = hasCredentials
  }

  receive(chunk: Uint8Array): TunnelStep {
    this.#kept = append(this.#kept, chunk)
    for (;;) {
      const endIndex = endOfHead(this.#kept, this.#searchedCount)
      const byteCount = this.#passedByteCount + (endIndex ?? this.#kept.length)
      if (byteCount > headByteCountMax) {
        return failed("malformed", `the proxy's answer to CONNECT has a head of more than ${headByteCountMax} bytes`)
      }
      if (endIndex === undefined) {
        if (!mayBegin(this.#kept)) return notHttp
        this.#searchedCount = Math.max(0, this.#kept.length - 3)
        return { _tag: "More" }
      }
      const status = statusOf(this.#kept.subarray(0, endIndex - 4))
      if (status === undefined) return notHttp
      const rest = this.#kept.subarray(endIndex)
      if (status >= 200) return this.#decide(status, rest)
      if (status === 101) return failed("malformed", "the proxy answered CONNECT with 101, which nobody asked for", 101)
      this.#kept = rest
      this.#searchedCount = 0
      this.#passedByteCount += endIndex
    }
  }

  #decide(status: number, rest: Uint8Array): TunnelStep {
    if (status < 300) return { _tag: "Open", rest }
    return failed("refused", `the proxy answered CONNECT with ${status}${this.#explain(status)}`, status)
  }

  #explain(status: number): string {
    if (status !== 407) return ""
    return this.#hasCredentials
      ? ": it does not accept the credentials by the scheme Basic"
      : ": it asks for credentials, and the proxy's settings have none"
  }
}

const notHttp = failed("malformed", "the proxy did not answer CONNECT in HTTP/1.1: is it an HTTP proxy?")

/** The index after the empty line. */
const endOfHead = (bytes: Uint8Array, fromIndex: number): number | undefined => {
  for (let index = bytes.indexOf(0x0d, fromIndex); index !== -1; index = bytes.indexOf(0x0d, index + 1)) {
    if (bytes[index + 1] === 0x0a && bytes[index + 2] === 0x0d && bytes[index + 3] === 0x0a) return index + 4
  }
  return undefined
}

const httpName = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]

/** What cannot become a head is told at once: a server of another protocol may wait for us. */
const mayBegin = (bytes: Uint8Array): boolean =>
  httpName.every((octet, index) => index >= bytes.length || bytes[index] === octet)

const statusOf = (head: Uint8Array): number | undefined => {
  const [first = "", ...fields] = latin1(head).split("\r\n")
  const status = statusLine.exec(first)?.[1]
  return status !== undefined && fields.every((field) => fieldLine.test(field)) ? Number(status) : undefined
}

/** The decoder called `latin1` is Windows-1252, which has other characters from 0x80 to 0x9f. */
const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (octet) => String.fromCharCode(octet)).join("")
