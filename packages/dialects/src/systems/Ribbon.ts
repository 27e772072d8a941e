/**
 * Netflix Ribbon: `ribbon.*` for all clients and `<client>.ribbon.*` for one, whose names count case for case.
 *
 * Its traits: 50 connections for a server and 200 in all, and under Spring Cloud nobody sets how long a call waits for
 * one. Exhaustion shows as slow calls, not as errors.
 */
import { anything, count, flag, text, time } from "../Codec.ts"
import { make, type Selected } from "../Dialect.ts"
import type { Key, Loss } from "../Key.ts"
import { springProperties } from "../Spring.ts"
import { timeUnit } from "../TimeUnit.ts"
import type { Written } from "../Written.ts"

const core = (lines: string) => `ribbon-core CommonClientConfigKey.java:${lines}`
const ms = time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" })
const spring = "spring-cloud-netflix"
const netflix = "ribbon"

const priming: Loss = { why: "a pool opens nothing before it is asked to", todo: "call once at the start" }
const servers: Loss = {
  why: "a client connects where the URL points, and chooses among no servers",
  todo: "call the server, or a gateway that chooses"
}
const identity: Loss = { why: "certificates and keys do not belong in a text of settings", todo: "set tls beside from" }
const socket: Loss = { why: "the socket layer has no such option", todo: "leave it out" }
const classes: Loss = { why: "it names a class", todo: "leave it out" }
const elsewhere: Loss = { why: "it names the service, not its connections", todo: "leave it out" }

const group = (loss: Loss, ...names: ReadonlyArray<string>): ReadonlyArray<Key> =>
  names.map((name) => ({ name: `ribbon.${name}`, codec: anything, loss, cite: core("") }))

/** OkHttp below Ribbon has no limits: its pool keeps as many idle ones as Apache would have had connections. */
const overOkHttp = (get: (name: string) => unknown): boolean => get("ribbon.okhttp.enabled") === true

