/**
 * Spring Cloud Gateway's HTTP client: `spring.cloud.gateway.httpclient.*`, since 4.3
 * `spring.cloud.gateway.server.webflux.httpclient.*`.
 *
 * Its traits: ELASTIC, its default, never waits; FIXED waits for 45 s in a queue without a bound; DISABLED opens a
 * connection for each call.
 */
import { anything, count, flag, oneOf, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Effects, Key, Settings } from "../Key.ts"
import { ofPrefixes, relaxed } from "../Spring.ts"

const properties = (lines: string) => `HttpClientProperties.java:${lines}`
const duration = time({ bare: "milliseconds", hasUnits: true, isIso: true })
const identity = { why: "certificates and keys do not belong in a text of settings", todo: "set tls beside from" }

/** Only a pool of type FIXED has limits. */
const ifFixed = (name: string, { get, isWritten }: Settings, effects: Effects): Effects => {
  const type = get("pool.type")
  if (type === "bounded") return effects
  const word = type === "unlimited" ? "ELASTIC" : "DISABLED"
  return isWritten(name) ? { note: `without effect, as in Spring Cloud Gateway: the pool's type is ${word}` } : {}
}

const keys: ReadonlyArray<Key> = [
  {
    name: "pool.type",
    codec: oneOf({ ELASTIC: "unlimited", FIXED: "bounded", DISABLED: "disabled" }, { ignoresCase: true }),
    byDefault: "ELASTIC",
    to: "pool.mode",
    cite: `${properties("173")}; HttpClientFactory.java:168-184`
  },
  { name: "pool.name", codec: text, byDefault: "proxy", to: "pool.name", cite: properties("176") },
  {
    name: "pool.max-connections",
    codec: count({ zero: "error" }),
    derive: ({ options }) => Math.max(options.processorCount ?? 8, 8) * 2,
    means: "`pool.connectionsPerRouteMax`, where the type is FIXED",
    writes: "pool.connectionsPerRouteMax",
    use: (value, settings) =>
      ifFixed("pool.max-connections", settings, { knobs: { "pool.connectionsPerRouteMax": value } }),
    cite: `${properties("182")} (twice the processors, at least 16)`
  },
  {
    name: "pool.acquire-timeout",
    codec: time({ bare: "milliseconds", zero: "unlimited" }),
    byDefault: 45_000,
    means: "`pool.acquireTimeout`, where the type is FIXED",
    writes: "pool.acquireTimeout",
    use: (value, settings) => ifFixed("pool.acquire-timeout", settings, { knobs: { "pool.acquireTimeout": value } }),
    cite: properties("185")
  },
  { name: "pool.max-idle-time", codec: duration, to: "pool.idleTimeout", cite: properties("191") },
  { name: "pool.max-life-time", codec: duration, to: "pool.lifetime", cite: properties("197") },
  {
    name: "pool.eviction-interval",
    codec: duration,
    means: "idle connections are always closed in time, whatever the interval",
    cite: properties("203")
  },
  {
    name: "pool.metrics",
    codec: flag(),
    means: "the pool always counts, whether it is set or not",
    cite: properties("209")
  },
  {
    name: "pool.leasing-strategy",
    codec: oneOf({ FIFO: "fifo", LIFO: "lifo" }, { ignoresCase: true }),
    versions: ["4.3"],
    byDefault: "FIFO",
    to: "pool.leaseOrder",
    cite: `${properties("215")} (a key since 4.2)`
  },
  {
    name: "connect-timeout",
    codec: time({ bare: "milliseconds", zero: "unlimited" }),
    byDefault: 30_000,
    to: "pool.connectTimeout",
    cite: `${properties("40")}; netty (30 s)`
  },
  { name: "response-timeout", codec: duration, to: "http.responseHeadTimeout", cite: `${properties("43")} (none)` },
  {
    name: "ssl.use-insecure-trust-manager",
    codec: flag({ true: "unverified", false: "full" }),
    byDefault: false,
    to: "tls.verification",
    cite: "HttpClientProperties.Ssl"
  },
  {
    name: "ssl.handshake-timeout",
    codec: duration,
    loss: {
      why: "a dial with all its phases has one time limit",
      todo: "have connect-timeout cover the handshake too"
    },
    cite: "HttpClientProperties.Ssl (10 s)"
  },
  ...[
    "ssl.trusted-x509-certificates[]",
    "ssl.trusted-x509-certificates",
    "ssl.key-store",
    "ssl.key-store-type",
    "ssl.key-store-provider",
    "ssl.key-store-password",
    "ssl.key-password",
    "ssl.ssl-bundle"
  ].map((name) => ({ name, codec: anything, loss: identity, cite: "HttpClientProperties.Ssl" })),
  ...["ssl.close-notify-flush-timeout", "ssl.close-notify-read-timeout", "ssl.default-configuration-type"].map(
    (name) => ({
      name,
      codec: anything,
      loss: { why: "the socket layer has no such option", todo: "leave it out" },
      cite: "HttpClientProperties.Ssl"
    })
  ),
  {
    name: "max-header-size",
    codec: anything,
    loss: { why: "the limits of heads stand in http.limits", todo: "set http.limits beside from" },
    cite: "HttpClientProperties.java"
  },
  {
    name: "max-initial-line-length",
    codec: anything,
    loss: { why: "the limits of heads stand in http.limits", todo: "set http.limits beside from" },
    cite: "HttpClientProperties.java"
  },
  {
    name: "compression",
    codec: flag(),
    byDefault: false,
    to: "http.isDecoding",
    cite: "HttpClientProperties.java"
  },
  {
    name: "wiretap",
    codec: flag(),
    loss: { why: "bytes are not logged", todo: "read the pool's events" },
    isHonoured: (value) => value === false,
    cite: "HttpClientProperties.java"
  },
  {
    name: "proxy.type",
    codec: oneOf({ HTTP: "http", SOCKS5: "socks5" }, { ignoresCase: true }),
    byDefault: "HTTP",
    means: "the scheme of `proxy`",
    cite: "HttpClientProperties.Proxy"
  },
  {
    name: "proxy.host",
    codec: text,
    means: "`proxy`, with type and port",
    use: (host, { get }) => {
      const port = get("proxy.port")
      return { knobs: { proxy: `${get("proxy.type")}://${host}${port === undefined ? "" : `:${port}`}` } }
    },
    cite: "HttpClientProperties.Proxy"
  },
  { name: "proxy.port", codec: count(), means: "the port of `proxy`", cite: "HttpClientProperties.Proxy" },
  ...["proxy.username", "proxy.password"].map((name) => ({
    name,
    codec: anything,
    loss: { why: "a password does not belong in a text of settings", todo: "set proxy beside from, with its user" },
    cite: "HttpClientProperties.Proxy"
  })),
  {
    name: "proxy.non-proxy-hosts-pattern",
    codec: text,
    loss: { why: "it is a regular expression", todo: "set proxies beside from: direct for such hosts" },
    cite: "HttpClientProperties.Proxy"
  },
  {
    name: "websocket.**",
    codec: anything,
    loss: { why: "there are no WebSockets here", todo: "leave it out" },
    cite: "HttpClientProperties.Websocket"
  }
]

export const springCloudGateway = make({
  id: "spring-cloud-gateway",
  title: "Spring Cloud Gateway",
  versions: ["4.3", "4.1", "3.1"],
  keys,
  always: {
    knobs: { "http.retryCountMax": 1 },
    cite: "DefaultPooledConnectionProvider.java:255-272 (reactor-netty tries once more)"
  },
  isText: true,
  spelling: relaxed,
  select: ofPrefixes(["spring.cloud.gateway.server.webflux.httpclient", "spring.cloud.gateway.httpclient"]),
  isTelling: (path) => /^spring\.cloud\.gateway\.(server\.webflux\.)?httpclient\./.test(path),
  form: "properties",
  prefix: "spring.cloud.gateway.server.webflux.httpclient"
})
