/**
 * Where a redirect leads, and what goes along: the rules of the Fetch standard (section 4.4, HTTP-redirect fetch) and of
 * RFC 9110 section 15.4, as one pure function.
 */

/** The call that a redirect asks for. */
export interface RedirectedCall {
  readonly url: URL
  readonly method: string
  /** Name, value, name, value. */
  readonly headers: ReadonlyArray<string>
  /** The body is not sent again: the method has become GET. */
  readonly dropsBody: boolean
}

/** `undefined`: the answer is no redirect. A text: it is one that cannot be followed, and why. */
export const redirectOf = (
  call: { readonly url: URL; readonly method: string; readonly headers: ReadonlyArray<string> },
  status: number,
  location: string | undefined
): RedirectedCall | string | undefined => {
  if (!redirectStatuses.has(status) || location === undefined) return undefined
  // A location without a fragment keeps the one there is (RFC 9110 section 10.2.2).
  if (!URL.canParse(location, call.url)) return `the redirect's Location is no URL: ${location}`
  const url = new URL(location, call.url)
  if (url.hash === "") url.hash = call.url.hash
  if (url.protocol !== "http:" && url.protocol !== "https:") return `the redirect leads to ${url.protocol}`
  const becomesGet =
    (status === 303 && call.method !== "GET" && call.method !== "HEAD") ||
    ((status === 301 || status === 302) && call.method === "POST")
  const isSameOrigin = url.origin === call.url.origin
  const headers: Array<string> = []
  for (let index = 0; index + 1 < call.headers.length; index += 2) {
    const name = call.headers[index] ?? ""
    const lower = name.toLowerCase()
    // What spoke for one origin is not told to another.
    if (!isSameOrigin && credentialFields.has(lower)) continue
    if (becomesGet && bodyFields.has(lower)) continue
    headers.push(name, call.headers[index + 1] ?? "")
  }
  return { url, method: becomesGet ? "GET" : call.method, headers, dropsBody: becomesGet }
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

const credentialFields: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "host"])

const bodyFields: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
  "content-length"
])
