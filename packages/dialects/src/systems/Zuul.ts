/**
 * Zuul 1's own HTTP client, for routes with a URL: `zuul.host.*`. Routes with a service go through Ribbon.
 */
import { anything, count, flag, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key } from "../Key.ts"
import { ofPrefixes, relaxed } from "../Spring.ts"
import { timeUnit } from "../TimeUnit.ts"

const properties = (lines: string) => `ZuulProperties.java:${lines}`
const ms = time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" })
const routing = { why: "it is about routes and headers, not connections", todo: "keep it where requests are routed" }

const keys: ReadonlyArray<Key> = [
  {
    name: "host.maxTotalConnections",
    codec: count({ zero: "error" }),
    byDefault: 200,
    to: "pool.connectionsMax",
    cite: properties("731")
  },
  {
    name: "host.maxPerRouteConnections",
    codec: count({ zero: "error" }),
    byDefault: 20,
    to: "pool.connectionsPerRouteMax",
    cite: properties("736")
  },
  {
    name: "host.socketTimeoutMillis",
    codec: ms,
    byDefault: 10_000,
    to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
    cite: properties("741")
  },
  { name: "host.connectTimeoutMillis", codec: ms, byDefault: 2000, to: "pool.connectTimeout", cite: properties("746") },
  {
    name: "host.connectionRequestTimeoutMillis",
    codec: ms,
    byDefault: -1,
    to: "pool.acquireTimeout",
    cite: properties("751")
  },
  {
    name: "host.timeToLive",
    codec: ms,
    byDefault: -1,
    unitKey: "host.timeUnit",
    to: "pool.lifetime",
    cite: properties("756")
  },
  {
    name: "host.timeUnit",
    codec: timeUnit,
    byDefault: "MILLISECONDS",
    means: "the unit of timeToLive",
    cite: properties("762")
  },
  {
    name: "semaphore.maxSemaphores",
    codec: count({ zero: "error" }),
    loss: {
      why: "it is Hystrix's limit on calls to a service, set apart from its connections",
      todo: "set pool.activePerRouteMax, with activeOverflow refuse, beside from"
    },
    cite: "ZuulProperties.HystrixSemaphore (100)"
  },
  {
    name: "sslHostnameValidationEnabled",
    codec: flag({ true: "full", false: "unverified" }),
    to: "tls.verification",
    note: "off, the certificate is not checked at all here",
    cite: "ZuulProperties.java"
  },
  {
    name: "retryable",
    codec: flag(),
    loss: { why: "retries of routes with a service are Ribbon's", todo: "read it with ribbon" },
    isHonoured: (value) => value === false,
    cite: "ZuulProperties.java"
  },
  ...[
    "routes.**",
    "prefix",
    "stripPrefix",
    "ignoredServices",
    "ignoredPatterns",
    "ignoredHeaders",
    "ignoreSecurityHeaders",
    "ignoreLocalService",
    "sensitiveHeaders",
    "addProxyHeaders",
    "addHostHeader",
    "removeSemicolonContent",
    "decodeUrl",
    "forceOriginalQueryStringEncoding",
    "servletPath",
    "sslHostnameVerification",
    "includeDebugHeader",
    "initialStreamBufferSize",
    "setContentLength",
    "traceRequestBody",
    "ribbonIsolationStrategy",
    "threadPool.**",
    "debug.**",
    "ribbon.**",
    "filters.**",
    "SendErrorFilter.**",
    "eureka.**"
  ].map((name) => ({ name, codec: anything, loss: routing, cite: "ZuulProperties.java" }))
]

export const zuul = make({
  id: "zuul",
  title: "Zuul",
  versions: ["1"],
  keys,
  always: {
    knobs: { "pool.leaseOrder": "lifo", "pool.validateAfterInactivity": 2000, "http.retryCountMax": 3 },
    cite: "SimpleHostRoutingFilter.java:143-193; httpclient 4.5"
  },
  isText: true,
  spelling: relaxed,
  select: ofPrefixes(["zuul"]),
  isTelling: (path) => /^zuul\.host\./.test(path),
  form: "properties",
  prefix: "zuul"
})
