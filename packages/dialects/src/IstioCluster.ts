/**
 * Istio's limits on one cluster with all of its endpoints, as a client that connects to those endpoints and to nothing
 * else. What a host's rule says of it has been worked out before, with who set it.
 *
 * | Istio | Envoy | here |
 * |---|---|---|
 * | `tcp.maxConnections` | `max_connections`: beyond it requests wait | `connectionsMax` |
 * | `http.http1MaxPendingRequests` | `max_pending_requests`: 503 `UO`; counts those a connect is under way for | `pendingMax`, `pendingIncludesDialling` |
 * | `http.http2MaxRequests` | `max_requests`: 503 `UO`, also for a request that had been waiting | `activeMax`, `activeOverflow: "refuse"` |
 * | `http.maxRequestsPerConnection` | `max_requests_per_connection` | `usesPerConnectionMax` |
 */
import type { ClientConfig } from "@weir/client"
import { type Knob, type KnobValue, toConfig } from "./Knob.ts"
import type { Entry } from "./Reading.ts"

/** A value in force, and who set it. */
export interface Sourced<A> {
  readonly value: A
  readonly source: string
}

type Limit = number | "unlimited"

export interface IstioCluster {
  readonly connectionCountMax: Sourced<Limit>
  readonly pendingCountMax: Sourced<Limit>
  readonly requestCountMax: Sourced<Limit>
  readonly requestsPerConnectionMax: Sourced<Limit>
  readonly connectMillis: Sourced<number>
  readonly idleMillisMax: Sourced<Limit>
  readonly connectionAgeMillisMax: Sourced<Limit>
}

export const istioCluster = (name: string, cluster: IstioCluster): ClientConfig => {
  const entries: Array<Entry> = []
  const set = (knob: Knob, value: KnobValue, source: string) =>
    entries.push({ knob, value, match: "*", source, kind: "written" })
  const limit = (knob: Knob, { source, value }: Sourced<Limit>) => set(knob, countable(value), source)
  const time = (knob: Knob, { source, value }: Sourced<Limit>) =>
    set(knob, value === "unlimited" ? "never" : value, source)
  limit("pool.connectionsMax", cluster.connectionCountMax)
  limit("pool.pendingMax", cluster.pendingCountMax)
  limit("pool.activeMax", cluster.requestCountMax)
  limit("pool.usesPerConnectionMax", cluster.requestsPerConnectionMax)
  time("pool.connectTimeout", cluster.connectMillis)
  time("pool.idleTimeout", cluster.idleMillisMax)
  time("pool.lifetime", cluster.connectionAgeMillisMax)
  for (const [knob, value] of envoyAlways) set(knob, value, "Envoy always")
  set("pool.name", name, "Istio")
  return toConfig(entries)
}

/** Envoy's pool has no limit for an endpoint, no deadline of its own and no back-off; a route's timeout bounds the wait. */
const envoyAlways: ReadonlyArray<readonly [Knob, KnobValue]> = [
  ["pool.connectionsPerRouteMax", "unlimited"],
  ["pool.pendingPerRouteMax", "unlimited"],
  ["pool.pendingIncludesDialling", true],
  ["pool.activeOverflow", "refuse"],
  ["pool.lifetimeJitterRatio", 0],
  ["pool.acquireTimeout", "never"],
  ["pool.dialBackoffMax", 0]
]

/** Istio's limits go up to 2^32-1; beyond what the pool can count there is no limit to speak of. */
const countable = (value: Limit): Limit => (value === "unlimited" || value >= 2 ** 31 - 1 ? "unlimited" : value)
