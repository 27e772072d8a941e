/**
 * The options of node's `http.Agent` and `https.Agent`.
 *
 * Its traits: no limit on sockets unless `maxSockets` is set, and then a queue without end; 256 free ones are kept.
 */
import { anything, count, flag, oneOf, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key } from "../Key.ts"

const agent = "node lib/_http_agent.js"
const global = "globalAgent"
const made = "new Agent()"

const keys: ReadonlyArray<Key> = [
  {
    name: "keepAlive",
    codec: flag(),
    byDefault: { [global]: true, [made]: false },
    means: "`pool.mode` disabled, where it is false",
    use: (value) => (value === false ? { knobs: { "pool.mode": "disabled" } } : {}),
    cite: `${agent}; globalAgent since Node 19`
  },
  {
    name: "keepAliveMsecs",
    codec: time({ bare: "milliseconds" }),
    loss: { why: "connections are always probed by TCP after 60 s of silence", todo: "leave it out" },
    cite: `${agent} (1000)`
  },
  {
    name: "maxSockets",
    codec: count({ zero: "error" }),
    to: "pool.connectionsPerRouteMax",
    note: "who waits for it waits without end; set pool.acquireTimeout beside from",
    cite: `${agent} (Infinity)`
  },
  { name: "maxTotalSockets", codec: count({ zero: "error" }), to: "pool.connectionsMax", cite: `${agent} (Infinity)` },
  { name: "maxFreeSockets", codec: count(), byDefault: 256, to: "pool.idlePerRouteMax", cite: agent },
  {
    name: "scheduling",
    codec: oneOf({ lifo: "lifo", fifo: "fifo" }),
    byDefault: "lifo",
    to: "pool.leaseOrder",
    cite: agent
  },
  {
    name: "timeout",
    codec: time({ bare: "milliseconds", zero: "unlimited" }),
    byDefault: { [global]: 5000, [made]: 0 },
    to: "pool.idleTimeout",
    note: "for a socket in use node only emits an event; set http.responseHeadTimeout beside from to end such a call",
    cite: agent
  },
  {
    name: "agentKeepAliveTimeoutBuffer",
    codec: time({ bare: "milliseconds" }),
    byDefault: 1000,
    to: "pool.idleHintMargin",
    cite: "node 24 lib/_http_agent.js"
  },
  { name: "localAddress", codec: text, to: "localAddress", cite: agent },
  {
    name: "noDelay",
    codec: flag(),
    isHonoured: (value) => value === true,
    loss: { why: "small writes are always sent at once", todo: "leave it out" },
    cite: agent
  },
  {
    name: "rejectUnauthorized",
    codec: flag({ true: "full", false: "unverified" }),
    to: "tls.verification",
    cite: "node lib/https.js"
  },
  { name: "servername", codec: text, to: "tls.serverName", cite: "node lib/https.js" },
  {
    name: "minVersion",
    codec: oneOf({ "TLSv1.2": "TLSv1.2", "TLSv1.3": "TLSv1.3" }),
    to: "tls.minVersion",
    cite: "node lib/_tls_common.js"
  },
  {
    name: "maxCachedSessions",
    codec: count(),
    loss: { why: "the socket layer keeps TLS sessions by itself", todo: "leave it out" },
    cite: "node lib/https.js (100)"
  },
  {
    name: "family",
    codec: count(),
    loss: { why: "addresses of both families are tried beside each other", todo: "call the address itself" },
    cite: "node lib/net.js"
  },
  {
    name: "proxyEnv.**",
    codec: anything,
    loss: { why: "a proxy is the client's own setting", todo: "set proxy beside from" },
    cite: "node 24 lib/_http_agent.js"
  },
  ...["ca", "cert", "key", "pfx", "passphrase", "ciphers"].map((name) => ({
    name,
    codec: anything,
    loss: { why: "certificates and keys do not belong in a text of settings", todo: "set tls beside from" },
    cite: "node lib/_tls_common.js"
  }))
]

export const nodeAgent = make({
  id: "node-agent",
  title: "node http.Agent",
  versions: [global, made],
  keys,
  always: { knobs: {}, cite: agent },
  isTelling: (path) =>
    /^(maxSockets|maxFreeSockets|maxTotalSockets|keepAliveMsecs|scheduling|agentKeepAliveTimeoutBuffer)$/.test(path),
  form: "json"
})
