/**
 * Whom a connection is opened through. A proxy is a part of a target, credentials included: a connection that was opened
 * for one user of a proxy never serves another.
 */
import type { Redacted } from "effect"
import { type Address, formatAddress, type Target, type TlsOptions } from "./Target.ts"

/** What a proxy knows its user by. The password prints as `<redacted>`. */
export interface ProxyCredentials {
  readonly username: string
  readonly password: Redacted.Redacted<string>
}

/** Opens a tunnel by CONNECT (RFC 9110 section 9.3.6). */
export interface HttpProxy {
  readonly _tag: "Http"
  readonly address: Address
  /** How to secure the way to the proxy, in which the credentials travel. Absent: plain text. */
  readonly tls?: TlsOptions
  /** Sent by the scheme Basic (RFC 7617). Default: none. */
  readonly credentials?: ProxyCredentials
}

/** Opens a tunnel by SOCKS 5 (RFC 1928). */
export interface Socks5Proxy {
  readonly _tag: "Socks5"
  readonly address: Address
  /** By RFC 1929. Default: none. */
  readonly credentials?: ProxyCredentials
  /** Who finds the address of a name: the proxy, which gets the name as it is, or this machine. */
  readonly namesAreResolvedBy: "proxy" | "client"
}

export type ProxyServer = HttpProxy | Socks5Proxy

/** `http://10.0.0.1:3128`, for messages: without credentials. */
export const formatProxy = (proxy: ProxyServer): string => `${schemeOf(proxy)}://${formatAddress(proxy.address)}`

/** `a.test:443 via http://10.0.0.1:3128`, for messages: without credentials. */
export const formatTarget = ({ address, proxy }: Target): string =>
  proxy === undefined ? formatAddress(address) : `${formatAddress(address)} via ${formatProxy(proxy)}`

/** By curl's names: with `socks5h` the proxy resolves. */
const schemeOf = (proxy: ProxyServer): string => {
  if (proxy._tag === "Http") return proxy.tls === undefined ? "http" : "https"
  return proxy.namesAreResolvedBy === "proxy" ? "socks5h" : "socks5"
}
