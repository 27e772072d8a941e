/**
 * The keys of Istio's DestinationRule, without the places where a policy may stand.
 */
import { anything, type Codec, count, flag, oneOf, percent, text, time } from "../Codec.ts"
import type { Key, Loss } from "../Key.ts"

const proto = (line: number | string) => `networking/v1alpha3/destination_rule.proto:${line}`

/** protobuf's int32: 0 is unset, which is 2^32-1, and negative is refused. */
const int32: Codec = count({ zero: "unlimited" })
const duration = time({ hasUnits: true, zero: "error", minMillis: 1 })
const durationOrOff = time({ hasUnits: true, zero: "unlimited", minMillis: 1 })
const uint32 = count({ unlimitedFrom: 2 ** 32 })

const http2: Loss = { why: "connections speak HTTP/1.1 only", todo: "leave it out" }
const ejection: Loss = {
  why: "no host is ejected: a client connects where the URL points",
  todo: "watch the pool's connectFailed and the calls' answers"
}
const keepalive: Loss = { why: "connections are always probed by TCP after 60 s of silence", todo: "leave it out" }
const identity: Loss = {
  why: "a file or a secret is the program's to read",
  todo: "call https: URLs, and set tls beside from"
}
const hosts: Loss = {
  why: "a client connects where the URL points, and chooses among no endpoints",
  todo: "call the endpoint, or the gateway"
}
const scope: Loss = { why: "who sees the rule is the mesh's business", todo: "leave it out" }

const unset = { note: "0 is unset to Istio: no limit" }
const limit = (name: string, knob: NonNullable<Key["to"]>, cite: string): Key => ({
  name,
  codec: int32,
  byDefault: 0,
  to: knob,
  use: (value, { isWritten }) => (value === "unlimited" && isWritten(name) ? unset : {}),
  cite
})

