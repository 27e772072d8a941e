/**
 * undici's `Agent` and `Pool` options.
 *
 * Its traits: as many connections as there are calls unless `connections` is set, and then a queue without end.
 */
import { anything, count, flag, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key } from "../Key.ts"

const millis = (zero: "unlimited" | "itself" | "error") => time({ bare: "milliseconds", zero })
const http2 = { why: "connections speak HTTP/1.1 only", todo: "leave it out" }
const limits = { why: "the limits of heads stand in http.limits", todo: "set http.limits beside from" }
const http2Keys = [
  "allowH2",
  "maxConcurrentStreams",
  "pingInterval",
  "initialWindowSize",
  "connectionWindowSize",
  "h2Options.**",
  "useH2c",
  "preferH2"
]

const keys: ReadonlyArray<Key> = [
  {
    name: "connections",
    codec: count({ zero: "unlimited", isNullUnlimited: true }),
    byDefault: null,
    to: "pool.connectionsPerRouteMax",
    note: "who waits for it waits without end; set pool.acquireTimeout beside from",
    cite: "lib/dispatcher/pool.js:71,113 (null)"
  },
  {
    name: "pipelining",
    codec: count(),
    byDefault: 1,
    means: "`pool.mode` disabled, where it is 0",
    use: (value) =>
      value === 0
        ? { knobs: { "pool.mode": "disabled" } }
        : value === 1
          ? {}
          : { unmapped: { why: "a connection carries one request at a time", todo: "allow more connections" } },
    cite: "lib/dispatcher/client.js:305"
  },
  {
    name: "clientTtl",
    codec: time({ bare: "milliseconds", zero: "error" }),
    to: "pool.lifetime",
    cite: "lib/dispatcher/pool.js:104-107"
  },
  {
    name: "keepAliveTimeout",
    codec: millis("error"),
    byDefault: 4000,
    to: "pool.idleTimeout",
    note: "a server's own hint can shorten it here; in undici it can also lengthen it, up to keepAliveMaxTimeout",
    cite: "lib/dispatcher/client.js:307"
  },
  {
    name: "keepAliveMaxTimeout",
    codec: millis("error"),
    loss: {
      why: "a server's hint never lengthens the idle time",
      todo: "set keepAliveTimeout to what the server keeps"
    },
    cite: "lib/dispatcher/client.js:308 (600000)"
  },
  {
    name: "keepAliveTimeoutThreshold",
    codec: millis("itself"),
    byDefault: 2000,
    to: "pool.idleHintMargin",
    cite: "lib/dispatcher/client.js:309"
  },
  {
    name: "headersTimeout",
    codec: millis("unlimited"),
    byDefault: 300_000,
    to: "http.responseHeadTimeout",
    cite: "lib/dispatcher/client.js:316"
  },
  {
    name: "bodyTimeout",
    codec: millis("unlimited"),
    byDefault: 300_000,
    to: "http.bodyIdleTimeout",
    cite: "lib/dispatcher/client.js:317"
  },
  {
    name: "connectTimeout",
    aliases: ["connect.timeout"],
    codec: millis("unlimited"),
    byDefault: 10_000,
    to: "pool.connectTimeout",
    cite: "lib/core/connect.js:69"
  },
  {
    name: "maxRequestsPerClient",
    codec: count({ zero: "error" }),
    to: "pool.usesPerConnectionMax",
    cite: "lib/dispatcher/client-h1.js:1304"
  },
  {
    name: "maxOrigins",
    codec: count({ zero: "error" }),
    to: "pool.routesMax",
    note: "undici throws beyond it; here unused origins give way first",
    cite: "lib/dispatcher/agent.js:25,85 (Infinity)"
  },
  {
    name: "localAddress",
    aliases: ["connect.localAddress"],
    codec: text,
    to: "localAddress",
    cite: "lib/dispatcher/client.js"
  },
  {
    name: "connect.rejectUnauthorized",
    codec: flag({ true: "full", false: "unverified" }),
    to: "tls.verification",
    cite: "node:tls"
  },
  { name: "connect.servername", codec: text, to: "tls.serverName", cite: "node:tls" },
  {
    name: "connect.keepAlive",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: { why: "connections are always probed by TCP", todo: "leave it out" },
    cite: "lib/core/connect.js:135-143"
  },
  {
    name: "connect.keepAliveInitialDelay",
    codec: millis("itself"),
    isHonoured: (value) => value === 60_000,
    loss: { why: "connections are probed by TCP after 60 s of silence", todo: "leave it out" },
    cite: "lib/core/connect.js:135-143 (60 s)"
  },
  {
    name: "connect.maxCachedSessions",
    aliases: ["maxCachedSessions"],
    codec: count(),
    loss: { why: "the socket layer keeps TLS sessions by itself", todo: "leave it out" },
    cite: "lib/core/connect.js:68"
  },
  {
    name: "connect.**",
    codec: anything,
    loss: { why: "it is node:tls's, and has no counterpart that a text could hold", todo: "set tls beside from" },
    cite: "lib/core/connect.js"
  },
  { name: "maxHeaderSize", codec: count(), loss: limits, cite: "lib/dispatcher/client.js" },
  {
    name: "maxResponseSize",
    codec: count({ negative: "unlimited" }),
    isHonoured: (value) => value === "unlimited",
    loss: { why: "a body has no limit of its own", todo: "stop reading, or set the limits of decoding" },
    cite: "lib/dispatcher/client-h1.js:747 (-1)"
  },
  {
    name: "strictContentLength",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: { why: "a body is never longer or shorter than announced", todo: "leave it out" },
    cite: "lib/dispatcher/client.js"
  },
  {
    name: "autoSelectFamily",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: { why: "addresses are always tried beside each other", todo: "leave it out" },
    cite: "lib/dispatcher/client.js"
  },
  {
    name: "autoSelectFamilyAttemptTimeout",
    codec: millis("itself"),
    loss: { why: "the runtime decides when it tries the next address", todo: "leave it out" },
    cite: "lib/dispatcher/client.js"
  },
  {
    name: "socketPath",
    codec: text,
    loss: { why: "a socket's path belongs to the origin", todo: "pool it with its own route" },
    cite: "lib/dispatcher/client.js"
  },
  {
    name: "maxRedirections",
    codec: count(),
    loss: { why: "redirects are followed per call", todo: "set http.redirectCountMax beside from" },
    cite: "lib/dispatcher/agent.js (7)"
  },
  ...http2Keys.map((name) => ({ name, codec: anything, loss: http2, cite: "lib/dispatcher/client.js:325-335" }))
]

export const undici = make({
  id: "undici",
  title: "undici",
  versions: ["8", "7"],
  keys,
  always: { knobs: {}, cite: "lib/dispatcher/pool.js" },
  isTelling: (path) =>
    /^(connections|pipelining|clientTtl|keepAlive(Max)?Timeout|keepAliveTimeoutThreshold|headersTimeout|bodyTimeout|maxRequestsPerClient)$/.test(
      path
    ),
  form: "json"
})
