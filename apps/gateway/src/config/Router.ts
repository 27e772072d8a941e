/**
 * Which route serves a request, decided from the model alone.
 *
 * As Envoy decides it: the virtual host by the request's `Host` without its port, names before wildcards and the
 * longest wildcard first; in it, the first route with a match.
 */
import type { Destination, GatewayModel, Route, RouteMatch, TextMatch, VirtualHost } from "./GatewayModel.ts"
import { bySpecificity, isWildcard, matchesWildcard } from "./hostName.ts"

/** What of a request its route depends on. */
export interface RoutedRequest {
  /** The `Host` field as sent. */
  readonly authority: string
  readonly method: string
  /** origin-form: the path and, if there is one, `?` and the query (RFC 9112 section 3.2.1). */
  readonly target: string
  /** By name in lower case; several values joined by commas. Undefined: there is no such field. */
  readonly header: (name: string) => string | undefined
}

export interface Routed {
  readonly virtualHost: VirtualHost
  readonly route: Route
  readonly match: RouteMatch
}

export interface Router {
  /** Undefined: no virtual host, or none of its routes, matches; Envoy answers 404 (`NR`). */
  readonly route: (request: RoutedRequest) => Routed | undefined
}

export const makeRouter = (model: GatewayModel): Router => {
  const byDomain = new Map(
    model.virtualHosts.flatMap((virtualHost) => virtualHost.domains.map((domain) => [domain, virtualHost] as const))
  )
  const wildcards = [...byDomain.keys()].filter(isWildcard).sort(bySpecificity)
  const virtualHostOf = (domain: string): VirtualHost | undefined => {
    const named = byDomain.get(domain)
    if (named !== undefined) return named
    const wildcard = wildcards.find((candidate) => matchesWildcard(candidate, domain))
    return wildcard === undefined ? undefined : byDomain.get(wildcard)
  }
  return {
    route: (request) => {
      const virtualHost = virtualHostOf(domainOf(request.authority))
      if (virtualHost === undefined) return undefined
      const path = pathOf(request.target)
      for (const route of virtualHost.routes) {
        const match = route.matches.find((candidate) => matches(candidate, request, path))
        if (match !== undefined) return { virtualHost, route, match }
      }
      return undefined
    }
  }
}

/** The target to send to the endpoint: the matched part of the path replaced, the query kept. */
export const rewriteTarget = ({ match, route }: Routed, target: string): string =>
  route.rewriteUri === undefined ? target : route.rewriteUri + target.slice(match.uri.value.length)

/** The destination whose share of the weights `unit`, a random number from 0 up to but not including 1, falls into. */
export const pickDestination = (destinations: ReadonlyArray<Destination>, unit: number): Destination | undefined => {
  let rest = unit * destinations.reduce((sum, { weight }) => sum + weight, 0)
  for (const destination of destinations) {
    rest -= destination.weight
    if (rest < 0) return destination
  }
  return undefined
}

/** In lower case, without the port and the dot of an absolute name; an IPv6 literal without its brackets. */
const domainOf = (authority: string): string => {
  const bracket = authority.startsWith("[") ? authority.indexOf("]") : -1
  if (bracket > 0) return authority.slice(1, bracket).toLowerCase()
  const colon = authority.indexOf(":")
  const host = colon < 0 ? authority : authority.slice(0, colon)
  return (host.endsWith(".") ? host.slice(0, -1) : host).toLowerCase()
}

const pathOf = (target: string): string => {
  const query = target.indexOf("?")
  return query < 0 ? target : target.slice(0, query)
}

const matches = (match: RouteMatch, request: RoutedRequest, path: string): boolean =>
  matchesUri(match, path) &&
  (match.method === undefined || matchesText(match.method, request.method)) &&
  (match.authority === undefined || matchesText(match.authority, request.authority)) &&
  match.headers.every(({ name, value }) => {
    const field = request.header(name)
    return field !== undefined && matchesText(value, field)
  })

const matchesUri = ({ ignoresUriCase, uri }: RouteMatch, path: string): boolean => {
  const [wanted, given] = ignoresUriCase ? [uri.value.toLowerCase(), path.toLowerCase()] : [uri.value, path]
  return uri._tag === "exact" ? given === wanted : given.startsWith(wanted)
}

const matchesText = (match: TextMatch, text: string): boolean => {
  switch (match._tag) {
    case "present":
      return true
    case "exact":
      return text === match.value
    case "prefix":
      return text.startsWith(match.value)
  }
}
