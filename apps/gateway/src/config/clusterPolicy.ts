/**
 * The policy in force for one cluster, each value with who set it.
 *
 * Istio's rules (`MergeSubsetTrafficPolicy` in its pilot/pkg/networking/util): an entry for the port takes the place of
 * the policy it stands in, whole; a subset's policy overrides its host's block by block, so that a `connectionPool` of
 * a subset drops all of the host's. For an int32, 0 is unset. Where a value written further up is out of force, the
 * setting's source says so.
 */
import { type HostRule, type PlacedPolicy, type PolicySource, portPoliciesOf, type Subset } from "./destinationRules.ts"
import type { FieldPath } from "./Finding.ts"
import {
  type ClusterPolicy,
  istioDefault,
  type Limit,
  type LoadBalancing,
  type RetryBudget,
  type Setting
} from "./GatewayModel.ts"
import type { ConnectionPoolSpec, PortTrafficPolicySpec, TrafficPolicySpec } from "./istio/DestinationRule.ts"
import type { ServicePort } from "./services.ts"

const connectMillisDefault = 10_000
const idleMillisDefault = 3_600_000

export const clusterPolicy = (rule: HostRule, subset: Subset | undefined, port: ServicePort): ClusterPolicy => {
  const levels = levelsOf(rule, subset, port)
  const pools = decide(levels, "connectionPool", ({ connectionPool }) => connectionPool)
  const count = <A extends number>(field: PoolField<A>): Setting<Limit> =>
    blockSetting<ConnectionPoolSpec, A, Limit>(
      pools,
      [field],
      (value) => (value === 0 ? undefined : value),
      "unlimited"
    )
  return {
    connectionCountMax: count(tcp("maxConnections")),
    connectMillis: blockSetting(pools, [tcp("connectTimeout")], (millis) => millis, connectMillisDefault),
    connectionAgeMillisMax: blockSetting<ConnectionPoolSpec, number, Limit>(
      pools,
      [tcp("maxConnectionDuration")],
      (millis) => millis,
      "unlimited"
    ),
    idleMillisMax: blockSetting<ConnectionPoolSpec, number, Limit>(
      pools,
      [http("idleTimeout"), tcp("idleTimeout")],
      (millis) => (millis === 0 ? "unlimited" : millis),
      idleMillisDefault
    ),
    pendingCountMax: count(http("http1MaxPendingRequests")),
    requestCountMax: count(http("http2MaxRequests")),
    requestsPerConnectionMax: count(http("maxRequestsPerConnection")),
    retryCountMax: count(http("maxRetries")),
    retryBudget: retryBudget(levels),
    loadBalancing: loadBalancing(levels)
  }
}

/** A policy that may have a say. A whole one leaves nothing to those after it. */
interface Level extends PlacedPolicy<TrafficPolicySpec | PortTrafficPolicySpec> {
  readonly isWhole: boolean
  readonly retryBudget: TrafficPolicySpec["retryBudget"]
}

/** From the strongest to the weakest. */
const levelsOf = (rule: HostRule, subset: Subset | undefined, port: ServicePort): ReadonlyArray<Level> =>
  [subset, rule].flatMap((source) => (source === undefined ? [] : levelsIn(source, port)))

const levelsIn = (source: PolicySource, port: ServicePort): ReadonlyArray<Level> => [
  ...portPoliciesOf(source)
    .filter(({ policy }) => policy.port.number === port.number)
    .map((placed) => ({ ...placed, isWhole: true, retryBudget: undefined })),
  ...(source.policy === undefined
    ? []
    : [{ ...source.policy, isWhole: false, retryBudget: source.policy.policy.retryBudget }])
]

/** Which level's block is in force, and which blocks are not. */
interface Decision<Block> {
  readonly inForce: Placed<Block> | undefined
  /** What keeps the others out: a block of its own, or an entry for the port. */
  readonly decidedBy: { readonly source: string } | undefined
  readonly outOfForce: ReadonlyArray<Placed<Block>>
}

interface Placed<Block> {
  readonly block: Block
  readonly sourceOf: (path: FieldPath) => string
}

