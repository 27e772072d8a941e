/**
 * One cluster for every host, subset and port, as Istio builds them, whether a route leads there or not.
 */
import { clusterPolicy } from "./clusterPolicy.ts"
import type { RuleOf, Subset } from "./destinationRules.ts"
import type { Finding } from "./Finding.ts"
import type { Cluster } from "./GatewayModel.ts"
import type { Service, ServicePort, Services } from "./services.ts"

export const clusterId = (service: Service, subset: string | undefined, port: number): string =>
  `outbound|${port}|${subset ?? ""}|${service.canonicalHost}`

export const buildClusters = (
  services: Services,
  ruleOf: RuleOf
): { readonly clusters: ReadonlyMap<string, Cluster>; readonly findings: ReadonlyArray<Finding> } => {
  const clusters = new Map<string, Cluster>()
  const findings: Array<Finding> = []
  for (const service of services.values()) {
    const rule = ruleOf(service)
    const add = (subset: Subset | undefined, port: ServicePort): Cluster => {
      const cluster: Cluster = {
        id: clusterId(service, subset?.name, port.number),
        host: service.host,
        subset: subset?.name,
        port: port.number,
        source: service.source,
        endpoints: service.endpointsOf(port, subset?.labels ?? {}),
        policy: clusterPolicy(rule, subset, port)
      }
      clusters.set(cluster.id, cluster)
      return cluster
    }
    for (const port of service.ports) add(undefined, port)
    for (const subset of rule.subsets.values()) {
      const isEmpty = service.ports.map((port) => add(subset, port)).every(({ endpoints }) => endpoints.length === 0)
      if (isEmpty) findings.push(emptySubset(service, subset))
    }
  }
  return { clusters, findings }
}

const emptySubset = (service: Service, subset: Subset): Finding => ({
  reason: "NoEffect",
  weight: "warning",
  place: subset.rule.placeOf(subset.path),
  path: subset.path,
  message: `no endpoint of ${service.host} has the labels ${JSON.stringify(subset.labels)}; requests to subset ${subset.name} will be answered 503`
})
