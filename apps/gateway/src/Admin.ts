/**
 * The operator's port: `/stats` in Prometheus' text format, `/pools` as JSON, `/` saying so.
 */

import type { ServerResponse } from "node:http"
import { Effect, type Scope } from "effect"
import { PrometheusMetrics } from "effect/observability"
import type { ClusterPolicy, Setting } from "./config/GatewayModel.ts"
import { type ListenError, type Listener, listen } from "./Listener.ts"
import type { ClusterRuntime } from "./proxy/ClusterRuntime.ts"

export const serveAdmin = (
  clusters: ReadonlyMap<string, ClusterRuntime>,
  options: { readonly host: string; readonly port: number; readonly isFixed: boolean }
): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    return yield* listen(options, ({ message, response }) =>
      Effect.gen(function* () {
        switch ((message.url ?? "/").split("?", 1)[0]) {
          case "/stats":
            return answer(response, 200, "text/plain; version=0.0.4; charset=utf-8", yield* PrometheusMetrics.format())
          case "/pools":
            return answer(response, 200, "application/json", `${JSON.stringify(yield* poolsOf(clusters), null, 2)}\n`)
          case "/":
            return answer(response, 200, "text/plain; charset=utf-8", "/stats  Prometheus text\n/pools  JSON\n")
          default:
            return answer(response, 404, "text/plain; charset=utf-8", "there are /stats and /pools\n")
        }
      }).pipe(Effect.provideContext(context))
    )
  })

const answer = (response: ServerResponse, status: number, contentType: string, body: string): void => {
  const bytes = Buffer.from(body)
  response.writeHead(status, { "content-type": contentType, "content-length": bytes.length })
  response.end(bytes)
}

/** The limits of a cluster by Istio's names. */
const limitsOf = (policy: ClusterPolicy): Record<string, Setting<unknown>> => ({
  maxConnections: policy.connectionCountMax,
  http1MaxPendingRequests: policy.pendingCountMax,
  http2MaxRequests: policy.requestCountMax,
  maxRequestsPerConnection: policy.requestsPerConnectionMax,
  maxRetries: policy.retryCountMax,
  connectTimeoutMillis: policy.connectMillis,
  idleTimeoutMillis: policy.idleMillisMax,
  maxConnectionDurationMillis: policy.connectionAgeMillisMax
})

/** Every pool: what is open, used, idle and waiting, the limits, and who set each of them. */
const poolsOf = (clusters: ReadonlyMap<string, ClusterRuntime>) =>
  Effect.forEach(Array.from(clusters.values()), ({ client, cluster }) =>
    Effect.map(client.pool.stats, (stats) => ({
      cluster: cluster.id,
      total: stats.connections.used,
      active: stats.active.used,
      idle: stats.idle.used,
      pending: stats.pending.used,
      dialling: stats.dialling.used,
      limits: limitsOf(cluster.policy),
      created: stats.createdCount,
      reused: stats.reusedCount,
      closed: stats.closedByReason,
      refused: stats.refusedByReason,
      routes: stats.routes.map((route) => ({
        route: route.route,
        total: route.connections.used,
        active: route.active.used,
        idle: route.idle.used,
        pending: route.pending.used,
        dialling: route.dialling.used
      }))
    }))
  )
