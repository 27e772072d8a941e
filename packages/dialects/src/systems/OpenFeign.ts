/**
 * Spring Cloud OpenFeign: `spring.cloud.openfeign.*`, and `feign.*` as it was called before.
 *
 * Its trait: one name means different things over different clients below: the total of Apache is the number of idle
 * connections of OkHttp.
 */
import { anything, count, flag, oneOf, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Effects, Key, Settings } from "../Key.ts"
import { ofPrefixes, relaxed } from "../Spring.ts"
import { timeUnit } from "../TimeUnit.ts"

const feign = (lines: string) => `FeignHttpClientProperties.java:${lines}`
const newest = "4"
const older = "3.1"

const overOkHttp = ({ get }: Settings): boolean => get("okhttp.enabled") === true
const overApache5 = ({ get, options }: Settings): boolean =>
  get("httpclient.hc5.enabled") === true || (get("httpclient.hc5.enabled") === undefined && options.version !== older)

const withoutEffect = (name: string, { isWritten }: Settings, why: string): Effects =>
  isWritten(name) ? { note: `without effect, as in OpenFeign: ${why}` } : {}

const elsewhere = { why: "it is about encoding calls, not about connections", todo: "keep it where the calls are made" }
const ms = time({ bare: "milliseconds", isIso: true, hasUnits: true, zero: "unlimited" })
const number = time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" })

