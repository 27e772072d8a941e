/**
 * From a URL to the route that its connections are pooled under, and the target that they are dialled to.
 */
import { Route } from "@weir/core"
import type { RawHeaders } from "@weir/http1"
import { basicAuthorization, formatProxy, type ProxyServer, Target } from "@weir/transport"
import type { ProxyFor } from "./ProxySettings.ts"
import type { TlsSettings } from "./TlsSettings.ts"

export interface Origin {
  readonly route: Route.Route
  readonly target: Target.Target
  /** What goes into the `Host` field: without the scheme's default port (RFC 9110 section 7.2). */
  readonly hostField: string
  /** The headers of a request that has none of its own. */
  readonly hostAlone: RawHeaders
  /** `https://a.test`, for messages. */
  readonly label: string
  /** Present where requests are not sent to the origin but to an HTTP proxy, which forwards them. */
  readonly forwarding?: Forwarding
  /** The origin through a tunnel of that proxy, for what cannot be forwarded. */
  readonly tunnelled?: Origin
}

/** What a request is told a proxy with that forwards it. */
export interface Forwarding {
  /** `http://a.test:8080`: what the target of a request begins with. */
  readonly uri: string
  /** The field `Proxy-Authorization`; absent where the proxy wants none. A secret. */
  readonly authorization?: string
}

type TlsSettingsType = typeof TlsSettings.Type

export interface OriginOptions {
  readonly tls: TlsSettingsType | undefined
  readonly localAddress: string | undefined
  /** Absent: every origin is reached directly. */
  readonly proxyFor?: ProxyFor
}

const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 }

/** The origin of a URL; a text that says what is wrong where it has none. */
export const originOf = (url: URL, options: OriginOptions): Origin | string => {
  const defaultPort = defaultPorts[url.protocol]
  if (defaultPort === undefined) return `the scheme ${url.protocol} is neither http: nor https:`
  if (url.username !== "" || url.password !== "") {
    return "the URL holds credentials; send them in an Authorization header"
  }
  const port = url.port === "" ? defaultPort : Number(url.port)
  // A URL writes an IPv6 literal in brackets; an address has none.
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname
  return makeOrigin(url.protocol === "https:", host, port, url.host, options)
}

/**
 * An origin from its parts; `hostField` is what the server is to be told.
 *
 * Through an HTTP proxy, `http:` requests are forwarded, as by Go and curl; everything else goes through a tunnel. Either
 * way a connection belongs to one origin and one user of the proxy: the route holds both.
 */
export const makeOrigin = (
  isSecure: boolean,
  host: string,
  port: number,
  hostField: string,
  options: OriginOptions
): Origin => {
  const proxy = options.proxyFor?.(isSecure, host, port)
  const local = options.localAddress === undefined ? {} : { localAddress: options.localAddress }
  const tls = isSecure ? (options.tls ?? {}) : undefined
  const alpn = ["http/1.1"]
  const identity = proxy === undefined ? undefined : identityOf(proxy)
  const direct: Origin = {
    route: Route.make({
      scheme: isSecure ? "https" : "http",
      host,
      port,
      proxy: identity,
      serverName: tls?.serverName,
      alpn: isSecure ? alpn : undefined,
      tlsIdentity: tls === undefined ? undefined : tlsIdentity(tls),
      ...local
    }),
    target: {
      address: Target.tcp(host, port),
      ...(tls === undefined ? {} : { tls: { ...tls, alpn } }),
      ...local,
      ...(proxy === undefined ? {} : { proxy })
    },
    hostField,
    hostAlone: ["Host", hostField],
    label: `${isSecure ? "https" : "http"}://${hostField}`
  }
  if (proxy?._tag !== "Http" || isSecure) return direct
  const authorization = proxy.credentials === undefined ? undefined : basicAuthorization(proxy.credentials)
  return {
    ...direct,
    target: { address: proxy.address, ...(proxy.tls === undefined ? {} : { tls: proxy.tls }), ...local },
    forwarding: {
      uri: `http://${port === 80 ? Target.formatHost(host) : Target.formatAddress(Target.tcp(host, port))}`,
      ...(authorization === undefined ? {} : { authorization })
    },
    tunnelled: { ...direct, route: Route.make({ ...direct.route, proxy: `CONNECT ${identity}` }) }
  }
}

/**
 * A proxy as a part of the route, which stands in statistics: its credentials are a number, as TLS settings are. Each
 * credentials object has its own, so that no two users of a proxy are taken for the same.
 */
const identityOf = (proxy: ProxyServer): string => {
  const tls = proxy._tag === "Http" ? proxy.tls : undefined
  const identity = tls === undefined ? undefined : tlsIdentity(tls)
  return [
    formatProxy(proxy),
    ...(proxy.credentials === undefined ? [] : [`user ${numberOf(proxy.credentials)}`]),
    ...(tls?.serverName === undefined ? [] : [`as ${tls.serverName}`]),
    ...(identity === undefined ? [] : [`tls ${identity}`])
  ].join(" ")
}

/**
 * Names the settings that make one TLS connection different from another; the default settings have no name. The name
 * stands in messages, so it says what kind of settings they are and holds none of them: a key would be a secret told.
 * Each settings object has a number of its own, so that no two are taken for the same.
 */
const tlsIdentity = (tls: TlsSettingsType): string | undefined => {
  const { ca, certificate, minVersion, verification } = tls
  const parts = [
    ...(verification === "unverified" ? ["unverified"] : []),
    ...(ca === undefined ? [] : ["own CA"]),
    ...(certificate === undefined ? [] : ["client certificate"]),
    ...(minVersion === undefined ? [] : [`${minVersion} or later`])
  ]
  if (parts.length === 0) return undefined
  return `${parts.join(" and ")}, settings ${numberOf(tls)}`
}

const identityNumbers = new WeakMap<object, number>()
let nextIdentityNumber = 1

const numberOf = (identity: object): number => {
  const number = identityNumbers.get(identity) ?? nextIdentityNumber++
  identityNumbers.set(identity, number)
  return number
}
