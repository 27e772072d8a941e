/**
 * The keys of an Envoy cluster; `HttpProtocolOptions` stands for the long name below `typed_extension_protocol_options`.
 */
import { anything, type Codec, count, flag, oneOf, percent, text, time } from "../Codec.ts"
import type { Key, Loss } from "../Key.ts"
import type { KnobValue } from "../Knob.ts"

const breaker = "circuit_breaker.proto"
const protocol = "core/v3/protocol.proto"
const cluster = "cluster/v3/cluster.proto"

/** protobuf's Duration, as JSON has it: seconds. */
const duration = time({ hasUnits: true, zero: "unlimited" })
const uint32 = count({ unlimitedFrom: 2 ** 32 - 1 })
const uint32OrNone: Codec = count({ zero: "unlimited", unlimitedFrom: 2 ** 32 - 1 })

const http2: Loss = { why: "connections speak HTTP/1.1 only", todo: "leave it out" }
const heads: Loss = { why: "the limits of heads stand in http.limits", todo: "set http.limits beside from" }
const hosts: Loss = {
  why: "a client connects where the URL points, and chooses among no hosts",
  todo: "call the host, or the gateway"
}
const preconnects: Loss = {
  why: "a connection is dialled when a call needs it",
  todo: "set pool.idlePerRouteMin beside from, which keeps some open"
}
const process: Loss = { why: "it is not about connections", todo: "leave it out" }
const tcp: Loss = { why: "connections are always probed by TCP after 60 s of silence", todo: "leave it out" }

const group = (loss: Loss, cite: string, ...names: ReadonlyArray<string>): ReadonlyArray<Key> =>
  names.map((name) => ({ name, codec: anything, loss, cite }))

const thresholds = "circuit_breakers.thresholds[]"
const perHost = "circuit_breakers.per_host_thresholds[]"
const options = "HttpProtocolOptions"

/** A host's own limit, if it is the lower one. */
const lower = (value: KnobValue, other: KnobValue | undefined): KnobValue =>
  typeof other === "number" && (typeof value !== "number" || other < value) ? other : value

