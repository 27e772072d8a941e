/**
 * From a URL to the route that its connections are pooled under, and the target that they are dialled to.
 */
import { Route } from "@weir/core"
import { Target } from "@weir/transport"
import type { TlsSettings } from "./ClientConfig.ts"

export interface Origin {
  readonly route: Route.Route
  readonly target: Target.Target
  /** What goes into the `Host` field: without the scheme's default port (RFC 9110 section 7.2). */
  readonly hostField: string
  /** `https://a.test`, for messages. */
  readonly label: string
}

type TlsSettingsType = typeof TlsSettings.Type

export interface OriginOptions {
  readonly tls: TlsSettingsType | undefined
  readonly localAddress: string | undefined
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

/** An origin from its parts; `hostField` is what the server is to be told. */
export const makeOrigin = (
  isSecure: boolean,
  host: string,
  port: number,
  hostField: string,
  options: OriginOptions
): Origin => {
  const { localAddress } = options
  const tls = isSecure ? (options.tls ?? {}) : undefined
  const alpn = ["http/1.1"]
  return {
    route: Route.make({
      scheme: isSecure ? "https" : "http",
      host,
      port,
      serverName: tls?.serverName,
      alpn: isSecure ? alpn : undefined,
      tlsIdentity: tls === undefined ? undefined : tlsIdentity(tls),
      localAddress
    }),
    target: {
      address: Target.tcp(host, port),
      ...(tls === undefined ? {} : { tls: { ...tls, alpn } }),
      ...(localAddress === undefined ? {} : { localAddress })
    },
    hostField,
    label: `${isSecure ? "https" : "http"}://${hostField}`
  }
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
  const number = identityNumbers.get(tls) ?? nextIdentityNumber++
  identityNumbers.set(tls, number)
  return `${parts.join(" and ")}, settings ${number}`
}

const identityNumbers = new WeakMap<TlsSettingsType, number>()
let nextIdentityNumber = 1
