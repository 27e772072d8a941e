/**
 * OkHttp: `ConnectionPool`, `Dispatcher` and the timeouts of `OkHttpClient.Builder`, named as their setters are.
 *
 * Its trait: nothing limits connections and nobody waits for one; only idle ones are counted.
 */
import { count, flag, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key } from "../Key.ts"
import { timeUnit } from "../TimeUnit.ts"

const builder = "okhttp3/OkHttpClient.kt:612-616"

/** A timeout of the builder: 0 is none. */
const timeout = (name: string, byDefault: number, rest: Partial<Key>): Key => ({
  name,
  codec: time({ bare: "milliseconds", hasUnits: true, zero: "unlimited" }),
  byDefault,
  cite: builder,
  ...rest
})

const http2Only = {
  why: "connections speak HTTP/1.1, which has no PING",
  todo: "leave it at 0; dead connections are found by TCP's keep-alive"
}
const callsOnly =
  "OkHttp limits asynchronous calls (enqueue) by it and lets synchronous ones pass; here it limits all calls"

const keys: ReadonlyArray<Key> = [
  {
    name: "connectionPool.maxIdleConnections",
    codec: count(),
    byDefault: 5,
    to: "pool.idleMax",
    note: "it counts idle connections of all hosts together, and limits no others",
    cite: "okhttp3/ConnectionPool.kt:38"
  },
  {
    name: "connectionPool.keepAliveDuration",
    codec: time({ bare: "milliseconds", zero: "error" }),
    byDefault: 5,
    unitKey: "connectionPool.timeUnit",
    to: "pool.idleTimeout",
    cite: "okhttp3/ConnectionPool.kt:39; RealConnectionPool.kt:58-61"
  },
  {
    name: "connectionPool.timeUnit",
    codec: timeUnit,
    byDefault: "MINUTES",
    means: "the unit of keepAliveDuration",
    cite: "okhttp3/ConnectionPool.kt:39"
  },
  {
    name: "dispatcher.maxRequests",
    codec: count({ zero: "error" }),
    to: "pool.activeMax",
    note: callsOnly,
    cite: "okhttp3/Dispatcher.kt:46 (64, for enqueue)"
  },
  {
    name: "dispatcher.maxRequestsPerHost",
    codec: count({ zero: "error" }),
    to: "pool.activePerRouteMax",
    note: callsOnly,
    cite: "okhttp3/Dispatcher.kt:66 (5, for enqueue)"
  },
  timeout("connectTimeout", 10_000, { to: "pool.connectTimeout" }),
  timeout("readTimeout", 10_000, {
    to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
    note: "it holds for each read: here from the request's last byte to the answer's head, and between pieces of the body"
  }),
  timeout("writeTimeout", 10_000, {
    loss: {
      why: "a write has no time limit of its own",
      todo: "set http.requestTimeout (callTimeout), which bounds it too"
    }
  }),
  timeout("callTimeout", 0, { to: "http.requestTimeout" }),
  timeout("pingInterval", 0, { loss: http2Only, isHonoured: (value) => value === "never" }),
  {
    name: "retryOnConnectionFailure",
    codec: flag({ true: 100, false: 0 }),
    byDefault: true,
    to: "http.retryCountMax",
    note: "a call is repeated only if nothing of it can have been executed, or executing it twice is the same as once",
    cite: "okhttp3/OkHttpClient.kt:593"
  },
  {
    name: "fastFallback",
    codec: flag(),
    byDefault: true,
    isHonoured: (value) => value === true,
    loss: { why: "addresses are always tried beside each other", todo: "leave it out" },
    cite: "okhttp3/OkHttpClient.kt:594"
  },
  {
    name: "followRedirects",
    codec: flag({ true: 20, false: 0 }),
    byDefault: true,
    to: "http.redirectCountMax",
    cite: "okhttp3/internal/http/RetryAndFollowUpInterceptor.kt (20)"
  },
  {
    name: "followSslRedirects",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: {
      why: "a redirect between http and https is followed like any other",
      todo: "set http.redirectCountMax to 0 beside from"
    },
    cite: "okhttp3/OkHttpClient.kt"
  },
  {
    name: "protocols[]",
    codec: text,
    isHonoured: (value) => value === "http/1.1",
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave http/1.1 as the only protocol" },
    cite: "okhttp3/OkHttpClient.kt"
  },
  {
    name: "minWebSocketMessageToCompress",
    codec: count(),
    loss: { why: "there are no WebSockets here", todo: "leave it out" },
    cite: "okhttp3/OkHttpClient.kt"
  }
]

export const okhttp = make({
  id: "okhttp",
  title: "OkHttp",
  versions: ["5", "4", "3"],
  keys,
  always: {
    knobs: { "pool.validateAfterInactivity": 10_000, "http.isDecoding": true },
    cite: "okhttp3/internal/connection/RealRoutePlanner.kt:53; RealConnection.kt:300-324,427"
  },
  isTelling: (path) =>
    /^(connectionPool\.(maxIdleConnections|keepAliveDuration)|dispatcher\.|callTimeout|pingInterval|retryOnConnectionFailure)/.test(
      path
    ),
  form: "yaml"
})
