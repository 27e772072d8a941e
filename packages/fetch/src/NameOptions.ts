/**
 * How the client gets from a host name to an address, in promises.
 */
import { type Connector, type ConnectPathOptions, lookupBy, type PromisedResolution } from "@weir/transport"
import { Cause, Effect } from "effect"
import type { Platform } from "./Platform.ts"
import { WeirError } from "./WeirError.ts"

export interface NameOptions extends Omit<ConnectPathOptions, "lookup"> {
  /**
   * The IP addresses of a host name, the most wanted first, and for how long, if that is known. None: the name has no
   * address. A rejection: nobody can tell now, and addresses known from before are used. The signal is aborted after
   * `dns.lookupTimeout`. Default: the system's resolver (`getaddrinfo`).
   */
  readonly lookup?: (host: string, signal: AbortSignal) => Promise<ReadonlyArray<string> | PromisedResolution>
}

/** The runtime's connector with these options; one out of its bounds is a `WeirError` with code `WEIR_CONFIG`. */
export const connectorWith = (
  platform: Platform,
  { lookup, ...options }: NameOptions
): Effect.Effect<Connector["Service"], WeirError> =>
  Effect.catchCause(
    platform.make(lookup === undefined ? options : { ...options, lookup: lookupBy(lookup) }),
    (cause) => {
      const defect = Cause.squash(cause)
      return defect instanceof RangeError
        ? Effect.fail(new WeirError("WEIR_CONFIG", `names: ${defect.message}`))
        : Effect.failCause(cause)
    }
  )
