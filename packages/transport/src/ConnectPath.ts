/**
 * What all connects of a connector share on the way from a name to an open connection: its memory of names, and how
 * several addresses of one are tried.
 */
import { type Clock, Effect, Option } from "effect"
import type { DnsCacheOptions } from "./CachedAnswer.ts"
import type { Connection } from "./Connection.ts"
import { type DialSettings, dialSettings, type HappyEyeballsOptions } from "./DialPlan.ts"
import { race } from "./DialRace.ts"
import { type DnsCache, makeDnsCache } from "./DnsCache.ts"
import { familyOf, type Lookup, Resolver } from "./Resolver.ts"
import { formatAddress, type TcpAddress, tcp } from "./Target.ts"
import { type TransportError, transportError } from "./TransportError.ts"

/** The options that the connectors of all runtimes have. */
export interface ConnectPathOptions {
  /**
   * Finds the addresses of names. Default: that of the `Resolver` in the context; without one the system's, as
   * getaddrinfo gives them, /etc/hosts included.
   */
  readonly lookup?: Lookup
  /** How long what it finds is kept. */
  readonly dns?: DnsCacheOptions
  /** How the addresses of a name that has several are tried. */
  readonly happyEyeballs?: HappyEyeballsOptions
}

export interface ConnectPath {
  readonly names: DnsCache
  readonly dialSettings: DialSettings
}

/** An option out of its bounds is a defect, a `RangeError` that names it. */
export const makeConnectPath = (
  options: ConnectPathOptions,
  systemLookup: Lookup,
  backgroundClock: Clock.Clock
): Effect.Effect<ConnectPath> =>
  Effect.gen(function* () {
    const resolver = yield* Effect.serviceOption(Resolver)
    const lookup = options.lookup ?? Option.getOrUndefined(resolver)?.lookup ?? systemLookup
    const settings = yield* Effect.sync(() => dialSettings(options.happyEyeballs))
    return { names: yield* makeDnsCache(lookup, options.dns, backgroundClock), dialSettings: settings }
  })

/** What a connector has to tell of a connect to a name. */
export interface Reach<A> {
  readonly address: TcpAddress
  /** The local address to connect from: only addresses of its family are tried. */
  readonly localAddress: string | undefined
  /** The addresses are known, and phase tcp begins. */
  readonly onResolved: () => void
  /**
   * Opens something to an IP address, which errors call `label`. Interrupted, it has closed what it opened when the
   * interruption returns.
   */
  readonly attempt: (ip: string, label: string) => Effect.Effect<A, TransportError>
  readonly discard: (opened: A) => Effect.Effect<void>
}

/** Resolves a name, and opens what opens first of its addresses. */
export const reach = <A>(path: ConnectPath, options: Reach<A>): Effect.Effect<A, TransportError> =>
  Effect.matchEffect(path.names.resolve(options.address.host), {
    // The cache knows names only; whoever connects reads where to.
    onFailure: (error) => Effect.fail(transportError({ ...error, address: formatAddress(options.address) })),
    onSuccess: (found) => {
      const { address, discard, localAddress } = options
      const name = formatAddress(address)
      const family = localAddress === undefined ? undefined : familyOf(localAddress)
      const addresses = family === undefined ? found : found.filter((ip) => familyOf(ip) === family)
      if (addresses.length === 0) return Effect.fail(noneOfFamily(name, found, localAddress))
      options.onResolved()
      const [only, ...others] = addresses
      if (only !== undefined && others.length === 0) return options.attempt(only, name)
      const attempt = (ip: string) => options.attempt(ip, formatAddress(tcp(ip, address.port)))
      return race({ addresses, settings: path.dialSettings, attempt, discard, name })
    }
  })

/** `Connector.watch` of a connector with this path. */
export const watchName =
  (path: ConnectPath) =>
  ({ info }: Connection, onWithdrawn: () => void): (() => void) =>
    info.resolvedFrom === undefined ? () => {} : path.names.watch(info.resolvedFrom, info.remoteAddress, onWithdrawn)

const noneOfFamily = (address: string, found: ReadonlyArray<string>, localAddress: string | undefined) =>
  transportError({
    reason: "DnsFailed",
    phase: "dns",
    address,
    code: "ENOTFOUND",
    detail: `none of the name's addresses (${found.join(", ")}) can be reached from the local address ${localAddress}`
  })
