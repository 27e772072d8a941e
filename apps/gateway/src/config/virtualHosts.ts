/**
 * The VirtualServices as virtual hosts, with every destination resolved to its cluster.
 */
import { didYouMean } from "@weir/core"
import { clusterId } from "./clusters.ts"
import type { RuleOf } from "./destinationRules.ts"
import { type FieldPath, type Finding, formatPath } from "./Finding.ts"
import {
  type Destination,
  istioDefault,
  type Limit,
  type RetryPolicy,
  type Route,
  type RouteMatch,
  type Setting,
  type TextMatch,
  type VirtualHost
} from "./GatewayModel.ts"
import { canonicalHost, domainsOf } from "./hostName.ts"
import { unhonoured } from "./istio/Support.ts"
import {
  type HttpRouteSpec,
  isRetryCondition,
  type MatchSpec,
  type RetryCondition,
  type StringMatchSpec,
  splitRetryOn,
  type VirtualServiceSpec
} from "./istio/VirtualService.ts"
import type { Resource } from "./readResources.ts"
import { type Service, type Services, unknownHost } from "./services.ts"

type VirtualServiceResource = Resource<VirtualServiceSpec>

export const buildVirtualHosts = (
  virtualServices: ReadonlyArray<VirtualServiceResource>,
  services: Services,
  ruleOf: RuleOf
): { readonly virtualHosts: ReadonlyArray<VirtualHost>; readonly findings: ReadonlyArray<Finding> } => {
  const findings: Array<Finding> = []
  const owners = new Map<string, Owner>()
  const virtualHosts = virtualServices.map((virtualService): VirtualHost => {
    const rules = virtualService.spec.http ?? []
    if (rules.length === 0) findings.push(withoutHttp(virtualService))
    return {
      name: virtualService.name,
      source: virtualService.sourceOf([]),
      domains: claimDomains(virtualService, owners, findings),
      routes: rules.flatMap((http, index) =>
        routeOf(virtualService, http, ["spec", "http", index], { services, ruleOf, findings })
      )
    }
  })
  return { virtualHosts, findings }
}

const withoutHttp = (virtualService: VirtualServiceResource): Finding => ({
  reason: "Unsupported",
  weight: "ignorable",
  place: virtualService.placeOf(["spec"]),
  path: ["spec", "http"],
  message: "missing: the gateway routes HTTP only, and this VirtualService has no rules for it"
})

interface Owner {
  readonly virtualService: VirtualServiceResource
  readonly path: FieldPath
}

/** Istio would join the rules of two VirtualServices for one host, in an order nobody wrote down. */
const claimDomains = (
  virtualService: VirtualServiceResource,
  owners: Map<string, Owner>,
  findings: Array<Finding>
): ReadonlyArray<string> =>
  virtualService.spec.hosts.flatMap((host, index) => {
    const path = ["spec", "hosts", index]
    return domainsOf(host, virtualService.namespace).filter((domain) => {
      const owner = owners.get(domain)
      if (owner === undefined) {
        owners.set(domain, { virtualService, path })
        return true
      }
      // One VirtualService may list several forms of a name: its rules are the same for all of them.
      if (owner.virtualService === virtualService) return false
      const other = owner.virtualService.sourceOf(owner.path)
      const message = `${domain} is already routed by ${other}; put the rules into one VirtualService, in order`
      findings.push({ reason: "Duplicate", weight: "error", place: virtualService.placeOf(path), path, message })
      return false
    })
  })

interface Resolution {
  readonly services: Services
  readonly ruleOf: RuleOf
  readonly findings: Array<Finding>
}

/** None where every match entry was left out: the rule matched nothing else. */
const routeOf = (
  virtualService: VirtualServiceResource,
  http: HttpRouteSpec,
  path: FieldPath,
  resolution: Resolution
): ReadonlyArray<Route> => {
  const entries = http.match ?? []
  const matches = entries.length === 0 ? [matchAll] : entries.flatMap(matchOf)
  const destinations = destinationsOf(virtualService, http, [...path, "route"], resolution)
  if (matches.length === 0) return []
  const { name = "", rewrite, timeout } = http
  return [
    {
      name: name === "" ? formatPath(path) : name,
      source: virtualService.sourceOf(path),
      matches,
      destinations,
      timeoutMillis:
        timeout === undefined
          ? { value: "unlimited", source: istioDefault }
          : { value: timeout, source: virtualService.sourceOf([...path, "timeout"]) },
      retries: retriesOf(http, (key) => virtualService.sourceOf([...path, "retries", key])),
      rewriteUri: rewrite?.uri,
      rewriteAuthority: rewrite?.authority
    }
  ]
}

const matchAll: RouteMatch = {
  name: undefined,
  uri: { _tag: "prefix", value: "/" },
  ignoresUriCase: false,
  method: undefined,
  authority: undefined,
  headers: []
}

