/**
 * The DestinationRules, one per host, as Istio puts them together (`mergeDestinationRule` in its pilot/pkg/model).
 *
 * Several rules for a host add up: their subsets are joined and the first top-level policy counts. What Istio would
 * drop on the way is a finding here.
 */
import type { FieldPath, Finding } from "./Finding.ts"
import { bySpecificity, canonicalHost, isWildcard, matchesWildcard } from "./hostName.ts"
import type { DestinationRuleSpec, PortTrafficPolicySpec, TrafficPolicySpec } from "./istio/DestinationRule.ts"
import type { Resource } from "./readResources.ts"
import { type Service, type Services, unknownHost } from "./services.ts"

/** A policy and where it is written. */
export interface PlacedPolicy<Policy> {
  readonly rule: Resource<DestinationRuleSpec>
  readonly path: FieldPath
  readonly policy: Policy
}

/** What is said about a host or a subset of it. */
export interface PolicySource {
  readonly policy: PlacedPolicy<TrafficPolicySpec> | undefined
}

export interface Subset extends PolicySource {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly rule: Resource<DestinationRuleSpec>
  readonly path: FieldPath
}

export interface HostRule extends PolicySource {
  readonly subsets: ReadonlyMap<string, Subset>
}

const noRule: HostRule = { policy: undefined, subsets: new Map() }

/** The rule for a service: its host's own, else the most specific wildcard's, else none. */
export type RuleOf = (service: Service) => HostRule

export const mergeDestinationRules = (
  rules: ReadonlyArray<Resource<DestinationRuleSpec>>,
  services: Services
): { readonly ruleOf: RuleOf; readonly findings: ReadonlyArray<Finding> } => {
  const findings: Array<Finding> = []
  const merged = new Map<string, HostRule & { readonly first: Resource<DestinationRuleSpec> }>()
  for (const rule of rules) {
    const host = canonicalHost(rule.spec.host, rule.namespace)
    findings.push(...unresolved(rule, host, services))
    const earlier = merged.get(host)
    const own = hostRuleOf(rule)
    if (earlier === undefined) merged.set(host, { ...own, first: rule })
    else if (earlier.first.namespace !== rule.namespace) findings.push(foreign(rule, earlier.first))
    else {
      findings.push(...dropped(rule, own, earlier))
      const subsets = new Map([...own.subsets, ...earlier.subsets])
      merged.set(host, { policy: earlier.policy ?? own.policy, subsets, first: earlier.first })
    }
  }
  const wildcards = [...merged.keys()].filter(isWildcard).sort(bySpecificity)
  const ruleOf: RuleOf = ({ canonicalHost }) => {
    const wildcard = wildcards.find((candidate) => matchesWildcard(candidate, canonicalHost))
    return merged.get(canonicalHost) ?? merged.get(wildcard ?? "") ?? noRule
  }
  return { ruleOf, findings }
}

const hostRuleOf = (rule: Resource<DestinationRuleSpec>): HostRule => {
  const placed = (policy: TrafficPolicySpec | undefined, path: FieldPath) =>
    policy === undefined ? undefined : { rule, policy, path }
  const subsets = (rule.spec.subsets ?? []).map(({ labels = {}, name, trafficPolicy }, index): Subset => {
    const path = ["spec", "subsets", index]
    return { name, labels, rule, path, policy: placed(trafficPolicy, [...path, "trafficPolicy"]) }
  })
  return {
    policy: placed(rule.spec.trafficPolicy, ["spec", "trafficPolicy"]),
    subsets: new Map(subsets.map((subset) => [subset.name, subset]))
  }
}

/** Port-level entries of a policy, each with its place. */
export const portPoliciesOf = (source: PolicySource): ReadonlyArray<PlacedPolicy<PortTrafficPolicySpec>> => {
  const { policy: placed } = source
  if (placed === undefined) return []
  return (placed.policy.portLevelSettings ?? []).map((policy, index) => ({
    rule: placed.rule,
    policy,
    path: [...placed.path, "portLevelSettings", index]
  }))
}

const foreign = (rule: Resource<DestinationRuleSpec>, first: Resource<DestinationRuleSpec>): Finding => {
  const path = ["spec", "host"]
  const message = `another namespace has a rule for this host: ${first.sourceOf(path)}; a gateway has no namespace to choose by`
  return { reason: "Duplicate", weight: "error", place: rule.placeOf(path), path, message }
}

/** What Istio leaves out when it adds `rule` to what came before. */
const dropped = (rule: Resource<DestinationRuleSpec>, own: HostRule, earlier: HostRule): ReadonlyArray<Finding> => {
  const report = (path: FieldPath, other: string, what: string): Finding => ({
    reason: "Duplicate",
    weight: "ignorable",
    place: rule.placeOf(path),
    path,
    message: `${what} of this host is already set by ${other}, and Istio reads only that one; keep one of them`
  })
  const policies =
    own.policy === undefined || earlier.policy === undefined
      ? []
      : [report(own.policy.path, earlier.policy.rule.sourceOf(earlier.policy.path), "the trafficPolicy")]
  const subsets = [...own.subsets.values()].flatMap((subset) => {
    const other = earlier.subsets.get(subset.name)
    return other === undefined ? [] : [report(subset.path, other.rule.sourceOf(other.path), `subset ${subset.name}`)]
  })
  return [...policies, ...subsets]
}

/** Istio passes over rules and entries for what does not exist; they are certainly not what was meant. */
const unresolved = (rule: Resource<DestinationRuleSpec>, host: string, services: Services): ReadonlyArray<Finding> => {
  const report = (path: FieldPath, message: string): Finding => ({
    reason: "UnresolvedReference",
    weight: "ignorable",
    place: rule.placeOf(path),
    path,
    message
  })
  const covered = [...services.values()].filter(
    (service) => service.canonicalHost === host || (isWildcard(host) && matchesWildcard(host, service.canonicalHost))
  )
  if (covered.length === 0) return [report(["spec", "host"], unknownHost(rule.spec.host, rule.namespace, services))]
  const ports = [...new Set(covered.flatMap((service) => service.ports.map(({ number }) => number)))]
  const own = hostRuleOf(rule)
  return [own, ...own.subsets.values()]
    .flatMap(portPoliciesOf)
    .flatMap(({ path, policy }) =>
      ports.includes(policy.port.number)
        ? []
        : [
            report(
              [...path, "port", "number"],
              `${rule.spec.host} has no port ${policy.port.number}; it has ${ports.join(", ")}`
            )
          ]
    )
}
