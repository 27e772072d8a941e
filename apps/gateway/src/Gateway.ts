/**
 * The gateway: the model's clusters at work, a listener for requests, one for operators.
 */
import type { PoolConfigError } from "@weir/core"
import type { Connector } from "@weir/transport"
import { Clock, Effect, Metric, Random, type Scope } from "effect"
import { serveAdmin } from "./Admin.ts"
import type { GatewayModel } from "./config/GatewayModel.ts"
import { makeRouter } from "./config/Router.ts"
import { type ListenError, type Listener, listenPlain } from "./Listener.ts"
import type { AccessRecord } from "./proxy/AccessLog.ts"
import { type ClusterRuntime, makeClusterRuntime } from "./proxy/ClusterRuntime.ts"
import { Exchange, type ExchangeShared, refusedRecord } from "./proxy/Exchange.ts"
import { formatFlags } from "./proxy/ResponseFlag.ts"

export interface GatewayOptions {
  readonly host: string
  readonly port: number
  readonly adminHost: string
  readonly adminPort: number
  /** The ports as given or none; otherwise the next free ones. */
  readonly isPortFixed: boolean
  readonly isAdminPortFixed: boolean
  /** With nothing read from a caller or written to it for so long, its request is given up. Default: 300,000. */
  readonly idleMillisMax?: number
  /** Called at the end of each request. */
  readonly onAccess: (record: AccessRecord) => void
}

export interface Gateway {
  readonly listener: Listener
  readonly admin: Listener
}

const requestsTotal = Metric.counter("weir_gateway_requests_total", {
  description: "Requests by cluster, status and response flag",
  incremental: true
})

/** Serves the model until the scope closes: accepted requests finish first, then the pools are closed. */
export const serve = (
  model: GatewayModel,
  options: GatewayOptions
): Effect.Effect<Gateway, ListenError | PoolConfigError, Connector | Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const clusters = new Map<string, ClusterRuntime>()
    for (const [id, cluster] of model.clusters) clusters.set(id, yield* makeClusterRuntime(cluster))
    const count = yield* requestCounter
    const onEnd = (record: AccessRecord): void => {
      count(record)
      options.onAccess(record)
    }
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const shared: ExchangeShared = {
      router: makeRouter(model),
      clusters,
      time: {
        nowMillis: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
        random: () => random.nextDoubleUnsafe(),
        after: (millis, run) => {
          const fiber = runFork(Effect.andThen(Effect.sleep(millis), Effect.sync(run)))
          return () => fiber.interruptUnsafe()
        }
      },
      wallMillis: () => clock.currentTimeMillisUnsafe(),
      onEnd
    }
    const admin = yield* serveAdmin(clusters, {
      host: options.adminHost,
      port: options.adminPort,
      isFixed: options.isAdminPortFixed
    })
    // Last to come up and first to close.
    const listener = yield* listenPlain(
      {
        host: options.host,
        port: options.port,
        isFixed: options.isPortFixed,
        idleMillisMax: options.idleMillisMax,
        onRefused: (fault) => onEnd(refusedRecord(fault, shared.wallMillis()))
      },
      (incoming, onOver) => new Exchange(shared, incoming, onOver)
    )
    return { listener, admin }
  })

/** Counts by cluster, status and flags: each of them from a closed set, so that the series are bounded. */
const requestCounter = Effect.map(Effect.context<never>(), (context) => {
  // A key put together for each request would cost more than the count.
  const series = new Map<string, Map<string, Map<number, Metric.Counter<number>>>>()
  return ({ cluster = "none", flags, status }: AccessRecord): void => {
    const text = formatFlags(flags)
    let counter = series.get(text)?.get(cluster)?.get(status)
    if (counter === undefined) {
      counter = Metric.withAttributes(requestsTotal, { cluster, code: String(status), flags: text })
      const byCluster = series.get(text) ?? new Map<string, Map<number, Metric.Counter<number>>>()
      const byStatus = byCluster.get(cluster) ?? new Map<number, Metric.Counter<number>>()
      series.set(text, byCluster.set(cluster, byStatus.set(status, counter)))
    }
    counter.updateUnsafe(1, context)
  }
})
