/**
 * What a request asks for, or why it cannot be understood: the rules of RFC 9112 that `node:http` leaves to its user.
 */
import type { IncomingMessage } from "node:http"
import type { LocalReply } from "./Outcome.ts"

export interface RequestLine {
  readonly method: string
  /** Path and query, or `*`. */
  readonly target: string
  /** The host that is asked for, with its port if one was sent; empty where HTTP/1.0 names none. */
  readonly authority: string
}

export const readRequestLine = (message: IncomingMessage): RequestLine | LocalReply => {
  const { headers, httpVersion, method = "GET", url = "/" } = message
  const { host } = headers
  if (host === undefined && httpVersion !== "1.0") return refusal(400, "no Host field (RFC 9112 section 3.2)")
  // Two of them have come joined by a comma and a space, which no host has.
  if (host !== undefined && !hostOctets.test(host)) {
    return refusal(400, `Host is ${host}, which is not one host and port (RFC 9112 section 3.2)`)
  }
  const coding = headers["transfer-encoding"]
  if (coding !== undefined && httpVersion === "1.0") {
    return refusal(400, "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)")
  }
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return refusal(501, `Transfer-Encoding ${coding}: only chunked is understood (RFC 9112 section 6.1)`)
  }
  if (url.includes("#")) return refusal(400, "a fragment in the target (RFC 9112 section 3.2)")
  if (url.startsWith("/") || (url === "*" && method === "OPTIONS")) {
    return { method, target: url, authority: host ?? "" }
  }
  const absolute = absoluteForm.exec(url)
  if (absolute === null) return refusal(400, `the target ${url} is neither a path nor an http: URL`)
  // RFC 9112 section 3.2.2: the target's authority is the one that counts.
  const [, authority = "", path = ""] = absolute
  return { method, target: path.startsWith("/") ? path : `/${path}`, authority }
}

/** Visible ASCII without what ends or precedes an authority in a URL: two readers might find different hosts in it. */
const hostOctets = /^(?:(?![/?#@\\])[!-~])*$/

/** Without userinfo, which is a way to disguise the host (RFC 9110 section 4.2.4). */
const absoluteForm = /^https?:\/\/([^/?@\\]+)([/?].*)?$/i

const refusal = (status: number, body: string): LocalReply => ({ status, flag: "DPE", body })
