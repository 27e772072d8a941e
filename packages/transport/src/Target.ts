/**
 * What to dial: an address, and how to secure the connection to it.
 *
 * A target holds everything that makes one connection different from another, and nothing else: two equal targets
 * give connections that may stand in for each other. Deadlines belong to the attempt, not to the target.
 */
import type { ProxyServer } from "./ProxyServer.ts"

/** A host (a name or an IP literal, IPv6 without brackets) and a port from 1 to 65535. */
export interface TcpAddress {
  readonly _tag: "Tcp"
  readonly host: string
  readonly port: number
}

/** The path of a Unix domain socket. */
export interface UnixAddress {
  readonly _tag: "Unix"
  readonly path: string
}

/** Where to connect. */
export type Address = TcpAddress | UnixAddress

/** How to secure a connection. Certificates and keys are PEM text. */
export interface TlsOptions {
  /**
   * The name sent as SNI (unless it is an IP address) and checked against the certificate. Default: the host of the
   * address. A Unix path has none: there a verified connect without this name fails with `Unsupported`.
   */
  readonly serverName?: string
  /** Protocols offered by ALPN, in order of preference. Default: none is offered. */
  readonly alpn?: ReadonlyArray<string>
  /** Certificate authorities to trust instead of the runtime's roots. */
  readonly ca?: ReadonlyArray<string>
  /** The client certificate chain and its key. */
  readonly certificate?: { readonly chain: string; readonly key: string }
  /** The lowest protocol version accepted. Default: TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3"
  /** `"unverified"` accepts any certificate; it has to be asked for by name. Default: `"full"`. */
  readonly verification?: "full" | "unverified"
}

/** Treated as immutable, with all that is in it: layers keep what they derive from it. */
export interface Target {
  readonly address: Address
  /** Absent: plain text. */
  readonly tls?: TlsOptions
  /** The local IP address to connect from; with a Unix address it is `Unsupported`. Default: the system chooses. */
  readonly localAddress?: string
  /** Opens the connection in our stead; `localAddress` is then where we connect to the proxy from. Default: none. */
  readonly proxy?: ProxyServer
}

/** A TCP port of a host. */
export const tcp = (host: string, port: number): TcpAddress => ({ _tag: "Tcp", host, port })

/** A Unix socket. */
export const unix = (path: string): UnixAddress => ({ _tag: "Unix", path })

/** The host as it stands in a URI: IPv6 in brackets. */
export const formatHost = (host: string): string => (host.includes(":") ? `[${host}]` : host)

/** `127.0.0.1:80`, `[::1]:80` or `unix:/run/app.sock`, for messages. */
export const formatAddress = (address: Address): string => {
  switch (address._tag) {
    case "Tcp":
      return `${formatHost(address.host)}:${address.port}`
    case "Unix":
      return `unix:${address.path}`
  }
}
