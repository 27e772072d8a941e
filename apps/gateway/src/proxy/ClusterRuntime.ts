/**
 * A cluster at work: one pool for all its endpoints, so that its limits hold over them together, as Envoy's do. What
 * Istio's limits are in a pool's words, `istioCluster` says; `http.maxRetries`, retries under way, is kept here.
 */
import { type ClientConfig, type Origin, WeirClient, type WeirClientService } from "@weir/client"
import type { PoolConfigError } from "@weir/core"
import { istioCluster } from "@weir/dialects"
import type { Connector } from "@weir/transport"
import { Context, Effect, Layer, Random, type Scope } from "effect"
import type { Cluster, Limit } from "../config/GatewayModel.ts"
import { type Candidate, candidatesOf, pick } from "./Balancer.ts"

export class ClusterRuntime {
  readonly cluster: Cluster
  readonly client: WeirClientService
  /** Requests under way, the waiting ones too. */
  requestCount = 0
  private retryCount = 0
  private readonly candidates: ReadonlyArray<Candidate>
  private readonly origins = new Map<Candidate, Origin>()
  private readonly random: () => number

  constructor(cluster: Cluster, client: WeirClientService, random: () => number) {
    this.cluster = cluster
    this.client = client
    this.random = random
    this.candidates = candidatesOf(cluster.endpoints)
  }

  pick(tried: ReadonlySet<Candidate> | undefined): Candidate | undefined {
    return pick(this.candidates, this.cluster.policy.loadBalancing.value, tried, this.random)
  }

  originOf(candidate: Candidate): Origin {
    const known = this.origins.get(candidate)
    if (known !== undefined) return known
    const origin = this.client.originFor(false, candidate.endpoint.host, candidate.endpoint.port)
    this.origins.set(candidate, origin)
    return origin
  }

  /** Retries under way are bounded by `maxRetries`, or by a budget in its place. */
  takeRetry(): boolean {
    const { retryBudget, retryCountMax } = this.cluster.policy
    const limit =
      retryBudget === undefined
        ? toCount(retryCountMax.value)
        : Math.max(retryBudget.retryCountMin.value, Math.floor((this.requestCount * retryBudget.percent.value) / 100))
    if (this.retryCount >= limit) return false
    this.retryCount++
    return true
  }

  giveRetry(): void {
    this.retryCount--
  }
}

export const makeClusterRuntime = (
  cluster: Cluster
): Effect.Effect<ClusterRuntime, PoolConfigError, Connector | Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(WeirClient.layer(clientConfig(cluster)))
    const random = yield* Random.Random
    return new ClusterRuntime(cluster, Context.get(context, WeirClient), () => random.nextDoubleUnsafe())
  })

const clientConfig = ({ id, policy }: Cluster): ClientConfig => ({
  ...istioCluster(id, policy),
  http: {
    // The listener gives up exchanges in which nothing moves.
    responseHeadTimeout: "never",
    bodyIdleTimeout: "never",
    // An answer that nobody wants any more counts against no limit for longer, as in Envoy.
    drainByteCountMax: 0
  }
})

const toCount = (value: Limit): number => (value === "unlimited" ? Number.POSITIVE_INFINITY : value)
