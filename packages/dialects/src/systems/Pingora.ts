/**
 * Pingora: the keys of `pingora_conf.yaml`, and below `peer` the options of a peer (`PeerOptions`).
 *
 * Its trait: only idle connections are counted, in one list ordered by use; open ones have no limit, and nobody waits.
 */
import { anything, count, flag, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key } from "../Key.ts"

const conf = "pingora-core/src/server/configuration/mod.rs"
const peer = (lines: string) => `pingora-core/src/upstreams/peer.rs:${lines}`
const process = {
  why: "it is the server's process, not its connections",
  todo: "keep it where the server is configured"
}
const http2 = { why: "connections speak HTTP/1.1 only", todo: "leave it out" }
const dials = { why: "dials run beside everything else on one event loop", todo: "limit them with pool.diallingMax" }
const identity = { why: "TLS identities do not belong in a text of settings", todo: "set tls beside from" }
const duration = time({ hasUnits: true, zero: "error" })

const keys: ReadonlyArray<Key> = [
  {
    name: "upstream_keepalive_pool_size",
    codec: count(),
    byDefault: 128,
    to: "pool.idleMax",
    note: "Pingora keeps as many in each thread; here it is the number for the whole process",
    cite: `${conf}; pingora-core/src/connectors/mod.rs:155; pingora-pool/src/lru.rs:42-88`
  },
  {
    name: "max_retries",
    codec: count(),
    byDefault: 16,
    to: "http.retryCountMax",
    note: "Pingora repeats any method on a reused connection; here a POST is never sent twice",
    cite: "pingora-core/src/server/configuration/mod.rs:32"
  },
  { name: "client_bind_to_ipv4[]", codec: text, to: "localAddress", cite: conf },
  { name: "client_bind_to_ipv6[]", codec: text, to: "localAddress", cite: conf },
  {
    name: "threads",
    codec: count(),
    loss: { why: "there is one thread", todo: "start more processes; each has limits of its own" },
    isHonoured: (value) => value === 1,
    cite: conf
  },
  {
    name: "graceful_shutdown_timeout_seconds",
    codec: time({ bare: "seconds" }),
    to: "pool.shutdownTimeout",
    cite: conf
  },
  {
    name: "ca_file",
    codec: text,
    loss: { why: "a file is the program's to read", todo: "set tls.ca beside from to what it holds" },
    cite: conf
  },
  { name: "upstream_connect_offload_threadpools", codec: count(), loss: dials, cite: conf },
  { name: "upstream_connect_offload_thread_per_pool", codec: count(), loss: dials, cite: conf },
  ...[
    "version",
    "daemon",
    "error_log",
    "pid_file",
    "upgrade_sock",
    "user",
    "group",
    "work_stealing",
    "listener_tasks_per_fd",
    "grace_period_seconds",
    "upstream_debug_ssl_keylog"
  ].map((name) => ({ name, codec: anything, loss: process, cite: conf })),
  {
    name: "peer.connection_timeout",
    codec: duration,
    to: "pool.connectTimeout",
    note: "Pingora gives TCP and TLS this long each; here both together",
    cite: peer("410-518")
  },
  {
    name: "peer.total_connection_timeout",
    codec: duration,
    means: "`pool.connectTimeout`, in place of connection_timeout",
    use: (value) => ({ knobs: { "pool.connectTimeout": value } }),
    cite: "pingora-core/src/connectors/mod.rs:333-353"
  },
  {
    name: "peer.read_timeout",
    codec: duration,
    to: ["http.responseHeadTimeout", "http.bodyIdleTimeout"],
    cite: peer("484-486")
  },
  {
    name: "peer.write_timeout",
    codec: duration,
    loss: { why: "a write has no time limit of its own", todo: "set http.requestTimeout beside from" },
    cite: peer("484-486")
  },
  { name: "peer.idle_timeout", codec: time({ hasUnits: true }), to: "pool.idleTimeout", cite: peer("485 (none)") },
  {
    name: "peer.verify_cert",
    codec: flag({ true: "full", false: "unverified" }),
    byDefault: true,
    to: "tls.verification",
    cite: peer("410-518")
  },
  {
    name: "peer.verify_hostname",
    codec: flag(),
    byDefault: true,
    isHonoured: (value) => value === true,
    loss: { why: "a certificate is checked whole or not at all", todo: "give the name to check as sni" },
    cite: peer("410-518")
  },
  { name: "peer.sni", codec: text, to: "tls.serverName", cite: peer("680-704") },
  {
    name: "peer.alternative_cn",
    codec: text,
    loss: { why: "one name is checked", todo: "give it as sni" },
    cite: peer("680-704")
  },
  {
    name: "peer.group_key",
    codec: anything,
    loss: { why: "groups are kept apart by route", todo: "give each group a client of its own" },
    cite: peer("680-704")
  },
  { name: "peer.ca", codec: anything, loss: identity, cite: peer("410-518") },
  { name: "peer.client_cert_key", codec: anything, loss: identity, cite: peer("410-518") },
  { name: "peer.bind_to", codec: text, to: "localAddress", cite: peer("410-518") },
  ...["alpn", "max_h2_streams", "h2_ping_interval", "h2_stream_window_size", "h2_connection_window_size"].map(
    (name) => ({
      name: `peer.${name}`,
      codec: anything,
      loss: http2,
      cite: peer("503; protocols/http/v2/client.rs:587-622")
    })
  ),
  ...[
    "tcp_keepalive.**",
    "tcp_recv_buf",
    "dscp",
    "tcp_fast_open",
    "allow_h1_response_invalid_content_length",
    "extra_proxy_headers.**",
    "curves",
    "second_keyshare",
    "tracer",
    "custom_l4",
    "upstream_tcp_sock_tweak_hook"
  ].map((name) => ({
    name: `peer.${name}`,
    codec: anything,
    loss: { why: "the socket layer has no such option", todo: "leave it out" },
    cite: peer("410-518")
  }))
]

export const pingora = make({
  id: "pingora",
  title: "Pingora",
  versions: ["0.6", "0.5"],
  keys,
  always: { knobs: {}, cite: "pingora-pool/src/connection.rs:183-333" },
  isTelling: (path) =>
    /^(upstream_keepalive_pool_size|upstream_connect_offload|client_bind_to_ipv|upgrade_sock|peer\.)/.test(path),
  form: "yaml"
})
