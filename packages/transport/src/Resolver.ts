/**
 * From a host name to its addresses: the service that a user replaces to decide where names lead.
 *
 * A connector takes, in this order: its option `lookup`, the `Resolver` in the context it is made in, and the system's own
 * resolver. Whichever it is stands behind the connector's `DnsCache`, so it is asked once per name and time to live, and
 * never twice at once for one name.
 */
import { Context, Duration, Effect, Layer } from "effect"
import { type TransportError, transportError } from "./TransportError.ts"

/** What a resolver says of a name. */
export interface Resolution {
  /** IP addresses as text, IPv6 without brackets, the most wanted first. None: the name exists nowhere, or has no address. */
  readonly addresses: ReadonlyArray<string>
  /** How long that holds. Absent: the resolver does not know (getaddrinfo tells nobody), and the cache's own time counts. */
  readonly timeToLive?: Duration.Duration
}

/**
 * Finds the addresses of a host name; it is never asked for an IP address. It fails when it cannot tell, which is not the
 * same as a name without addresses: the latter is believed, the former is not.
 */
export type Lookup = (host: string) => Effect.Effect<Resolution, TransportError>

export class Resolver extends Context.Service<Resolver, { readonly lookup: Lookup }>()("@weir/transport/Resolver") {
  static readonly layer = (lookup: Lookup): Layer.Layer<Resolver> => Layer.succeed(Resolver, Resolver.of({ lookup }))
}

/** A lookup by a promise. The signal is aborted when the answer takes longer than the cache's `lookupTimeout`. */
export const lookupBy =
  (resolve: (host: string, signal: AbortSignal) => Promise<ReadonlyArray<string> | PromisedResolution>): Lookup =>
  (host) =>
    Effect.tryPromise({ try: (signal) => resolve(host, signal), catch: (cause) => lookupFailed(host, cause) }).pipe(
      Effect.map(toResolution)
    )

/** As `Resolution`, in plain numbers. */
export interface PromisedResolution {
  readonly addresses: ReadonlyArray<string>
  readonly timeToLiveMillis?: number
}

const toResolution = (answer: ReadonlyArray<string> | PromisedResolution): Resolution => {
  if (!("addresses" in answer)) return { addresses: answer }
  const { addresses, timeToLiveMillis } = answer
  return timeToLiveMillis === undefined
    ? { addresses }
    : { addresses, timeToLive: Duration.millis(Math.max(0, timeToLiveMillis)) }
}

/** The resolver could not tell. */
export const lookupFailed = (host: string, cause: unknown): TransportError =>
  transportError({
    reason: "DnsFailed",
    phase: "dns",
    address: host,
    detail: `the resolver failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause
  })

const ipv4 = /^\d{1,3}(?:\.\d{1,3}){3}$/

/** The family of an IP address; undefined for what is none. No host name has a colon in it (RFC 1123 section 2.1). */
export const familyOf = (address: string): 4 | 6 | undefined =>
  address.includes(":") ? 6 : ipv4.test(address) ? 4 : undefined
