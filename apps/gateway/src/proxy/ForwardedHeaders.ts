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

export interface ForwardedRequest {
  readonly headers: RawHeaders
  readonly authority: string
  readonly clientAddress: string
}

/** The fields of a request to the endpoint. `Content-Length` is left to the client, which frames the body. */
export const requestHeaders = ({ authority, clientAddress, headers }: ForwardedRequest): RawHeaders => {
  const kept: Array<string> = ["Host", authority]
  const named = connectionOptions(headers)
  let forwardedFor = clientAddress
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ""
    const value = headers[index + 1] ?? ""
    const lower = name.toLowerCase()
    if (lower === "host" || lower === "content-length" || hopByHop.has(lower) || named.has(lower)) continue
    if (lower === "x-forwarded-for") forwardedFor = `${value}, ${clientAddress}`
    else if (lower !== "x-forwarded-proto") kept.push(name, value)
  }
  kept.push("x-forwarded-for", forwardedFor, "x-forwarded-proto", "http")
  return kept
}

/** The fields of an answer to the caller. */
export const responseHeaders = (headers: RawHeaders): Array<string> => {
  const kept: Array<string> = []
  const named = connectionOptions(headers)
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ""
    const lower = name.toLowerCase()
    if (!hopByHop.has(lower) && !named.has(lower)) kept.push(name, headers[index + 1] ?? "")
  }
  return kept
}

/** Fields that `Connection` names: they are hop-by-hop as well. */
const connectionOptions = (headers: RawHeaders): ReadonlySet<string> => {
  const named = new Set<string>()
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== "connection") continue
    for (const option of (headers[index + 1] ?? "").split(",")) named.add(option.trim().toLowerCase())
  }
  return named
}