/** None if the entry has a condition that cannot be honoured: without it, the entry would match too much. */
const matchOf = (spec: MatchSpec): ReadonlyArray<RouteMatch> => {
  const { authority, headers = {}, ignoreUriCase = false, method, name, uri } = spec
  const conditions = [spec, uri, method, authority, ...Object.values(headers)]
  if (conditions.some((condition) => condition?.[unhonoured] === true)) return []
  const path = uri && textMatch(uri)
  return [
    {
      name,
      uri: path === undefined || path._tag === "present" ? matchAll.uri : path,
      ignoresUriCase: ignoreUriCase,
      method: method && textMatch(method),
      authority: authority && textMatch(authority),
      headers: Object.entries(headers).map(([field, value]) => ({ name: field.toLowerCase(), value: textMatch(value) }))
    }
  ]
}

const textMatch = ({ exact, prefix }: StringMatchSpec): TextMatch => {
  if (exact !== undefined) return { _tag: "exact", value: exact }
  return prefix === undefined ? { _tag: "present" } : { _tag: "prefix", value: prefix }
}

/** Istio's default, and what it keeps of it when only some of it is set (its pilot/pkg/networking/core/route/retry). */
const defaultAttemptCount = 2
const defaultConditions: ReadonlyArray<RetryCondition> = [
  "connect-failure",
  "refused-stream",
  "unavailable",
  "cancelled",
  "retriable-status-codes"
]

const retriesOf = ({ retries }: HttpRouteSpec, sourceOf: (key: string) => string): RetryPolicy => {
  const { attempts = 0, perTryTimeout, retryOn = "" } = retries ?? { attempts: defaultAttemptCount }
  const parts = splitRetryOn(retryOn)
  const statusCodes = parts.filter((part) => !isRetryCondition(part)).map(Number)
  const named = new Set(parts.filter(isRetryCondition))
  if (statusCodes.length > 0) named.add("retriable-status-codes")
  return {
    attemptCountMax: { value: attempts, source: retries === undefined ? istioDefault : sourceOf("attempts") },
    perTryMillis:
      perTryTimeout === undefined
        ? ({ value: "unlimited", source: istioDefault } satisfies Setting<Limit>)
        : { value: perTryTimeout, source: sourceOf("perTryTimeout") },
    conditions:
      parts.length === 0
        ? { value: defaultConditions, source: istioDefault }
        : { value: [...named], source: sourceOf("retryOn") },
    statusCodes
  }
}

/** A single destination gets everything, whatever its weight; of several, those of weight 0 get nothing. */
const destinationsOf = (
  virtualService: VirtualServiceResource,
  http: HttpRouteSpec,
  path: FieldPath,
  resolution: Resolution
): ReadonlyArray<Destination> => {
  const route = http.route ?? []
  return route.flatMap((entry, index) => {
    const resolved = resolveDestination(virtualService, entry.destination, [...path, index, "destination"], resolution)
    const weight = route.length === 1 ? 1 : (entry.weight ?? 0)
    return resolved === undefined || weight === 0 ? [] : [{ clusterId: resolved, weight }]
  })
}

const resolveDestination = (
  virtualService: VirtualServiceResource,
  destination: NonNullable<HttpRouteSpec["route"]>[number]["destination"],
  path: FieldPath,
  { findings, ruleOf, services }: Resolution
): string | undefined => {
  const { host, subset } = destination
  const report = (reason: Finding["reason"], below: FieldPath, message: string): undefined => {
    const full = [...path, ...below]
    findings.push({ reason, weight: "error", place: virtualService.placeOf(full), path: full, message })
  }
  const service = services.get(canonicalHost(host, virtualService.namespace))
  if (service === undefined) {
    return report("UnresolvedReference", ["host"], unknownHost(host, virtualService.namespace, services))
  }
  const { subsets } = ruleOf(service)
  if (subset !== undefined && !subsets.has(subset)) {
    const message = `no DestinationRule for ${host} has a subset ${subset}${didYouMean(subset, subsets.keys())}`
    return report("UnresolvedReference", ["subset"], message)
  }
  const port = portOf(service, destination.port?.number)
  if (port === undefined) {
    const ports = service.ports.map(({ number }) => number).join(", ")
    return destination.port === undefined
      ? report("UnresolvedReference", ["port"], `${host} has several ports, ${ports}; say which`)
      : report(
          "UnresolvedReference",
          ["port", "number"],
          `${host} has no port ${destination.port.number}; it has ${ports}`
        )
  }
  if (!port.isHttp1) {
    const message = `port ${port.number} of ${host} speaks ${port.protocol} (${port.source}); the gateway speaks plain HTTP/1.1 to endpoints`
    return report("Unsupported", destination.port === undefined ? ["host"] : ["port", "number"], message)
  }
  return clusterId(service, subset, port.number)
}

const portOf = (service: Service, number: number | undefined): Service["ports"][number] | undefined =>
  number === undefined
    ? service.ports.length === 1
      ? service.ports[0]
      : undefined
    : service.ports.find((port) => port.number === number)
