/**
 * Apache HttpClient 4.5 and 5: `PoolingHttpClientConnectionManager` and `RequestConfig`, named as their setters are.
 *
 * Its traits: who asks for a connection waits without end in 4.5 and for three minutes in 5, unless a
 * `connectionRequestTimeout` is set; where the total is full, an idle connection of another route is closed.
 */
import { count, flag, oneOf, text, time } from "../Codec.ts"
import { type DialectSpec, make } from "../Dialect.ts"
import type { Key } from "../Key.ts"
import { timeUnit } from "../TimeUnit.ts"

const socketOption = (why: string) => ({ why, todo: "leave it out" })

/** Routes as `HttpRoute` prints them, `https://a.test:443`, or `a.test:8080` for any scheme. */
const matchOf = (route: string): string =>
  route.includes("://") ? route : `http*://${route.includes(":") ? route : `${route}:*`}`

const options: ReadonlyArray<Key> = [
  { name: "localAddress", codec: text, to: "localAddress", cite: "RequestConfig.setLocalAddress; HttpRoute" },
  {
    name: "socketConfig.tcpNoDelay",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: socketOption("small writes are always sent at once"),
    cite: "SocketConfig"
  },
  {
    name: "socketConfig.soKeepAlive",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: socketOption("connections are always probed by TCP after 60 s of silence"),
    cite: "SocketConfig"
  },
  {
    name: "socketConfig.soLinger",
    codec: time({ bare: "seconds", negative: "unlimited" }),
    loss: socketOption("a close never waits for its last bytes"),
    cite: "SocketConfig"
  },
  {
    name: "socketConfig.soReuseAddress",
    codec: flag(),
    loss: socketOption("it has a meaning for servers only"),
    cite: "SocketConfig"
  },
  {
    name: "socketConfig.rcvBufSize",
    codec: count(),
    loss: socketOption("the system sizes the socket's buffers"),
    cite: "SocketConfig"
  },
  {
    name: "socketConfig.sndBufSize",
    codec: count(),
    loss: socketOption("the system sizes the socket's buffers"),
    cite: "SocketConfig"
  },
  {
    name: "disableConnectionState",
    codec: flag(),
    byDefault: false,
    isHonoured: (value) => value === false,
    loss: {
      why: "who a connection belongs to is part of its route",
      todo: "give callers that may share connections the same client"
    },
    cite: "HttpClientBuilder.disableConnectionState"
  },
  {
    name: "redirectsEnabled",
    codec: flag(),
    byDefault: true,
    means: "`http.redirectCountMax` 0, where it is false",
    use: (value, { get }) => ({ knobs: { "http.redirectCountMax": value === true ? Number(get("maxRedirects")) : 0 } }),
    cite: "RequestConfig"
  },
  { name: "maxRedirects", codec: count(), byDefault: 50, means: "`http.redirectCountMax`", cite: "RequestConfig (50)" },
  {
    name: "expectContinueEnabled",
    codec: flag(),
    byDefault: false,
    isHonoured: (value) => value === false,
    loss: {
      why: "a call asks for 100 Continue by its own header",
      todo: "send Expect: 100-continue with the calls that want it"
    },
    cite: "RequestConfig"
  },
  {
    name: "contentCompressionEnabled",
    codec: flag(),
    byDefault: true,
    to: "http.isDecoding",
    cite: "RequestConfig"
  },
  {
    name: "disableCookieManagement",
    codec: flag(),
    loss: { why: "there are no cookies here", todo: "leave it out" },
    cite: "HttpClientBuilder"
  },
  {
    name: "userAgent",
    codec: text,
    loss: { why: "it is the client's", todo: "set userAgent of createClient" },
    cite: "HttpClientBuilder"
  },
  {
    name: "proxy",
    codec: text,
    to: "proxy",
    cite: "RequestConfig.setProxy"
  }
]

const evictor = (cite: string): ReadonlyArray<Key> => [
  {
    name: "evictExpiredConnections",
    codec: flag(),
    byDefault: false,
    means: "expired connections are closed in the background, whether it is set or not",
    cite
  },
  {
    name: "evictIdleConnections",
    codec: time({ bare: "milliseconds", hasUnits: true, zero: "error" }),
    unitKey: "evictIdleConnectionsTimeUnit",
    means: "`pool.idleTimeout`, if it is shorter than the keep-alive time",
    writes: "pool.idleTimeout",
    use: (idleMillis, { get }) => {
      const kept = get("connectionKeepAlive")
      return {
        knobs: { "pool.idleTimeout": typeof kept === "number" && kept < Number(idleMillis) ? kept : idleMillis }
      }
    },
    cite
  },
  {
    name: "evictIdleConnectionsTimeUnit",
    codec: timeUnit,
    byDefault: "MILLISECONDS",
    means: "the unit of evictIdleConnections",
    cite
  }
]