export const envoyKeys: ReadonlyArray<Key> = [
  { name: "name", codec: text, to: "pool.name", cite: cluster },
  { name: "connect_timeout", codec: duration, byDefault: "5s", to: "pool.connectTimeout", cite: cluster },
  {
    name: "per_connection_buffer_limit_bytes",
    codec: count(),
    byDefault: 1_048_576,
    to: "http.bodyBufferByteCount",
    note: "it is what is kept of a body that nobody reads yet, before the host is slowed down",
    cite: `${cluster} (1 MiB)`
  },
  {
    name: `${thresholds}.priority`,
    codec: oneOf({ DEFAULT: "DEFAULT", HIGH: "HIGH" }),
    byDefault: "DEFAULT",
    means: "only the thresholds of DEFAULT are read",
    cite: breaker
  },
  {
    name: `${thresholds}.max_connections`,
    codec: count({ zero: "error", unlimitedFrom: 2 ** 32 - 1 }),
    byDefault: 1024,
    to: ["pool.connectionsMax", "pool.connectionsPerRouteMax"],
    note: "Envoy lets a host without any connection open one beyond it; here it holds always",
    cite: `${breaker} (1024)`
  },
  {
    name: `${thresholds}.max_pending_requests`,
    codec: uint32,
    byDefault: 1024,
    to: ["pool.pendingMax", "pool.pendingPerRouteMax"],
    cite: `${breaker} (1024)`
  },
  {
    name: `${thresholds}.max_requests`,
    codec: count({ zero: "error", unlimitedFrom: 2 ** 32 - 1 }),
    byDefault: 1024,
    to: ["pool.activeMax", "pool.activePerRouteMax"],
    cite: `${breaker} (1024)`
  },
  {
    name: `${thresholds}.max_retries`,
    codec: uint32,
    byDefault: 3,
    means: "`http.retryBudgetCountMin`, with a ratio of 0",
    use: (value, { isWritten }) =>
      isWritten(`${thresholds}.retry_budget.budget_percent.value`) ||
      isWritten(`${thresholds}.retry_budget.min_retry_concurrency`)
        ? isWritten(`${thresholds}.max_retries`)
          ? { note: "without effect, as in Envoy: the retry budget takes its place" }
          : {}
        : {
            knobs: {
              "http.retryBudgetRatio": 0,
              "http.retryBudgetCountMin": value === "unlimited" ? 100_000 : Math.min(100_000, Number(value))
            }
          },
    note: "a cluster only bounds retries, and the route asks for them: set http.retryCountMax beside from",
    cite: `${breaker} (3)`
  },
  {
    name: `${thresholds}.retry_budget.budget_percent.value`,
    codec: percent(),
    to: "http.retryBudgetRatio",
    note: "20 where only min_retry_concurrency is written",
    cite: `${breaker} (20)`
  },
  {
    name: `${thresholds}.retry_budget.min_retry_concurrency`,
    codec: count(),
    means: "`http.retryBudgetCountMin`",
    use: (value, { isWritten }) => ({
      knobs: {
        "http.retryBudgetCountMin": value,
        ...(isWritten(`${thresholds}.retry_budget.budget_percent.value`) ? {} : { "http.retryBudgetRatio": 0.2 })
      }
    }),
    cite: `${breaker} (3)`
  },
  {
    name: `${thresholds}.max_connection_pools`,
    codec: count({ zero: "error", unlimitedFrom: 2 ** 32 - 1 }),
    to: "pool.routesMax",
    note: "a pool is a host here; an unused one gives way first, as in Envoy",
    cite: breaker
  },
  {
    name: `${thresholds}.track_remaining`,
    codec: flag(),
    means: "what is left of each limit can always be read",
    cite: breaker
  },
  {
    name: `${perHost}.max_connections`,
    codec: count({ zero: "error", unlimitedFrom: 2 ** 32 - 1 }),
    means: "`pool.connectionsPerRouteMax`, if it is below the cluster's",
    use: (value, { get }) => ({
      knobs: { "pool.connectionsPerRouteMax": lower(value, get(`${thresholds}.max_connections`)) }
    }),
    cite: breaker
  },
  {
    name: `${perHost}.max_requests`,
    codec: count({ zero: "error", unlimitedFrom: 2 ** 32 - 1 }),
    means: "`pool.activePerRouteMax`, if it is below the cluster's",
    use: (value, { get }) => ({ knobs: { "pool.activePerRouteMax": lower(value, get(`${thresholds}.max_requests`)) } }),
    cite: breaker
  },
  { name: `${perHost}.priority`, codec: text, means: "only DEFAULT is read", cite: breaker },
  {
    name: `${options}.common_http_protocol_options.idle_timeout`,
    aliases: ["common_http_protocol_options.idle_timeout"],
    codec: duration,
    byDefault: "3600s",
    to: "pool.idleTimeout",
    cite: `${protocol} (1 h)`
  },
  {
    name: `${options}.common_http_protocol_options.max_connection_duration`,
    aliases: ["common_http_protocol_options.max_connection_duration"],
    codec: duration,
    to: "pool.lifetime",
    cite: protocol
  },
  {
    name: `${options}.common_http_protocol_options.max_requests_per_connection`,
    aliases: ["common_http_protocol_options.max_requests_per_connection", "max_requests_per_connection"],
    codec: uint32OrNone,
    to: "pool.usesPerConnectionMax",
    cite: protocol
  },
  {
    name: `${options}.common_http_protocol_options.max_stream_duration`,
    aliases: ["common_http_protocol_options.max_stream_duration"],
    codec: duration,
    to: "http.requestTimeout",
    note: "here it begins with the call, and so covers the wait for a connection too",
    cite: protocol
  },
  ...group(
    heads,
    protocol,
    `${options}.common_http_protocol_options.max_headers_count`,
    `${options}.common_http_protocol_options.max_response_headers_kb`
  ),
  {
    name: `${options}.common_http_protocol_options.headers_with_underscores_action`,
    codec: text,
    isHonoured: (value) => value === "ALLOW",
    loss: { why: "names with underscores are let through", todo: "leave it out" },
    cite: protocol
  },
  {
    name: `${options}.explicit_http_config.http_protocol_options.**`,
    aliases: ["http_protocol_options.**"],
    codec: anything,
    means: "HTTP/1.1, which is what connections speak",
    cite: protocol
  },
  ...group(
    http2,
    protocol,
    `${options}.explicit_http_config.**`,
    `${options}.use_downstream_protocol_config.**`,
    `${options}.auto_config.**`,
    "http2_protocol_options.**"
  ),
  ...group(
    process,
    protocol,
    `${options}.http_filters[].**`,
    `${options}.header_validation_config.**`,
    `${options}.outlier_detection.**`,
    "typed_extension_protocol_options.**"
  ),
  {
    name: `${options}.upstream_http_protocol_options.**`,
    aliases: ["upstream_http_protocol_options.**"],
    codec: anything,
    means: "the name of the URL is sent and checked",
    cite: protocol
  },
  {
    name: "preconnect_policy.per_upstream_preconnect_ratio",
    codec: anything,
    isHonoured: (value) => value === "1",
    loss: preconnects,
    cite: `${cluster} PreconnectPolicy`
  },
  {
    name: "preconnect_policy.predictive_preconnect_ratio",
    codec: anything,
    isHonoured: (value) => value === "1",
    loss: preconnects,
    cite: `${cluster} PreconnectPolicy`
  },
  ...group(
    tcp,
    "core/v3/address.proto TcpKeepalive",
    "upstream_connection_options.tcp_keepalive.keepalive_probes",
    "upstream_connection_options.tcp_keepalive.keepalive_time",
    "upstream_connection_options.tcp_keepalive.keepalive_interval"
  ),
  ...group(
    { why: "the runtime decides when it tries the next address", todo: "leave it out" },
    cluster,
    "upstream_connection_options.happy_eyeballs_config.**"
  ),
  ...group(process, cluster, "upstream_connection_options.set_local_interface_name_on_upstream_connections"),
  {
    name: "upstream_bind_config.source_address.address",
    codec: text,
    to: "localAddress",
    cite: "core/v3/address.proto BindConfig"
  },
  ...group(
    { why: "the system chooses the local port", todo: "leave it out" },
    "core/v3/address.proto BindConfig",
    "upstream_bind_config.**"
  ),
  {
    name: "transport_socket.typed_config.sni",
    codec: text,
    to: "tls.serverName",
    cite: "extensions/transport_sockets/tls/v3/tls.proto"
  },
  ...group(
    {
      why: "certificates and keys do not belong in a text of settings",
      todo: "call https: URLs, and set tls beside from"
    },
    "extensions/transport_sockets/tls/v3/tls.proto",
    "transport_socket.**",
    "transport_socket_matches[].**"
  ),
  ...group(
    hosts,
    cluster,
    "type",
    "cluster_type.**",
    "eds_cluster_config.**",
    "lb_policy",
    "load_balancing_policy.**",
    "load_assignment.**",
    "health_checks[].**",
    "outlier_detection.**",
    "lb_subset_config.**",
    "ring_hash_lb_config.**",
    "maglev_lb_config.**",
    "original_dst_lb_config.**",
    "least_request_lb_config.**",
    "round_robin_lb_config.**",
    "common_lb_config.**",
    "wait_for_warm_on_init",
    "ignore_health_on_host_removal",
    "close_connections_on_host_health_failure"
  ),
  ...group(
    { why: "names are looked up by the runtime", todo: "leave it out" },
    cluster,
    "dns_refresh_rate",
    "dns_jitter",
    "dns_failure_refresh_rate.**",
    "respect_dns_ttl",
    "dns_lookup_family",
    "dns_resolvers[].**",
    "use_tcp_for_dns_lookups",
    "dns_resolution_config.**",
    "typed_dns_resolver_config.**"
  ),
  ...group(
    process,
    cluster,
    "alt_stat_name",
    "cleanup_interval",
    "metadata.**",
    "protocol_selection",
    "filters[].**",
    "track_timeout_budgets",
    "upstream_config.**",
    "track_cluster_stats.**",
    "lrs_server.**",
    "lrs_report_endpoint_metrics[]"
  ),
  {
    name: "connection_pool_per_downstream_connection",
    codec: flag(),
    isHonoured: (value) => value === false,
    loss: {
      why: "connections are shared by all callers",
      todo: "give callers that must not share a client of their own"
    },
    cite: cluster
  }
]