const decide = <Block>(
  levels: ReadonlyArray<Level>,
  key: string,
  blockOf: (policy: Level["policy"]) => Block | undefined
): Decision<Block> => {
  const place = ({ path, policy, rule }: Level): ReadonlyArray<Placed<Block>> => {
    const block = blockOf(policy)
    return block === undefined ? [] : [{ block, sourceOf: (below) => rule.sourceOf([...path, key, ...below]) }]
  }
  const index = levels.findIndex((level) => level.isWhole || blockOf(level.policy) !== undefined)
  const deciding = levels[index]
  if (deciding === undefined) return { inForce: undefined, decidedBy: undefined, outOfForce: [] }
  const [inForce] = place(deciding)
  return {
    inForce,
    decidedBy: { source: inForce?.sourceOf([]) ?? deciding.rule.sourceOf(deciding.path) },
    outOfForce: levels.slice(index + 1).flatMap(place)
  }
}

interface BlockField<Block, A> {
  readonly path: FieldPath
  readonly read: (block: Block) => A | undefined
}

type PoolField<A> = BlockField<ConnectionPoolSpec, A>

type TcpSpec = NonNullable<ConnectionPoolSpec["tcp"]>
type HttpSpec = NonNullable<ConnectionPoolSpec["http"]>

const tcp = <Key extends keyof TcpSpec>(key: Key): PoolField<NonNullable<TcpSpec[Key]>> => ({
  path: ["tcp", key],
  read: ({ tcp }) => tcp?.[key] ?? undefined
})

const http = <Key extends keyof HttpSpec>(key: Key): PoolField<NonNullable<HttpSpec[Key]>> => ({
  path: ["http", key],
  read: ({ http }) => http?.[key] ?? undefined
})

/** The first of `fields` that is set; `interpret` gives undefined for a value that counts as unset. */
const blockSetting = <Block, A, B>(
  { decidedBy, inForce, outOfForce }: Decision<Block>,
  fields: ReadonlyArray<BlockField<Block, A>>,
  interpret: (written: A) => B | undefined,
  unset: B
): Setting<B> => {
  for (const { path, read } of fields) {
    const written = inForce && read(inForce.block)
    if (written === undefined || inForce === undefined) continue
    const value = interpret(written)
    const source = inForce.sourceOf(path)
    return value === undefined
      ? {
          value: unset,
          source: `${istioDefault} (${source} is ${JSON.stringify(written)}, which Istio takes for unset)`
        }
      : { value, source }
  }
  for (const { block, sourceOf } of outOfForce) {
    const lost = fields.find(({ read }) => read(block) !== undefined)
    if (lost === undefined || decidedBy === undefined) continue
    const source = `${istioDefault} (${sourceOf(lost.path)} is out of force: ${decidedBy.source} takes its whole place)`
    return { value: unset, source }
  }
  return { value: unset, source: istioDefault }
}

/** A retry budget has no place in an entry for a port, and none of its host's is left where there is such an entry. */
const retryBudget = (levels: ReadonlyArray<Level>): RetryBudget | undefined => {
  const reachable = levels.filter((level, index) => !level.isWhole && !isReplaced(levels, index))
  const level = reachable.find(({ retryBudget }) => retryBudget !== undefined)
  if (level?.retryBudget === undefined) return undefined
  const { minRetryConcurrency = 0, percent } = level.retryBudget
  const setting = (key: string, written: number | undefined, unset: number): Setting<number> =>
    written === undefined
      ? { value: unset, source: istioDefault }
      : { value: written, source: level.rule.sourceOf([...level.path, "retryBudget", key]) }
  return {
    percent: setting("percent", percent, 20),
    retryCountMin: setting("minRetryConcurrency", minRetryConcurrency === 0 ? undefined : minRetryConcurrency, 3)
  }
}

/** Whether the level is the policy around an entry for the port, which stands right before it. */
const isReplaced = (levels: ReadonlyArray<Level>, index: number): boolean => levels[index - 1]?.isWhole === true

type LoadBalancer = NonNullable<TrafficPolicySpec["loadBalancer"]>

const loadBalancing = (levels: ReadonlyArray<Level>): Setting<LoadBalancing> =>
  blockSetting<LoadBalancer, NonNullable<LoadBalancer["simple"]>, LoadBalancing>(
    decide(levels, "loadBalancer", ({ loadBalancer }) => loadBalancer),
    [{ path: ["simple"], read: ({ simple }) => simple }],
    (simple) => {
      switch (simple) {
        case "ROUND_ROBIN":
        case "RANDOM":
          return simple
        case "LEAST_REQUEST":
        case "LEAST_CONN":
          return "LEAST_REQUEST"
        case "UNSPECIFIED":
        case "PASSTHROUGH": // Refused, or left out when read leniently: it never gets here.
          return undefined
      }
    },
    "LEAST_REQUEST"
  )
