/**
 * Istio's ServiceEntry: hosts, their ports, and the endpoints behind them.
 *
 * Source: istio.io/api networking/v1alpha3 service_entry.proto and workload_entry.proto; the rules are
 * `ValidateServiceEntry`'s.
 */
import { isIP } from "node:net"
import { Schema } from "effect"
import { resource } from "./Resource.ts"
import { informational, unsupported } from "./Support.ts"
import { DnsLabel, ExportTo, HostName, isDomainName, Labels, NonEmptyString, Port, UInt32 } from "./Value.ts"

/** The application protocols Istio knows; case does not count. */
const protocols = ["HTTP", "HTTP2", "HTTPS", "GRPC", "GRPC-WEB", "TCP", "TLS", "UDP", "MONGO", "REDIS", "MYSQL"]

const ServicePort = Schema.Struct({
  number: Port,
  name: DnsLabel,
  /** Unset: Istio looks at the traffic. */
  protocol: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter(
        (value) =>
          value === "" || protocols.includes(value.toUpperCase()) || `expected one of ${protocols.join(", ")}, or none`
      )
    )
  ),
  /** The port of the endpoints that name none themselves. Default: `number`. */
  targetPort: Schema.optionalKey(Port)
})

const Endpoint = Schema.Struct({
  address: NonEmptyString.check(
    Schema.makeFilter((value) =>
      value.startsWith("unix://")
        ? "Unix sockets are not supported here; use an address and a port"
        : isIP(value) !== 0 || isDomainName(value) || "expected an IP address or a host name"
    )
  ),
  /** By the name of the service's port. */
  ports: Schema.optionalKey(Schema.Record(Schema.String, Port)),
  labels: Schema.optionalKey(Labels),
  /** Its share of the traffic, relative to the others. 0 and unset: 1. */
  weight: Schema.optionalKey(UInt32),
  network: unsupported("the gateway knows of one network"),
  locality: unsupported("endpoints are not preferred by locality"),
  serviceAccount: unsupported("upstream connections carry no mutual TLS identity")
})

const Spec = Schema.Struct({
  hosts: Schema.Array(HostName).check(
    Schema.makeFilter((hosts) => hosts.length > 0 || "expected at least one host"),
    Schema.makeFilter((hosts) => {
      const index = hosts.indexOf("*")
      return index < 0 || { path: [index], issue: 'Istio allows no service under the host "*"' }
    })
  ),
  ports: Schema.Array(ServicePort).check(
    Schema.makeFilter((ports) => ports.length > 0 || "expected at least one port")
  ),
  /** `NONE`, also when unset, dials the address a client asked for, which a gateway does not have. */
  resolution: Schema.Literals(["STATIC", "DNS", "DNS_ROUND_ROBIN"])
    .annotate({ message: "expected STATIC, DNS or DNS_ROUND_ROBIN; the others leave a gateway nothing to dial" })
    .annotateKey({ messageMissingKey: "required: unset means NONE, which leaves a gateway nothing to dial" }),
  endpoints: Schema.optionalKey(Schema.Array(Endpoint)),
  /** It decides about mutual TLS in a mesh, which this gateway does not speak. */
  location: Schema.optionalKey(Schema.Literals(["MESH_EXTERNAL", "MESH_INTERNAL"])),
  /** Addresses that sidecars intercept; a gateway intercepts nothing. */
  addresses: informational,
  exportTo: Schema.optionalKey(ExportTo),
  workloadSelector: unsupported("there are no workloads to select; list the endpoints"),
  subjectAltNames: unsupported("upstream connections are plain text")
}).check(
  Schema.makeFilter(({ ports }) =>
    duplicatesOf(
      ports.map((port) => port.number),
      "number"
    )
  ),
  Schema.makeFilter(({ ports }) =>
    duplicatesOf(
      ports.map((port) => port.name),
      "name"
    )
  ),
  Schema.makeFilter(({ endpoints = [], ports }) =>
    endpoints.flatMap((endpoint, index) =>
      Object.keys(endpoint.ports ?? {})
        .filter((name) => !ports.some((port) => port.name === name))
        .map((name) => ({
          path: ["endpoints", index, "ports", name],
          issue: `the service has no port of this name; it has ${ports.map((port) => port.name).join(", ")}`
        }))
    )
  ),
  Schema.makeFilter(({ endpoints = [], resolution }) =>
    endpoints.flatMap((endpoint, index) =>
      resolution !== "STATIC" || isIP(endpoint.address) !== 0
        ? []
        : [{ path: ["endpoints", index, "address"], issue: "with resolution STATIC an address is an IP address" }]
    )
  ),
  Schema.makeFilter(({ endpoints = [], resolution }) =>
    resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1
      ? { path: ["endpoints"], issue: "with resolution DNS_ROUND_ROBIN there is at most one endpoint" }
      : undefined
  ),
  Schema.makeFilter(({ endpoints = [], hosts, resolution }) =>
    resolution === "STATIC" || endpoints.length > 0
      ? []
      : hosts.flatMap((host, index) =>
          isDomainName(host)
            ? []
            : [{ path: ["hosts", index], issue: "without endpoints, DNS needs a host name without a wildcard" }]
        )
  )
)

const duplicatesOf = (values: ReadonlyArray<string | number>, key: string) =>
  values.flatMap((value, index) =>
    values.indexOf(value) === index
      ? []
      : [{ path: ["ports", index, key], issue: "another port of the service has it" }]
  )

export const ServiceEntry = resource(Spec)

export type ServiceEntrySpec = typeof Spec.Type