const retries = (byDefault: number, cite: string): ReadonlyArray<Key> => [
  {
    name: "retryCount",
    codec: count(),
    byDefault,
    to: "http.retryCountMax",
    note: "a call is repeated only if nothing of it can have been executed, or executing it twice is the same as once",
    cite
  },
  {
    name: "disableAutomaticRetries",
    codec: flag(),
    means: "`http.retryCountMax` 0, where it is true",
    use: (value) => (value === true ? { knobs: { "http.retryCountMax": 0 } } : {}),
    cite: "HttpClientBuilder.disableAutomaticRetries"
  }
]

const telling =
  /^(maxConnTotal|maxTotal|maxConnPerRoute|defaultMaxPerRoute|maxPerRoute|connectionRequestTimeout|evict(Idle|Expired)Connections)/
const tellingOf5 = /^(poolConcurrencyPolicy|connPoolPolicy|connectionKeepAlive|responseTimeout|offLockDisposalEnabled)/

const shared: Pick<DialectSpec, "form" | "matchOf"> = { form: "yaml", matchOf }

/** 4.5's timeouts: 0 is none, and so is negative, which leaves it to the system. */
const millis45 = time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" })

/** Apache HttpClient 4.5, by the names of its builders. */
export const apache4 = make({
  ...shared,
  id: "apache4",
  isTelling: (path) => telling.test(path) || path.startsWith("connectionTimeToLive"),
  title: "Apache HttpClient",
  versions: ["4.5"],
  keys: [
    {
      name: "maxConnTotal",
      aliases: ["maxTotal"],
      codec: count({ zero: "error" }),
      byDefault: 20,
      to: "pool.connectionsMax",
      cite: "4.5 PoolingHttpClientConnectionManager.java:182"
    },
    {
      name: "maxConnPerRoute",
      aliases: ["defaultMaxPerRoute"],
      codec: count({ zero: "error" }),
      byDefault: 2,
      to: "pool.connectionsPerRouteMax",
      cite: "4.5 PoolingHttpClientConnectionManager.java:182"
    },
    {
      name: "maxPerRoute.*",
      codec: count({ zero: "error" }),
      to: "pool.connectionsPerRouteMax",
      cite: "4.4 AbstractConnPool.java setMaxPerRoute"
    },
    {
      name: "connectionTimeToLive",
      aliases: ["timeToLive"],
      codec: time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" }),
      byDefault: -1,
      unitKey: "connectionTimeToLiveTimeUnit",
      to: "pool.lifetime",
      cite: "4.5 HttpClientBuilder.setConnectionTimeToLive"
    },
    {
      name: "connectionTimeToLiveTimeUnit",
      aliases: ["timeToLiveTimeUnit"],
      codec: timeUnit,
      byDefault: "MILLISECONDS",
      means: "the unit of connectionTimeToLive",
      cite: "4.5 HttpClientBuilder"
    },
    {
      name: "validateAfterInactivity",
      codec: time({ bare: "milliseconds", zero: "unlimited", negative: "unlimited" }),
      byDefault: 2000,
      to: "pool.validateAfterInactivity",
      cite: "4.5 PoolingHttpClientConnectionManager.java:183"
    },
    {
      name: "connectionRequestTimeout",
      codec: millis45,
      byDefault: -1,
      to: "pool.acquireTimeout",
      note: "4.5 begins to count again after each stale connection that it finds; here it is one deadline",
      cite: "4.5 RequestConfig.java:431; MainClientExec.java:189-190"
    },
    {
      name: "connectTimeout",
      codec: millis45,
      byDefault: -1,
      to: "pool.connectTimeout",
      cite: "4.5 RequestConfig.java"
    },
    {
      name: "socketTimeout",
      codec: millis45,
      byDefault: -1,
      to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
      cite: "4.5 RequestConfig.java"
    },
    ...evictor("4.5 HttpClientBuilder.java:1225-1227"),
    ...retries(3, "4.5 DefaultHttpRequestRetryHandler (3, false)"),
    ...options
  ],
  always: {
    knobs: { "pool.leaseOrder": "lifo" },
    cite: "4.4 AbstractConnPool.java:424; DefaultConnectionKeepAliveStrategy.java:65-70"
  }
})

/** 5's timeouts: 0 is none, absent is the default. */
const millis5 = time({ bare: "milliseconds", hasUnits: true, zero: "unlimited", negative: "unlimited" })

