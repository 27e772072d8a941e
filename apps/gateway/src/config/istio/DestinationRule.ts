/**
 * Istio's DestinationRule: how much may be asked of a host, and how connections to it are kept.
 *
 * Source: istio.io/api networking/v1alpha3 destination_rule.proto; the rules are `ValidateDestinationRule`'s. For every
 * int32 here, 0 and unset are the same to Istio.
 */
import { Schema } from "effect"
import { DurationMillis, DurationMillisOrZero, isSomeDuration } from "./IstioDuration.ts"
import { resource } from "./Resource.ts"
import { nonEmpty, supportedWhen, unsupported } from "./Support.ts"
import { DnsLabel, ExportTo, HostName, Int32, Labels, Port, UInt32 } from "./Value.ts"

const http1Only = "endpoints are spoken to in HTTP/1.1"

const TcpSettings = Schema.Struct({
  /** Connections to all endpoints of the cluster together. Default: 2^32-1. */
  maxConnections: Schema.optionalKey(Int32),
  /** Default: 10s. */
  connectTimeout: Schema.optionalKey(DurationMillis),
  tcpKeepalive: unsupported("every connection is probed after 60 s of silence, which cannot be set per host"),
  /** How old a connection may get. Default: any age. */
  maxConnectionDuration: Schema.optionalKey(DurationMillis),
  /** Used where `http.idleTimeout` is unset; 0s switches it off. Default: 1h. */
  idleTimeout: Schema.optionalKey(DurationMillisOrZero)
})

const HttpSettings = Schema.Struct({
  /** Requests that wait for a connection. Default: 2^32-1. */
  http1MaxPendingRequests: Schema.optionalKey(Int32),
  /** Requests under way, in HTTP/1.1 too. Default: 2^32-1. */
  http2MaxRequests: Schema.optionalKey(Int32),
  /** 1 switches keep-alive off. Default: unlimited. */
  maxRequestsPerConnection: Schema.optionalKey(Int32),
  /** Retries under way; a retry budget takes its place. Default: 2^32-1. */
  maxRetries: Schema.optionalKey(Int32),
  /** How long a connection may have no request. Default: `tcp.idleTimeout`, then 1h. */
  idleTimeout: Schema.optionalKey(DurationMillis),
  /** Default: DEFAULT, which is not to upgrade. */
  h2UpgradePolicy: Schema.optionalKey(
    Schema.Literals(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]).annotate(
      supportedWhen((value) => (value === "UPGRADE" ? http1Only : undefined))
    )
  ),
  /** Default: false. */
  useClientProtocol: Schema.optionalKey(
    Schema.Boolean.annotate(supportedWhen((value) => (value === true ? http1Only : undefined)))
  ),
  maxConcurrentStreams: unsupported(`${http1Only}, where a connection carries one request at a time`),
  http2KeepAlive: unsupported(`${http1Only}, which has no PING frames`)
})

const ConnectionPool = Schema.Struct({
  tcp: Schema.optionalKey(TcpSettings),
  http: Schema.optionalKey(HttpSettings)
}).annotate(nonEmpty("expected tcp or http in a connectionPool"))

const LoadBalancer = Schema.Struct({
  /** Default: UNSPECIFIED, which is LEAST_REQUEST; so is LEAST_CONN, its former name. */
  simple: Schema.optionalKey(
    Schema.Literals(["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"]).annotate(
      supportedWhen((value) =>
        value === "PASSTHROUGH" ? "a gateway has no original address to pass a connection through to" : undefined
      )
    )
  ),
  consistentHash: unsupported("requests are not tied to endpoints"),
  localityLbSetting: unsupported("endpoints are not preferred by locality"),
  zoneAwareLbSetting: unsupported("endpoints are not preferred by zone"),
  warmupDurationSecs: unsupported("endpoints get their full share at once"),
  warmup: unsupported("endpoints get their full share at once")
})

const RetryBudget = Schema.Struct({
  /** Of the requests under way and waiting, 0 to 100. Default: 20. */
  percent: Schema.optionalKey(
    Schema.Number.annotate({ message: "expected a percentage from 0 to 100" }).check(
      Schema.makeFilter((value) => (value >= 0 && value <= 100) || "expected a percentage from 0 to 100")
    )
  ),
  /** Retries that are always allowed. Default: 3. */
  minRetryConcurrency: Schema.optionalKey(UInt32),
  /** Over what time requests are counted. Default: 0, those of the moment. */
  budgetInterval: Schema.optionalKey(
    DurationMillisOrZero.annotate(
      supportedWhen((value) =>
        typeof value === "string" && isSomeDuration(value)
          ? "the budget is a share of the requests of the moment, not of those of a time that has passed"
          : undefined
      )
    )
  )
})

const policyBlocks = {
  connectionPool: Schema.optionalKey(ConnectionPool),
  loadBalancer: Schema.optionalKey(LoadBalancer),
  outlierDetection: unsupported("endpoints are not ejected"),
  tls: unsupported("upstream connections are plain text")
}

const PortTrafficPolicy = Schema.Struct({ port: Schema.Struct({ number: Port }), ...policyBlocks }).annotate(
  nonEmpty("expected a policy beside the port", "port")
)

const TrafficPolicy = Schema.Struct({
  ...policyBlocks,
  portLevelSettings: Schema.optionalKey(
    Schema.Array(PortTrafficPolicy).check(
      Schema.makeFilter((entries) =>
        entries.flatMap(({ port }, index) =>
          entries.findIndex((other) => other.port.number === port.number) === index
            ? []
            : [{ path: [index, "port", "number"], issue: "an earlier entry has this port, and Istio reads that one" }]
        )
      )
    )
  ),
  retryBudget: Schema.optionalKey(RetryBudget),
  tunnel: unsupported("connections are not tunnelled"),
  proxyProtocol: unsupported("no PROXY header is sent")
}).annotate(nonEmpty("expected at least one field in a trafficPolicy"))

const Subset = Schema.Struct({
  name: DnsLabel,
  /** All of them must be on an endpoint. None: every endpoint. */
  labels: Schema.optionalKey(Labels),
  trafficPolicy: Schema.optionalKey(TrafficPolicy)
})

const Spec = Schema.Struct({
  host: HostName,
  trafficPolicy: Schema.optionalKey(TrafficPolicy),
  subsets: Schema.optionalKey(
    Schema.Array(Subset).check(
      Schema.makeFilter((subsets) =>
        subsets.flatMap(({ name }, index) =>
          subsets.findIndex((other) => other.name === name) === index
            ? []
            : [{ path: [index, "name"], issue: "an earlier subset has this name" }]
        )
      )
    )
  ),
  exportTo: Schema.optionalKey(ExportTo),
  workloadSelector: unsupported("rules are not limited to some of the clients")
})

export const DestinationRule = resource(Spec)

export type DestinationRuleSpec = typeof Spec.Type
export type TrafficPolicySpec = typeof TrafficPolicy.Type
export type PortTrafficPolicySpec = typeof PortTrafficPolicy.Type
export type ConnectionPoolSpec = typeof ConnectionPool.Type
