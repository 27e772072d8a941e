/**
 * What a user writes of proxies, and which proxy an origin is reached through.
 *
 * The first of `proxies` that matches the origin decides, else `proxy`. A setting that cannot be used is a problem when the
 * client is made; no problem and no message repeats a proxy's URL, for there may be a password in it.
 */
import { matchesPattern, PoolConfigError, Route } from "@weir/core"
import { httpConnect, type ProxyCredentials, type ProxyServer, socks5, Target } from "@weir/transport"
import { Effect, Redacted, Schema } from "effect"
import { type EnvironmentProxies, environmentProxies, readEnvironment } from "./EnvironmentProxies.ts"
import { TlsSettings } from "./TlsSettings.ts"

/**
 * A proxy by its URL, with user and password percent-encoded in it: `http://`, `https://` (TLS to the proxy), `socks5://`
 * (names are resolved here) or `socks5h://` (names are resolved by the proxy). Without a scheme it is `http`; ports default
 * to 80, 443 and 1080. Or one of two words: `direct` for no proxy, `environment` for what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY
 * and NO_PROXY say.
 */
export const ProxySetting = Schema.Union([
  Schema.String,
  Schema.Struct({
    url: Schema.String,
    /** User and password as they are, instead of in the URL. */
    username: Schema.optionalKey(Schema.String),
    password: Schema.optionalKey(Schema.String),
    /** TLS to an `https` proxy; the client's `tls` is for origins only. Default: the runtime's roots. */
    tls: Schema.optionalKey(TlsSettings)
  })
])

/** Another proxy for some origins, or none. */
export const ProxyOverride = Schema.Struct({
  /** Which origins, as the pool's overrides match routes: `https://*.corp.test:443`, `*` being any run of characters. */
  match: Schema.String,
  /** As the client's `proxy`. */
  proxy: ProxySetting
})

type Setting = typeof ProxySetting.Type

export interface ProxySettings {
  readonly proxy?: Setting
  readonly proxies?: ReadonlyArray<typeof ProxyOverride.Type>
}

/** The proxy of an origin; undefined for none. */
export type ProxyFor = (isSecure: boolean, host: string, port: number) => ProxyServer | undefined

/** The choice by settings, and by the environment where they say so; every problem at once. */
export const makeProxyFor = (settings: ProxySettings): Effect.Effect<ProxyFor, PoolConfigError> =>
  Effect.gen(function* () {
    const environment = usesEnvironment(settings)
      ? environmentProxies(yield* readableEnvironment, parseProxy)
      : () => "direct" as const
    if (typeof environment !== "function") return yield* new PoolConfigError({ problems: environment })
    const choice = proxyChoice(settings, environment)
    return typeof choice === "function" ? choice : yield* new PoolConfigError({ problems: choice })
  })

const readableEnvironment = readEnvironment.pipe(
  // Deno throws where it does not allow the environment to be read.
  Effect.catchDefect((defect) => Effect.fail(defect)),
  Effect.mapError((cause) => {
    const detail = cause instanceof Error ? cause.message : String(cause)
    return new PoolConfigError({ problems: [`the proxies of the environment cannot be read: ${detail}`] })
  })
)

const usesEnvironment = ({ proxies = [], proxy }: ProxySettings): boolean =>
  [proxy, ...proxies.map((override) => override.proxy)].includes("environment")

const proxyChoice = (
  { proxies = [], proxy = "direct" }: ProxySettings,
  environment: EnvironmentProxies
): ProxyFor | ReadonlyArray<string> => {
  const rules = [
    ...proxies.map((override, index) => ({
      match: override.match,
      path: `proxies.${index}.proxy`,
      of: override.proxy
    })),
    { match: "*", path: "proxy", of: proxy }
  ].map(({ match, of, path }) => ({ match, path, choice: choiceOf(of, environment) }))
  const problems = rules.flatMap(({ choice, path }) => (typeof choice === "string" ? [`${path}: ${choice}`] : []))
  if (problems.length > 0) return problems
  return (isSecure, host, port) => {
    const authority = Route.authorityOf({ scheme: isSecure ? "https" : "http", host, port })
    const rule = rules.find(({ match }) => matchesPattern(match, authority))
    const chosen = typeof rule?.choice === "function" ? rule.choice(isSecure, host, port) : "direct"
    return chosen === "direct" ? undefined : chosen
  }
}

const choiceOf = (setting: Setting, environment: EnvironmentProxies): EnvironmentProxies | string => {
  if (setting === "direct") return () => "direct"
  if (setting === "environment") return environment
  const proxy = parseProxy(setting)
  return typeof proxy === "string" ? proxy : () => proxy
}

const defaultPorts: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
  ["socks5", 1080],
  ["socks5h", 1080]
])

/** The proxy, or what is wrong with it. */
export const parseProxy = (setting: Setting): ProxyServer | string => {
  const parts = typeof setting === "string" ? { url: setting } : setting
  const [, given, rest = ""] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(.*)$/s.exec(parts.url) ?? []
  const scheme = given?.toLowerCase() ?? "http"
  const defaultPort = defaultPorts.get(scheme)
  if (defaultPort === undefined) return `the scheme ${scheme} is none of ${[...defaultPorts.keys()].join(", ")}`
  // A URL of another scheme would leave its host as it is.
  const text = `http://${rest}`
  if (!URL.canParse(text)) return "it is no URL of a proxy, such as http://proxy.test:3128"
  const url = new URL(text)
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") return "a proxy's URL ends with host and port"
  const host = url.hostname.replace(/^\[|\]$/g, "")
  // The URL has dropped what is its own scheme's default.
  const port = url.port !== "" ? Number(url.port) : /:0*80\/?$/.test(rest) ? 80 : defaultPort
  const credentials = credentialsOf(url, parts.username, parts.password)
  if (typeof credentials === "string") return credentials
  if (parts.tls !== undefined && scheme !== "https") return `tls is for https proxies, and this is ${scheme}`
  return checked({
    address: Target.tcp(host, port),
    ...(credentials === undefined ? {} : { credentials }),
    ...(scheme === "http" || scheme === "https"
      ? { _tag: "Http", ...(scheme === "https" ? { tls: { ...parts.tls, alpn: ["http/1.1"] } } : {}) }
      : { _tag: "Socks5", namesAreResolvedBy: scheme === "socks5h" ? "proxy" : "client" })
  })
}

const credentialsOf = (
  url: URL,
  username: string | undefined,
  password: string | undefined
): ProxyCredentials | string | undefined => {
  const isInUrl = url.username !== "" || url.password !== ""
  const isBeside = username !== undefined || password !== undefined
  if (isInUrl && isBeside) return "user and password stand both in the URL and beside it"
  if (isBeside) return { username: username ?? "", password: Redacted.make(password ?? "") }
  if (!isInUrl) return undefined
  try {
    return {
      username: decodeURIComponent(url.username),
      password: Redacted.make(decodeURIComponent(url.password))
    }
  } catch {
    return "the user or the password in the URL is not percent-encoded UTF-8"
  }
}

/** A handshake that cannot be made for any target is known before one is. */
const checked = (proxy: ProxyServer): ProxyServer | string => {
  const target = Target.tcp("target.test", 80)
  const handshake = proxy._tag === "Http" ? httpConnect(proxy, target) : socks5(proxy, target)
  return "kind" in handshake ? handshake.detail : proxy
}