/** Apache HttpClient 5, by the names of its builders. */
export const apache5 = make({
  ...shared,
  id: "apache5",
  isTelling: (path) => telling.test(path) || tellingOf5.test(path),
  title: "Apache HttpClient",
  versions: ["5"],
  keys: [
    {
      name: "maxConnTotal",
      aliases: ["maxTotal"],
      codec: count({ zero: "error" }),
      byDefault: 25,
      means: "`pool.connectionsMax`; nothing under the policy LAX",
      writes: "pool.connectionsMax",
      use: (value, { get, isWritten }) =>
        get("poolConcurrencyPolicy") === "STRICT"
          ? { knobs: { "pool.connectionsMax": value } }
          : {
              knobs: { "pool.connectionsMax": "unlimited" },
              ...(isWritten("maxConnTotal")
                ? { note: `not in force: the policy ${get("poolConcurrencyPolicy")} has no total` }
                : {})
            },
      cite: "5 PoolingHttpClientConnectionManager.java:121; LaxConnPool.java:206-212"
    },
    {
      name: "maxConnPerRoute",
      aliases: ["defaultMaxPerRoute"],
      codec: count({ zero: "error" }),
      byDefault: 5,
      to: "pool.connectionsPerRouteMax",
      cite: "5 PoolingHttpClientConnectionManager.java:122"
    },
    {
      name: "maxPerRoute.*",
      codec: count({ zero: "error" }),
      to: "pool.connectionsPerRouteMax",
      cite: "StrictConnPool.java:507-519"
    },
    {
      name: "poolConcurrencyPolicy",
      codec: oneOf({ STRICT: "STRICT", LAX: "LAX", OFFLOCK: "STRICT" }),
      byDefault: "STRICT",
      means: "LAX lifts the total",
      cite: "PoolConcurrencyPolicy.java:34-51"
    },
    {
      name: "connPoolPolicy",
      aliases: ["poolReusePolicy"],
      codec: oneOf({ LIFO: "lifo", FIFO: "fifo" }),
      byDefault: "LIFO",
      to: "pool.leaseOrder",
      cite: "PoolReusePolicy.java:33-46"
    },
    {
      name: "timeToLive",
      aliases: ["connectionTimeToLive"],
      codec: time({ bare: "milliseconds", hasUnits: true, zero: "error", negative: "unlimited" }),
      byDefault: -1,
      to: "pool.lifetime",
      cite: "5 PoolingHttpClientConnectionManager.java:407-415"
    },
    {
      name: "connectionKeepAlive",
      codec: millis5,
      byDefault: 180_000,
      to: "pool.idleTimeout",
      note: "a server that announces a longer keep-alive is not waited for longer than this",
      cite: "5 DefaultConnectionKeepAliveStrategy.java:62-79"
    },
    {
      name: "idleTimeout",
      codec: millis5,
      means: "`pool.idleTimeout`, if it is shorter than connectionKeepAlive",
      use: (idleMillis, { get }) => {
        const kept = get("connectionKeepAlive")
        const isLonger = idleMillis === "never" || (typeof kept === "number" && Number(idleMillis) > kept)
        return isLonger ? {} : { knobs: { "pool.idleTimeout": idleMillis } }
      },
      cite: "5.6 ConnectionConfig.java:285"
    },
    {
      name: "validateAfterInactivity",
      codec: time({ bare: "milliseconds", hasUnits: true, negative: "unlimited" }),
      byDefault: 2000,
      to: "pool.validateAfterInactivity",
      cite: "5 PoolingHttpClientConnectionManager.java:354-357,424-444"
    },
    {
      name: "connectionRequestTimeout",
      codec: millis5,
      byDefault: 180_000,
      to: "pool.acquireTimeout",
      cite: "5 RequestConfig.java:48"
    },
    {
      name: "connectTimeout",
      codec: millis5,
      byDefault: 180_000,
      to: "pool.connectTimeout",
      cite: "5 ConnectionConfig.java:45"
    },
    {
      name: "socketTimeout",
      codec: millis5,
      to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
      cite: "5 ConnectionConfig.java"
    },
    {
      name: "responseTimeout",
      codec: millis5,
      to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
      note: "it takes the place of socketTimeout while an answer is awaited",
      cite: "5 RequestConfig.java"
    },
    ...evictor("5 IdleConnectionEvictor.java:102-109"),
    {
      name: "offLockDisposalEnabled",
      codec: flag(),
      byDefault: false,
      means: "closing never holds up callers here, whether it is set or not",
      cite: "5 PoolingHttpClientConnectionManagerBuilder.java:317"
    },
    ...retries(1, "5 DefaultHttpRequestRetryStrategy (1, 1 s)"),
    ...options
  ],
  always: { knobs: {}, cite: "StrictConnPool.java" }
})
