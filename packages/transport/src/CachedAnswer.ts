/**
 * What a DNS cache knows of one name, and what a look-up makes of it: pure, times in milliseconds on one clock.
 */
import { Duration } from "effect"
import { familyOf, type Resolution } from "./Resolver.ts"
import { type TransportError, transportError } from "./TransportError.ts"

/** How long answers of a resolver count. */
export interface DnsCacheOptions {
  /**
   * How long an answer counts whose resolver tells no time to live. Default 30 seconds (the JDK's
   * `networkaddress.cache.ttl`, Bun's cache). 0: each connect asks anew.
   */
  readonly timeToLive?: Duration.Input
  /**
   * Bounds on a time to live that the resolver does tell. Defaults 5 seconds and 1 hour (CoreDNS's `cache`). A minimum of
   * 0 takes records literally that are not to be kept.
   */
  readonly timeToLiveMin?: Duration.Input
  readonly timeToLiveMax?: Duration.Input
  /** How long "no address" counts, where the resolver tells no time. Default 10 seconds (the JDK's `…cache.negative.ttl`). */
  readonly negativeTimeToLive?: Duration.Input
  /**
   * How long nobody is asked again after a look-up that failed; meanwhile the last good answer is used, or the failure
   * told. Default 5 seconds (Envoy's `dns_refresh_rate`, which its `dns_failure_refresh_rate` is by default).
   */
  readonly failureTimeToLive?: Duration.Input
  /**
   * For how long after its time to live the last good answer is still used while look-ups fail. Default 1 day, the lower
   * end of what RFC 8767 section 5 suggests. 0: never.
   */
  readonly staleMax?: Duration.Input
  /** A look-up that takes longer has failed. Default 30 seconds: resolv.conf(5)'s 5 seconds, twice, for three servers. */
  readonly lookupTimeout?: Duration.Input
  /**
   * Names kept besides those with watched connections; beyond that the one used longest ago goes. Default 1024 (Envoy's
   * `max_hosts`).
   */
  readonly nameCountMax?: number
  /**
   * How long an address has to be missing from a name's answers before its connections are told. Default 0: from the first
   * answer without it. More, or `"never"`, suits names whose answers are changing samples of many addresses.
   */
  readonly withdrawAfter?: Duration.Input | "never"
}

export interface DnsSettings {
  readonly timeToLiveMillis: number
  readonly timeToLiveMillisMin: number
  readonly timeToLiveMillisMax: number
  readonly negativeMillis: number
  readonly failureMillis: number
  readonly staleMillisMax: number
  readonly lookupMillisMax: number
  readonly nameCountMax: number
  readonly withdrawAfterMillis: number
}

/** Throws a `RangeError` that says which option is out of its bounds. */
export const dnsSettings = (options: DnsCacheOptions = {}): DnsSettings => {
  const { nameCountMax = 1024, withdrawAfter = 0 } = options
  if (!(Number.isInteger(nameCountMax) && nameCountMax >= 1)) {
    throw new RangeError(`nameCountMax is ${nameCountMax}, not a whole number from 1`)
  }
  const settings = {
    timeToLiveMillis: millisOf(options.timeToLive ?? "30 seconds"),
    timeToLiveMillisMin: millisOf(options.timeToLiveMin ?? "5 seconds"),
    timeToLiveMillisMax: millisOf(options.timeToLiveMax ?? "1 hour"),
    negativeMillis: millisOf(options.negativeTimeToLive ?? "10 seconds"),
    failureMillis: millisOf(options.failureTimeToLive ?? "5 seconds"),
    staleMillisMax: millisOf(options.staleMax ?? "1 day"),
    lookupMillisMax: millisOf(options.lookupTimeout ?? "30 seconds"),
    nameCountMax,
    withdrawAfterMillis: withdrawAfter === "never" ? Number.POSITIVE_INFINITY : millisOf(withdrawAfter)
  }
  if (settings.timeToLiveMillisMin > settings.timeToLiveMillisMax) {
    const { timeToLiveMillisMax, timeToLiveMillisMin } = settings
    throw new RangeError(`timeToLiveMin is ${timeToLiveMillisMin} ms, above timeToLiveMax of ${timeToLiveMillisMax} ms`)
  }
  return settings
}

const millisOf = (duration: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

export type CachedAnswer =
  /** To be used until `untilMillis`, and for want of a better one until `staleUntilMillis`. */
  | {
      readonly _tag: "Addresses"
      readonly addresses: ReadonlyArray<string>
      /** The look-up after it has failed. */
      readonly isStale: boolean
      readonly untilMillis: number
      readonly staleUntilMillis: number
    }
  /** The resolver says that there is none, or could not tell. */
  | { readonly _tag: "Failure"; readonly error: TransportError; readonly untilMillis: number }

/** The look-up has ended. A failure leaves a good answer in use, for as long as stale answers may be used. */
export const afterLookup = (
  host: string,
  previous: CachedAnswer | undefined,
  found: Resolution | TransportError,
  nowMillis: number,
  settings: DnsSettings
): CachedAnswer => {
  if ("addresses" in found) {
    const stray = found.addresses.find((address) => familyOf(address) === undefined)
    return stray === undefined ? answered(host, found, nowMillis, settings) : failed(notAnAddress(host, stray))
  }
  return failed(found)

  function failed(error: TransportError): CachedAnswer {
    const untilMillis = nowMillis + settings.failureMillis
    return previous?._tag === "Addresses" && nowMillis < previous.staleUntilMillis
      ? { ...previous, isStale: true, untilMillis: Math.min(untilMillis, previous.staleUntilMillis) }
      : { _tag: "Failure", error, untilMillis }
  }
}

const answered = (host: string, found: Resolution, nowMillis: number, settings: DnsSettings): CachedAnswer => {
  const { timeToLiveMillisMax, timeToLiveMillisMin } = settings
  const addresses = [...new Set(found.addresses)]
  const isNone = addresses.length === 0
  const heldMillis =
    found.timeToLive === undefined
      ? isNone
        ? settings.negativeMillis
        : settings.timeToLiveMillis
      : Math.min(Math.max(Duration.toMillis(found.timeToLive), timeToLiveMillisMin), timeToLiveMillisMax)
  const untilMillis = nowMillis + heldMillis
  if (isNone) return { _tag: "Failure", error: noAddress(host), untilMillis }
  const staleUntilMillis = untilMillis + settings.staleMillisMax
  return { _tag: "Addresses", addresses, isStale: false, untilMillis, staleUntilMillis }
}

const noAddress = (host: string): TransportError =>
  transportError({
    reason: "DnsFailed",
    phase: "dns",
    address: host,
    code: "ENOTFOUND",
    detail: "the name has no address"
  })

/** The look-up was given up. */
export const tooSlow = (host: string, lookupMillisMax: number): TransportError =>
  transportError({
    reason: "DnsFailed",
    phase: "dns",
    address: host,
    code: "ETIMEOUT",
    detail: `the resolver has not answered within ${lookupMillisMax} ms (lookupTimeout)`
  })

const notAnAddress = (host: string, text: string): TransportError =>
  transportError({
    reason: "DnsFailed",
    phase: "dns",
    address: host,
    detail: `the resolver answered with "${text}", which is no IP address`
  })
