/**
 * Which header fields pass through a proxy, and what it adds.
 */
import type { RawHeaders } from "@weir/http1"

/** Fields that speak of one connection only (RFC 9110 section 7.6.1), and those that each side frames for itself. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect"
])

/** What the gateway writes itself: the body is framed by the client, the rest is told anew. */
const ownFields: ReadonlySet<string> = new Set(["host", "content-length", "x-forwarded-for", "x-forwarded-proto"])

/** Bit n: a field of those above has a name of n characters. Most fields of most messages need no closer look. */
const lengthBitsOf = (...names: ReadonlyArray<ReadonlySet<string>>): number =>
  names.reduce((bits, set) => Array.from(set).reduce((sum, name) => sum | (1 << name.length), bits), 0)

const hopByHopLengths = lengthBitsOf(hopByHop)
const requestLengths = lengthBitsOf(hopByHop, ownFields)

const mayBeOf = (lengthBits: number, name: string): boolean =>
  name.length < 32 && (lengthBits & (1 << name.length)) !== 0

export interface ForwardedRequest {
  readonly headers: RawHeaders
  readonly authority: string
  readonly clientAddress: string
}

/** The fields of a request to the endpoint. */
export const requestHeaders = ({ authority, clientAddress, headers }: ForwardedRequest): RawHeaders => {
  const kept: Array<string> = ["Host", authority]
  const named = connectionOptions(headers)
  let forwardedFor = ""
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ""
    const value = headers[index + 1] ?? ""
    if (named === undefined && !mayBeOf(requestLengths, name)) {
      kept.push(name, value)
      continue
    }
    const lower = name.toLowerCase()
    if (hopByHop.has(lower) || named?.has(lower) === true) continue
    if (lower === "x-forwarded-for") forwardedFor += `${value}, `
    else if (!ownFields.has(lower)) kept.push(name, value)
  }
  kept.push("x-forwarded-for", forwardedFor + clientAddress, "x-forwarded-proto", "http")
  return kept
}

/** The fields of an answer to the caller. */
export const responseHeaders = (headers: RawHeaders): Array<string> => {
  const kept: Array<string> = []
  const named = connectionOptions(headers)
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ""
    if (named !== undefined || mayBeOf(hopByHopLengths, name)) {
      const lower = name.toLowerCase()
      if (hopByHop.has(lower) || named?.has(lower) === true) continue
    }
    kept.push(name, headers[index + 1] ?? "")
  }
  return kept
}

/** Fields that `Connection` names: they are hop-by-hop as well. */
const connectionOptions = (headers: RawHeaders): ReadonlySet<string> | undefined => {
  let named: Set<string> | undefined
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ""
    if (name.length !== "connection".length || name.toLowerCase() !== "connection") continue
    // No field has these names.
    if (headers[index + 1] === "keep-alive" || headers[index + 1] === "close") continue
    named ??= new Set()
    for (const option of (headers[index + 1] ?? "").split(",")) named.add(option.trim().toLowerCase())
  }
  return named
}