const keys: ReadonlyArray<Key> = [
  {
    name: "ribbon.MaxConnectionsPerHost",
    aliases: ["ribbon.MaxHttpConnectionsPerHost"],
    codec: count({ zero: "error" }),
    byDefault: 50,
    means: "`pool.connectionsPerRouteMax`; nothing over OkHttp",
    writes: "pool.connectionsPerRouteMax",
    use: (value, { get, isWritten }) =>
      overOkHttp(get)
        ? isWritten("ribbon.MaxConnectionsPerHost")
          ? { note: "without effect, as in Ribbon: OkHttp limits no connections" }
          : {}
        : { knobs: { "pool.connectionsPerRouteMax": value } },
    cite: core("95 (deprecated name 87)")
  },
  {
    name: "ribbon.MaxTotalConnections",
    aliases: ["ribbon.MaxTotalHttpConnections"],
    codec: count({ zero: "error" }),
    byDefault: 200,
    means: "`pool.connectionsMax`; over OkHttp `pool.idleMax`",
    writes: "pool.connectionsMax",
    use: (value, { get }) => ({
      knobs: overOkHttp(get) ? { "pool.idleMax": value } : { "pool.connectionsMax": value }
    }),
    note: "each Ribbon client has a pool of its own; here it is the total of all that share the client",
    cite: `${core("97 (deprecated name 93)")}; OkHttpRibbonConfiguration.java:94-100`
  },
  {
    name: "ribbon.PoolKeepAliveTime",
    codec: time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" }),
    byDefault: 900,
    unitKey: "ribbon.PoolKeepAliveTimeUnits",
    to: "pool.lifetime",
    note: "whatever its name says, it is how old a connection may get",
    cite: core("77")
  },
  {
    name: "ribbon.PoolKeepAliveTimeUnits",
    codec: timeUnit,
    byDefault: "SECONDS",
    means: "the unit of PoolKeepAliveTime",
    cite: core("79")
  },
  {
    name: "ribbon.ConnIdleEvictTimeMilliSeconds",
    codec: ms,
    byDefault: { [spring]: 30_000, [netflix]: 30_000 },
    means: "`pool.idleTimeout`; nothing under Spring Cloud",
    use: (value, { get, isWritten, options }) =>
      options.version === spring
        ? isWritten("ribbon.ConnIdleEvictTimeMilliSeconds")
          ? {
              unmapped: {
                why: "Spring Cloud's Apache client never reads it: no connection is closed for being idle there",
                todo: "set pool.idleTimeout beside from"
              }
            }
          : {}
        : { knobs: get("ribbon.ConnectionPoolCleanerTaskEnabled") === false ? {} : { "pool.idleTimeout": value } },
    cite: `${core("121")}; HttpClientRibbonConfiguration.java:113,119-124`
  },
  {
    name: "ribbon.ConnectionCleanerRepeatInterval",
    codec: ms,
    byDefault: 30_000,
    means: "connections are always closed in time, whatever the interval",
    cite: core("123")
  },
  {
    name: "ribbon.ConnectionPoolCleanerTaskEnabled",
    codec: flag(),
    byDefault: true,
    means: "without it no connection is closed for being idle",
    cite: core("119")
  },
  {
    name: "ribbon.EnableConnectionPool",
    codec: flag(),
    byDefault: true,
    means: "`pool.mode` disabled, where it is false",
    use: (value) => (value === false ? { knobs: { "pool.mode": "disabled" } } : {}),
    cite: core("81")
  },
  {
    name: "ribbon.ConnectionManagerTimeout",
    codec: ms,
    byDefault: 2000,
    means: "`pool.acquireTimeout`; nothing under Spring Cloud",
    use: (value, { isWritten, options }) =>
      options.version === spring
        ? isWritten("ribbon.ConnectionManagerTimeout")
          ? {
              unmapped: {
                why: "Spring Cloud's Apache client never reads it: callers wait without end there",
                todo: "set pool.acquireTimeout beside from"
              }
            }
          : {}
        : { knobs: { "pool.acquireTimeout": value } },
    cite: `${core("115")}; HttpClientRibbonConfiguration.java:135-137`
  },
  {
    name: "ribbon.ConnectTimeout",
    codec: ms,
    byDefault: { [spring]: 1000, [netflix]: 2000 },
    to: "pool.connectTimeout",
    cite: `${core("103")}; RibbonClientConfiguration.java:79`
  },
  {
    name: "ribbon.ReadTimeout",
    codec: ms,
    byDefault: { [spring]: 1000, [netflix]: 5000 },
    to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
    cite: `${core("107")}; RibbonClientConfiguration.java:84`
  },
  {
    name: "ribbon.MaxAutoRetries",
    codec: count(),
    byDefault: 0,
    means: "part of `http.retryCountMax`",
    cite: core("MaxAutoRetries")
  },
  {
    name: "ribbon.MaxAutoRetriesNextServer",
    codec: count(),
    byDefault: 1,
    means: "with MaxAutoRetries `http.retryCountMax`: (retries + 1) × (servers + 1) - 1",
    use: (value, { get }) => ({
      knobs: {
        "http.retryCountMax": Math.min(100, (Number(get("ribbon.MaxAutoRetries")) + 1) * (Number(value) + 1) - 1)
      }
    }),
    note: "a retry goes to the same origin, since there are no other servers to choose",
    cite: core("MaxAutoRetriesNextServer")
  },
  {
    name: "ribbon.OkToRetryOnAllOperations",
    codec: flag(),
    isHonoured: (value) => value === false,
    loss: {
      why: "a call that may have been executed, and is not idempotent, is never sent again",
      todo: "repeat it in the program, where it is known to be harmless"
    },
    cite: core("OkToRetryOnAllOperations")
  },
  {
    name: "ribbon.StaleCheckingEnabled",
    codec: flag(),
    means: "`pool.validateAfterInactivity` 0, where it is true",
    use: (value) => (value === true ? { knobs: { "pool.validateAfterInactivity": 0 } } : {}),
    cite: core("StaleCheckingEnabled")
  },
  {
    name: "ribbon.IsSecure",
    codec: flag(),
    loss: { why: "the URL says whether TLS is spoken", todo: "call https: URLs" },
    isHonoured: (value) => value === false,
    cite: core("IsSecure")
  },
  {
    name: "ribbon.listOfServers",
    codec: text,
    means: "the routes that the client's keys hold for",
    cite: core("listOfServers")
  },
  {
    name: "ribbon.okhttp.enabled",
    codec: flag(),
    means: "OkHttp's pool: no limits, MaxTotalConnections idle ones",
    cite: "OkHttpRibbonConfiguration.java:94-100"
  },
  {
    name: "ribbon.IgnoreUserTokenInConnectionPoolForSecureClient",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: {
      why: "who a connection belongs to is part of its route",
      todo: "give callers that may share connections the same client"
    },
    cite: core("147")
  },
  ...group(
    priming,
    "EnablePrimeConnections",
    "PrimeConnectionsClassName",
    "PrimeConnectionsURI",
    "MaxTotalTimeToPrimeConnections",
    "MinPrimeConnectionsRatio",
    "MaxRetriesPerServerPrimeConnection"
  ),
  ...group(
    servers,
    "NFLoadBalancerRuleClassName",
    "NFLoadBalancerPingClassName",
    "NFLoadBalancerPingInterval",
    "NIWSServerListClassName",
    "NIWSServerListFilterClassName",
    "ServerListUpdaterClassName",
    "ServerListRefreshInterval",
    "InitializeNFLoadBalancer",
    "EnableZoneAffinity",
    "EnableZoneExclusivity",
    "RulePredicateClasses",
    "UseIPAddrForServer",
    "PrioritizeVipAddressBasedServers",
    "TargetRegion",
    "EnableMarkingServerDownOnReachingFailureLimit",
    "ServerDownFailureLimit",
    "ServerDownStatWindowInMillis",
    "eureka.**",
    "eager-load.**"
  ),
  ...group(
    identity,
    "KeyStore",
    "KeyStorePassword",
    "TrustStore",
    "TrustStorePassword",
    "IsClientAuthRequired",
    "CustomSSLSocketFactoryClassName",
    "IsHostnameValidationRequired"
  ),
  ...group(
    socket,
    "SendBufferSize",
    "ReceiveBufferSize",
    "Linger",
    "ProxyHost",
    "ProxyPort",
    "PoolMaxThreads",
    "PoolMinThreads",
    "BackoffInterval"
  ),
  ...group(
    classes,
    "ClientClassName",
    "RequestSpecificRetryOn",
    "RequestIdHeaderName",
    "http.client.enabled",
    "restclient.enabled",
    "retryableStatusCodes"
  ),
  ...group(
    elsewhere,
    "AppName",
    "Version",
    "Port",
    "SecurePort",
    "VipAddress",
    "DeploymentContextBasedVipAddresses",
    "ForceClientPortConfiguration"
  ),
  ...group(
    { why: "it is the client's", todo: "set http.redirectCountMax or http.isDecoding beside from" },
    "FollowRedirects",
    "EnableGZIPContentEncodingFilter",
    "GZipPayload"
  )
]

