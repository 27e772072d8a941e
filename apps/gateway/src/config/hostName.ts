/**
 * How a host is named, and found under its other names.
 *
 * Istio completes a name without a dot by the namespace it stands in (`ResolveShortnameToFQDN` in its pilot/pkg/model).
 */
import { isIP } from "node:net"

const clusterSuffix = ".svc.cluster.local"

/** The one form in which two names of the same host are equal. */
export const canonicalHost = (host: string, namespace: string): string => {
  const name = host.toLowerCase().replace(/\.$/, "")
  return name === "*" || name.includes(".") || isIP(name) !== 0 ? name : `${name}.${namespace}${clusterSuffix}`
}

/** What a request's `Host` may say to reach a host written like this, without the port. */
export const domainsOf = (host: string, namespace: string): ReadonlyArray<string> => {
  const name = host.toLowerCase().replace(/\.$/, "")
  const canonical = canonicalHost(host, namespace)
  if (!canonical.endsWith(clusterSuffix) || canonical.startsWith("*")) return [canonical]
  const qualified = canonical.slice(0, -clusterSuffix.length)
  return [...new Set([name, qualified, `${qualified}.svc`, canonical])]
}

export const isWildcard = (host: string): boolean => host.startsWith("*")

/**
 * Whether `host` is among the names that `wildcard` stands for. A `*` stands for at least one character; alone it
 * stands for all, also for a request that names no host.
 */
export const matchesWildcard = (wildcard: string, host: string): boolean =>
  wildcard === "*" || (host.length >= wildcard.length && host.endsWith(wildcard.slice(1)))

/** Wildcards from the most to the least specific: the longest first. */
export const bySpecificity = (left: string, right: string): number => right.length - left.length
