/**
 * The full identity under which a connection may be reused.
 *
 * Two callers may share a connection only if their routes are equal in every part. Routes are compared by `key`, a text
 * from which each part can be read back, so that equal keys mean equal routes: never a hash.
 *
 * The parts are those that Go, Apache, OkHttp and Pingora found to matter, together: leaving one out once served an
 * authenticated or unverified connection to somebody else in a pool that we studied.
 */

/** What makes a route. Absent parts are different from empty ones. */
export interface RouteParts {
  /** What is spoken on the connection: `http`, `https`, `redis`. */
  readonly scheme: string
  /** A host name or an IP literal; empty for a Unix socket. Compared without regard to case. */
  readonly host: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** The path of a Unix socket, instead of host and port. */
  readonly unixPath?: string | undefined
  /** The proxy that the connection goes through, credentials included. */
  readonly proxy?: string | undefined
  /** The name sent in the TLS handshake, where it differs from the host. */
  readonly serverName?: string | undefined
  /** The protocols offered by ALPN, in order. */
  readonly alpn?: ReadonlyArray<string> | undefined
  /** Names the CA, client certificate and verification settings; different settings need different names. */
  readonly tlsIdentity?: string | undefined
  readonly localAddress?: string | undefined
  /** Anything else that keeps callers apart: a tenant, a user, a purpose. */
  readonly partition?: string | undefined
}

export interface Route extends RouteParts {
  /** Equal for equal routes, different for different ones. */
  readonly key: string
  /** `https://a.test:443`, with what else sets the route apart in brackets; for messages. Holds no credentials. */
  readonly label: string
}

/** The route of these parts, with its key; the host in lower case. */
export const make = (parts: RouteParts): Route => {
  const host = parts.host.toLowerCase()
  return {
    ...parts,
    host,
    // JSON keeps parts apart whatever characters they hold, and `undefined` (null here) apart from "".
    key: JSON.stringify([
      parts.scheme,
      host,
      parts.port,
      parts.unixPath,
      parts.proxy,
      parts.serverName,
      parts.alpn,
      parts.tlsIdentity,
      parts.localAddress,
      parts.partition
    ]),
    label: labelOf({ ...parts, host })
  }
}

/** A route of scheme, host and port alone. */
export const of = (scheme: string, host: string, port: number): Route => make({ scheme, host, port })

/** `scheme://host:port` or `scheme+unix:path`: the part of a route that patterns are matched against. */
export const authorityOf = (parts: RouteParts): string => {
  if (parts.unixPath !== undefined) return `${parts.scheme}+unix:${parts.unixPath}`
  const host = parts.host.includes(":") ? `[${parts.host}]` : parts.host
  return `${parts.scheme}://${host}:${parts.port}`
}

const labelOf = (parts: RouteParts): string => {
  const apart: Array<string> = []
  if (parts.proxy !== undefined) apart.push(`via ${withoutCredentials(parts.proxy)}`)
  if (parts.serverName !== undefined) apart.push(`as ${parts.serverName}`)
  if (parts.alpn !== undefined) apart.push(`alpn ${parts.alpn.join("/")}`)
  if (parts.tlsIdentity !== undefined) apart.push(`tls ${parts.tlsIdentity}`)
  if (parts.localAddress !== undefined) apart.push(`from ${parts.localAddress}`)
  if (parts.partition !== undefined) apart.push(parts.partition)
  return apart.length === 0 ? authorityOf(parts) : `${authorityOf(parts)} [${apart.join(", ")}]`
}

const withoutCredentials = (proxy: string): string => proxy.replace(/\/\/[^/@]*@/, "//")