/** `[client, "ribbon", key...]` or `["ribbon", key...]`. */
const ribbonAt = (path: Written["path"]): number =>
  path[0] === "spring" || path[0] === "zuul" ? -1 : path.indexOf("ribbon")

const clientOf = (path: Written["path"]): string => path.slice(0, ribbonAt(path)).join(".")

export const ribbon = make({
  id: "ribbon",
  title: "Ribbon",
  versions: [spring, netflix],
  keys,
  always: {
    knobs: (version) => ({
      "pool.leaseOrder": "lifo",
      ...(version === spring ? { "pool.validateAfterInactivity": 2000 } : {})
    }),
    cite: "httpcore 4.4 AbstractConnPool.java:424; httpclient 4.5 PoolingHttpClientConnectionManager.java:183"
  },
  isText: true,
  select: (input, options) => {
    const properties = springProperties(input, options, (path) => ribbonAt(path) >= 0)
    const hosts = new Map<string, ReadonlyArray<string>>()
    for (const { path, value } of properties.selected) {
      if (path.at(-1) !== "listOfServers" || typeof value !== "string") continue
      hosts.set(
        clientOf(path),
        value.split(",").map((server) => `http*://${withPort(server.trim())}`)
      )
    }
    const selected = properties.selected.flatMap((property): ReadonlyArray<Selected> => {
      const client = clientOf(property.path)
      const path = property.path.slice(ribbonAt(property.path))
      if (client === "") return [{ ...property, path }]
      return (hosts.get(client) ?? [`http*://${client}:*`]).map((match) => ({ ...property, path, match }))
    })
    return { ...properties, selected }
  },
  isTelling: (path) => /(^|\.)ribbon\.([A-Z]|listOfServers|okhttp|eureka)/.test(path) && !/^(spring|zuul)\./.test(path),
  form: "properties"
})

const withPort = (server: string): string => {
  const host = server.replace(/^https?:\/\//, "").replace(/\/.*$/, "")
  return host.includes(":") ? host : `${host}:*`
}
