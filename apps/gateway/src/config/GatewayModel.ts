/**
 * What a configuration means, free of YAML: virtual hosts with their routes, and the clusters those lead to.
 *
 * Every effective value of a cluster's policy says who set it. The model is plain data; it promises that every cluster
 * a route names exists.
 */
import type { RetryCondition } from "./istio/VirtualService.ts"

/** A number, or no limit. */
export type Limit = number | "unlimited"

/** The source of what nobody set; some say more after it. */
export const istioDefault = "Istio default"

/** A value and who set it: a field of a resource with file and line, or `istioDefault` (and why it is in force). */
export interface Setting<A> {
  readonly value: A
  readonly source: string
}

export interface GatewayModel {
  readonly virtualHosts: ReadonlyArray<VirtualHost>
  /** By `Cluster.id`. */
  readonly clusters: ReadonlyMap<string, Cluster>
}

export interface VirtualHost {
  readonly name: string
  readonly source: string
  /**
   * In lower case, without port: names and IP addresses, `*.example.com` for the names below it, `*` for all. No domain
   * belongs to two virtual hosts.
   */
  readonly domains: ReadonlyArray<string>
  /** The first that matches serves the request. */
  readonly routes: ReadonlyArray<Route>
}

export interface Route {
  /** Its name in the VirtualService, or its path there (`spec.http[0]`). */
  readonly name: string
  readonly source: string
  /** Any of them; never empty. */
  readonly matches: ReadonlyArray<RouteMatch>
  /** Never empty, and no weight is 0. */
  readonly destinations: ReadonlyArray<Destination>
  /** For the whole exchange, retries included. */
  readonly timeoutMillis: Setting<Limit>
  readonly retries: RetryPolicy
  /**
   * Takes the place of the part of the path that the match matched, character for character as in Envoy: with the
   * prefix `/api`, `/` makes `/api/x` into `//x`.
   */
  readonly rewriteUri: string | undefined
  /** Sent as `Host` in place of the client's. */
  readonly rewriteAuthority: string | undefined
}

/** All of its conditions must hold. */
export interface RouteMatch {
  readonly name: string | undefined
  /** Of the path, without the query. Case counts unless `ignoresUriCase`. */
  readonly uri: { readonly _tag: "exact" | "prefix"; readonly value: string }
  readonly ignoresUriCase: boolean
  readonly method: TextMatch | undefined
  /** Of the `Host` field as sent, with its port. */
  readonly authority: TextMatch | undefined
  /** Names in lower case. */
  readonly headers: ReadonlyArray<{ readonly name: string; readonly value: TextMatch }>
}

/** Case counts. `present`: any value, also an empty one. */
export type TextMatch = { readonly _tag: "exact" | "prefix"; readonly value: string } | { readonly _tag: "present" }

export interface Destination {
  readonly clusterId: string
  /** Relative to the other destinations of the route; above 0. */
  readonly weight: number
}

export interface RetryPolicy {
  /** Tries beyond the first. */
  readonly attemptCountMax: Setting<number>
  /** Of one try. */
  readonly perTryMillis: Setting<Limit>
  readonly conditions: Setting<ReadonlyArray<RetryCondition>>
  /** What `retriable-status-codes` stands for. */
  readonly statusCodes: ReadonlyArray<number>
}

/** The endpoints of one subset (or all) of one host, on one of its ports: what shares a pool and its limits. */
export interface Cluster {
  /** As Istio names it: `outbound|80|v1|reviews.default.svc.cluster.local`. */
  readonly id: string
  /** As the ServiceEntry writes it. */
  readonly host: string
  readonly subset: string | undefined
  readonly port: number
  /** Where the ServiceEntry is. */
  readonly source: string
  /** Empty: every request is answered 503 (Envoy's `UH`, no healthy upstream). */
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly policy: ClusterPolicy
}

export interface Endpoint {
  /** A name or an IP address (IPv6 without brackets). */
  readonly host: string
  readonly port: number
  readonly labels: Readonly<Record<string, string>>
  /** Relative to the other endpoints; above 0. */
  readonly weight: number
}

/** The limits hold per cluster and gateway process, over all endpoints together, as in Envoy. */
export interface ClusterPolicy {
  /** Connections, in use or not; beyond it requests wait. Istio: `tcp.maxConnections`. */
  readonly connectionCountMax: Setting<Limit>
  /** Istio: `tcp.connectTimeout`. */
  readonly connectMillis: Setting<number>
  /** A connection's age at which it takes no further request. Istio: `tcp.maxConnectionDuration`. */
  readonly connectionAgeMillisMax: Setting<Limit>
  /** How long a connection stays without a request. Istio: `http.idleTimeout`, else `tcp.idleTimeout`. */
  readonly idleMillisMax: Setting<Limit>
  /** Requests that wait for a connection; beyond it 503 `UO`. Istio: `http.http1MaxPendingRequests`. */
  readonly pendingCountMax: Setting<Limit>
  /** Requests under way; beyond it 503 `UO`, never queued. Istio: `http.http2MaxRequests`. */
  readonly requestCountMax: Setting<Limit>
  /** Istio: `http.maxRequestsPerConnection`. */
  readonly requestsPerConnectionMax: Setting<Limit>
  /** Retries under way; without meaning where there is a retry budget. Istio: `http.maxRetries`. */
  readonly retryCountMax: Setting<Limit>
  /** Istio: `trafficPolicy.retryBudget`. */
  readonly retryBudget: RetryBudget | undefined
  readonly loadBalancing: Setting<LoadBalancing>
}

export type LoadBalancing = "ROUND_ROBIN" | "LEAST_REQUEST" | "RANDOM"

/** Retries under way may be `percent` of the requests under way and waiting, and always `retryCountMin`. */
export interface RetryBudget {
  readonly percent: Setting<number>
  readonly retryCountMin: Setting<number>
}