const keys: ReadonlyArray<Key> = [
  {
    name: "httpclient.max-connections",
    codec: count({ zero: "error" }),
    byDefault: 200,
    means: "`pool.connectionsMax`; over OkHttp `pool.idleMax`",
    writes: "pool.connectionsMax",
    use: (value, settings) => ({
      knobs: overOkHttp(settings) ? { "pool.idleMax": value } : { "pool.connectionsMax": value }
    }),
    cite: `${feign("43")}; 3.1.x FeignAutoConfiguration.java:302`
  },
  {
    name: "httpclient.max-connections-per-route",
    codec: count({ zero: "error" }),
    byDefault: 50,
    means: "`pool.connectionsPerRouteMax`; nothing over OkHttp",
    writes: "pool.connectionsPerRouteMax",
    use: (value, settings) =>
      overOkHttp(settings)
        ? withoutEffect("httpclient.max-connections-per-route", settings, "OkHttp limits no connections")
        : { knobs: { "pool.connectionsPerRouteMax": value } },
    cite: feign("48")
  },
  {
    name: "httpclient.time-to-live",
    codec: number,
    byDefault: 900,
    unitKey: "httpclient.time-to-live-unit",
    means: "`pool.lifetime`; over OkHttp `pool.idleTimeout`",
    writes: "pool.lifetime",
    use: (value, settings) => ({
      knobs: overOkHttp(settings) ? { "pool.idleTimeout": value } : { "pool.lifetime": value }
    }),
    cite: feign("53")
  },
  {
    name: "httpclient.time-to-live-unit",
    codec: timeUnit,
    byDefault: "SECONDS",
    means: "the unit of time-to-live",
    cite: feign("58")
  },
  {
    name: "httpclient.connection-timeout",
    codec: ms,
    loss: {
      why: "OpenFeign replaces it on each call by client.config.default.connect-timeout, 10 s where that is not set",
      todo: "set that one"
    },
    cite: `${feign("68")} (2000); feign ApacheHttp5Client.configureTimeouts`
  },
  {
    name: "httpclient.follow-redirects",
    codec: flag({ true: 50, false: 0 }),
    byDefault: true,
    to: "http.redirectCountMax",
    cite: feign("63")
  },
  {
    name: "httpclient.disable-ssl-validation",
    codec: flag({ true: "unverified", false: "full" }),
    byDefault: false,
    to: "tls.verification",
    cite: feign("38")
  },
  {
    name: "httpclient.connection-timer-repeat",
    codec: count(),
    means: "connections are always closed in time, whatever the interval",
    cite: feign("73 (3000)")
  },
  {
    name: "httpclient.enabled",
    codec: flag(),
    means: "which client is below",
    cite: "3.1.x FeignAutoConfiguration.java:225"
  },
  {
    name: "httpclient.hc5.enabled",
    codec: flag(),
    means: "which client is below: Apache HttpClient 5 by default in 4",
    cite: "FeignAutoConfiguration.java:225"
  },
  {
    name: "httpclient.http2client.enabled",
    aliases: ["http2client.enabled"],
    codec: flag(),
    isHonoured: (value) => value === false,
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave it out" },
    cite: "FeignAutoConfiguration.java:271"
  },
  {
    name: "httpclient.hc5.pool-concurrency-policy",
    codec: oneOf({ STRICT: "STRICT", LAX: "LAX", OFFLOCK: "OFFLOCK" }, { ignoresCase: true }),
    byDefault: "STRICT",
    means: "LAX lifts the total",
    use: (value, settings) =>
      value === "LAX" && overApache5(settings) ? { knobs: { "pool.connectionsMax": "unlimited" } } : {},
    cite: feign("186")
  },
  {
    name: "httpclient.hc5.pool-reuse-policy",
    codec: oneOf({ FIFO: "fifo", LIFO: "lifo" }, { ignoresCase: true }),
    byDefault: "FIFO",
    means: "`pool.leaseOrder`, over Apache HttpClient 5",
    writes: "pool.leaseOrder",
    use: (value, settings) =>
      overApache5(settings) && !overOkHttp(settings) ? { knobs: { "pool.leaseOrder": value } } : {},
    cite: feign("191")
  },
  {
    name: "httpclient.hc5.connection-request-timeout",
    codec: number,
    byDefault: 3,
    unitKey: "httpclient.hc5.connection-request-timeout-unit",
    means:
      "`pool.acquireTimeout`, over Apache HttpClient 5; who waits for another client's connection waits without end",
    writes: "pool.acquireTimeout",
    use: (value, settings) =>
      overApache5(settings) && !overOkHttp(settings)
        ? { knobs: { "pool.acquireTimeout": value, "pool.idleTimeout": 180_000 } }
        : {},
    cite: `${feign("206")}; httpclient 5 keeps idle connections for 3 min`
  },
  {
    name: "httpclient.hc5.connection-request-timeout-unit",
    codec: timeUnit,
    byDefault: "MINUTES",
    means: "the unit of connection-request-timeout",
    cite: feign("211")
  },
  {
    name: "httpclient.hc5.socket-timeout",
    codec: number,
    loss: {
      why: "OpenFeign replaces it on each call by client.config.default.read-timeout, 60 s where that is not set",
      todo: "set that one"
    },
    cite: `${feign("196")} (5 SECONDS); feign ApacheHttp5Client.configureTimeouts`
  },
  {
    name: "httpclient.hc5.socket-timeout-unit",
    codec: timeUnit,
    means: "the unit of socket-timeout",
    cite: feign("201")
  },
  {
    name: "httpclient.ok-http.read-timeout",
    codec: ms,
    loss: { why: "OpenFeign replaces it on each call by client.config.default.read-timeout", todo: "set that one" },
    cite: "3.1.x FeignHttpClientProperties.java:337"
  },
  {
    name: "httpclient.ok-http.protocols[]",
    codec: text,
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave it out" },
    cite: "FeignHttpClientProperties.java"
  },
  {
    name: "httpclient.http2.version",
    codec: text,
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave it out" },
    cite: feign("338")
  },
  {
    name: "okhttp.enabled",
    aliases: ["httpclient.okhttp.enabled"],
    codec: flag(),
    byDefault: false,
    means: "OkHttp's pool: no limits, max-connections idle ones",
    cite: "3.1.x FeignAutoConfiguration.java:293"
  },
  {
    name: "client.config.default.connect-timeout",
    codec: ms,
    byDefault: 10_000,
    to: "pool.connectTimeout",
    cite: "feign Request.Options (10 s)"
  },
  {
    name: "client.config.default.read-timeout",
    codec: ms,
    byDefault: 60_000,
    to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
    cite: "feign Request.Options (60 s)"
  },
  {
    name: "client.config.*.connect-timeout",
    codec: ms,
    to: "pool.connectTimeout",
    cite: "FeignClientProperties.FeignClientConfiguration"
  },
  {
    name: "client.config.*.read-timeout",
    codec: ms,
    to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
    cite: "FeignClientProperties.FeignClientConfiguration"
  },
  ...[
    "client.**",
    "compression.**",
    "circuitbreaker.**",
    "micrometer.**",
    "oauth2.**",
    "lazy-attributes-resolution",
    "autoconfiguration.**",
    "cache.**",
    "encoder.**",
    "hystrix.**",
    "metrics.**",
    "sentinel.**"
  ].map((name) => ({
    name,
    codec: anything,
    loss: elsewhere,
    cite: "spring-cloud-openfeign"
  }))
]

export const openFeign = make({
  id: "openfeign",
  title: "OpenFeign",
  versions: [newest, older],
  keys,
  always: {
    knobs: (version) => ({ "pool.validateAfterInactivity": 2000, "http.retryCountMax": version === newest ? 1 : 3 }),
    cite: "Apache HttpClient 5 (validation, 1 retry), 4.5 (3 retries)"
  },
  isText: true,
  spelling: relaxed,
  matchOf: (client) => `http*://${client}:*`,
  select: ofPrefixes(["spring.cloud.openfeign", "feign"]),
  isTelling: (path) => /^(spring\.cloud\.openfeign|feign)\.(httpclient|okhttp|client)\b/.test(path),
  form: "properties",
  prefix: "spring.cloud.openfeign"
})