export const istioKeys: ReadonlyArray<Key> = [
  { name: "host", codec: text, means: "the routes that the rule holds for", cite: proto("DestinationRule") },
  limit(
    "connectionPool.tcp.maxConnections",
    "pool.connectionsPerRouteMax",
    `${proto(643)}; cluster_traffic_policy.go:181`
  ),
  {
    name: "connectionPool.tcp.connectTimeout",
    codec: duration,
    byDefault: "10s",
    to: "pool.connectTimeout",
    cite: `${proto(647)}; pkg/config/mesh/mesh.go:94`
  },
  { name: "connectionPool.tcp.maxConnectionDuration", codec: duration, to: "pool.lifetime", cite: proto(655) },
  {
    name: "connectionPool.tcp.idleTimeout",
    codec: durationOrOff,
    means: "`pool.idleTimeout`, where http.idleTimeout is unset",
    use: (value, { isWritten }) =>
      isWritten("connectionPool.http.idleTimeout")
        ? { note: "without effect, as in Istio: http.idleTimeout takes its place" }
        : { knobs: { "pool.idleTimeout": value } },
    cite: `${proto("657-674")}; cluster_traffic_policy.go:187`
  },
  ...["probes", "time", "interval"].map((name) => ({
    name: `connectionPool.tcp.tcpKeepalive.${name}`,
    codec: anything,
    loss: keepalive,
    cite: proto("629-639")
  })),
  {
    name: "connectionPool.tcp.tcpKeepalive",
    codec: anything,
    means: "TCP probes idle connections anyway",
    cite: proto("629-639")
  },
  limit(
    "connectionPool.http.http1MaxPendingRequests",
    "pool.pendingPerRouteMax",
    `${proto(684)}; cluster_traffic_policy.go:160`
  ),
  limit(
    "connectionPool.http.http2MaxRequests",
    "pool.activePerRouteMax",
    `${proto(688)}; cluster_traffic_policy.go:157`
  ),
  limit(
    "connectionPool.http.maxRequestsPerConnection",
    "pool.usesPerConnectionMax",
    `${proto(693)}; cluster_traffic_policy.go:209`
  ),
  {
    name: "connectionPool.http.maxRetries",
    codec: int32,
    byDefault: 0,
    means: "`http.retryBudgetCountMin`, with a ratio of 0",
    writes: "http.retryBudgetCountMin",
    use: (value, { isWritten }) =>
      isWritten("retryBudget.percent") || isWritten("retryBudget.minRetryConcurrency")
        ? isWritten("connectionPool.http.maxRetries")
          ? { note: "without effect, as in Istio: the retryBudget takes its place" }
          : {}
        : {
            knobs: {
              "http.retryBudgetRatio": 0,
              "http.retryBudgetCountMin": value === "unlimited" ? 100_000 : Math.min(100_000, Number(value))
            }
          },
    note: "a DestinationRule only bounds retries, and a VirtualService asks for them: set http.retryCountMax beside from",
    cite: `${proto(697)}; cluster_traffic_policy.go:165, 477-490`
  },
  { name: "connectionPool.http.idleTimeout", codec: duration, to: "pool.idleTimeout", cite: proto(706) },
  {
    name: "connectionPool.http.h2UpgradePolicy",
    codec: oneOf({ DEFAULT: "DEFAULT", DO_NOT_UPGRADE: "DO_NOT_UPGRADE", UPGRADE: "UPGRADE" }),
    isHonoured: (value) => value !== "UPGRADE",
    loss: http2,
    cite: proto(720)
  },
  {
    name: "connectionPool.http.useClientProtocol",
    codec: flag(),
    isHonoured: (value) => value === false,
    loss: http2,
    use: (value, { get }) =>
      value === true && get("connectionPool.http.h2UpgradePolicy") === "UPGRADE"
        ? { problem: "Istio refuses it together with h2UpgradePolicy UPGRADE; keep one of them" }
        : {},
    cite: `${proto(725)}; pkg/config/validation/validation.go:1112`
  },
  { name: "connectionPool.http.maxConcurrentStreams", codec: int32, loss: http2, cite: proto(729) },
  { name: "connectionPool.http.http2KeepAlive.interval", codec: duration, loss: http2, cite: proto("735-743") },
  { name: "connectionPool.http.http2KeepAlive.timeout", codec: duration, loss: http2, cite: proto("735-743") },
  { name: "retryBudget.percent", codec: percent(), to: "http.retryBudgetRatio", cite: `${proto("289-324")} (20)` },
  {
    name: "retryBudget.minRetryConcurrency",
    codec: uint32,
    means: "`http.retryBudgetCountMin`; 3 where it is 0",
    use: (value, { isWritten }) => ({
      knobs: {
        "http.retryBudgetCountMin": value === 0 ? 3 : Math.min(100_000, Number(value)),
        ...(isWritten("retryBudget.percent") ? {} : { "http.retryBudgetRatio": 0.2 })
      }
    }),
    cite: `${proto("289-324")} (3)`
  },
  {
    name: "retryBudget.budgetInterval",
    codec: durationOrOff,
    isHonoured: (value) => value === "never",
    loss: { why: "a budget counts what is under way now", todo: "leave it out" },
    cite: proto("289-324")
  },
  {
    name: "tls.mode",
    codec: oneOf({ DISABLE: "DISABLE", SIMPLE: "SIMPLE", MUTUAL: "MUTUAL", ISTIO_MUTUAL: "ISTIO_MUTUAL" }),
    isHonoured: (value) => value === "DISABLE",
    loss: {
      why: "the URL says whether TLS is spoken",
      todo: "call https: URLs; for a certificate of the client's, set tls beside from"
    },
    cite: proto("ClientTLSSettings")
  },
  { name: "tls.sni", codec: text, to: "tls.serverName", cite: proto("ClientTLSSettings") },
  {
    name: "tls.insecureSkipVerify",
    codec: flag({ true: "unverified", false: "full" }),
    to: "tls.verification",
    cite: proto("ClientTLSSettings")
  },
  ...["clientCertificate", "privateKey", "caCertificates", "credentialName", "caCrl"].map((name) => ({
    name: `tls.${name}`,
    codec: text,
    loss: identity,
    cite: proto("ClientTLSSettings")
  })),
  {
    name: "tls.subjectAltNames[]",
    codec: text,
    loss: { why: "the name of the URL, or sni, is what is checked", todo: "give the name as sni" },
    cite: proto("ClientTLSSettings")
  },
  ...[
    "consecutive5xxErrors",
    "consecutiveGatewayErrors",
    "consecutiveErrors",
    "interval",
    "baseEjectionTime",
    "maxEjectionPercent",
    "minHealthPercent",
    "splitExternalLocalOriginErrors",
    "consecutiveLocalOriginFailures"
  ].map((name) => ({
    name: `outlierDetection.${name}`,
    codec: anything,
    loss: ejection,
    cite: proto("797-888")
  })),
  { name: "outlierDetection.httpErrorCodes[]", codec: anything, loss: ejection, cite: proto("797-888") },
  { name: "outlierDetection", codec: anything, loss: ejection, cite: proto("797-888") },
  { name: "loadBalancer.**", codec: anything, loss: hosts, cite: proto("LoadBalancerSettings") },
  {
    name: "tunnel.**",
    codec: anything,
    loss: { why: "a proxy is the client's own setting", todo: "set proxy beside from" },
    cite: proto("TunnelSettings")
  },
  {
    name: "proxyProtocol.**",
    codec: anything,
    loss: { why: "no PROXY protocol is sent", todo: "leave it out" },
    cite: proto("ProxyProtocol")
  },
  {
    name: "port.number",
    codec: count(),
    means: "the port that an entry of portLevelSettings holds for",
    cite: proto("PortTrafficPolicy")
  },
  { name: "subsets[].name", codec: text, means: "read where it is the subset that calls go to", cite: proto("Subset") },
  {
    name: "subsets[].labels.**",
    codec: anything,
    means: "which endpoints are in it is the mesh's business",
    cite: proto("Subset")
  },
  {
    name: "exportTo[]",
    codec: text,
    isHonoured: (value) => value === "*",
    loss: scope,
    cite: proto("DestinationRule")
  },
  { name: "workloadSelector.**", codec: anything, loss: scope, cite: proto("DestinationRule") }
]
