/**
 * The registry of hosts: what the ServiceEntries define, one service per host.
 */
import { didYouMean } from "@weir/core"
import type { Finding } from "./Finding.ts"
import type { Endpoint } from "./GatewayModel.ts"
import { canonicalHost } from "./hostName.ts"
import type { ServiceEntrySpec } from "./istio/ServiceEntry.ts"
import type { Resource } from "./readResources.ts"

export interface Service {
  /** As written. */
  readonly host: string
  readonly canonicalHost: string
  readonly ports: ReadonlyArray<ServicePort>
  readonly source: string
  /** The endpoints that carry all of `labels`, with the port they serve this port of the service on. */
  readonly endpointsOf: (port: ServicePort, labels: Readonly<Record<string, string>>) => ReadonlyArray<Endpoint>
}

export interface ServicePort {
  readonly number: number
  readonly name: string
  /** Is plain HTTP/1.1 spoken there, which is all that the gateway speaks to endpoints? */
  readonly isHttp1: boolean
  /** As written; empty when unset. */
  readonly protocol: string
  readonly source: string
}

/** By canonical host. */
export type Services = ReadonlyMap<string, Service>

export const readServices = (
  entries: ReadonlyArray<Resource<ServiceEntrySpec>>
): { readonly services: Services; readonly findings: ReadonlyArray<Finding> } => {
  const services = new Map<string, Service>()
  const findings: Array<Finding> = []
  for (const entry of entries) {
    for (const [index, host] of entry.spec.hosts.entries()) {
      const path = ["spec", "hosts", index]
      const service = serviceOf(entry, host, entry.sourceOf(path))
      const other = services.get(service.canonicalHost)
      if (other === undefined) services.set(service.canonicalHost, service)
      else {
        const message = `${host} is defined twice; the other is ${other.source}`
        findings.push({ reason: "Duplicate", weight: "error", place: entry.placeOf(path), path, message })
      }
    }
  }
  return { services, findings }
}

const serviceOf = (entry: Resource<ServiceEntrySpec>, host: string, source: string): Service => {
  const { spec, namespace } = entry
  // With DNS and no endpoints, the host itself is what is looked up; a schema rule keeps wildcards from getting here.
  const endpoints =
    spec.resolution !== "STATIC" && (spec.endpoints ?? []).length === 0
      ? [{ address: host, ports: undefined, labels: undefined, weight: undefined }]
      : (spec.endpoints ?? [])
  return {
    host,
    canonicalHost: canonicalHost(host, namespace),
    source,
    ports: spec.ports.map((port, index) => ({
      number: port.number,
      name: port.name,
      // Istio looks at the traffic of a port that names no protocol; a gateway's routes bring HTTP/1.1 there.
      isHttp1: ["", "HTTP"].includes((port.protocol ?? "").toUpperCase()),
      protocol: port.protocol ?? "",
      source: entry.sourceOf(["spec", "ports", index, port.protocol === undefined ? "number" : "protocol"])
    })),
    endpointsOf: (port, wanted) =>
      endpoints
        .filter(({ labels = {} }) =>
          Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
        )
        .map((endpoint) => ({
          host: endpoint.address,
          port:
            endpoint.ports?.[port.name] ??
            spec.ports.find(({ number }) => number === port.number)?.targetPort ??
            port.number,
          labels: endpoint.labels ?? {},
          weight: Math.max(1, endpoint.weight ?? 1)
        }))
  }
}

/** What to say of a host that is none of the services. */
export const unknownHost = (host: string, namespace: string, services: Services): string => {
  const canonical = canonicalHost(host, namespace)
  const meaning = canonical === host ? "" : ` (here: ${canonical})`
  const namesake = [...services.values()].find((service) => service.host === host)
  const hint =
    namesake === undefined
      ? didYouMean(
          host,
          [...services.values()].map((service) => service.host)
        )
      : `; did you mean ${namesake.canonicalHost}?`
  return `no ServiceEntry defines ${host}${meaning}${hint}`
}
