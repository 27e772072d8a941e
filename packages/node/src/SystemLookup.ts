/**
 * The system's resolver, as every program on the machine asks it: `getaddrinfo`, so that /etc/hosts, search domains and
 * the order of RFC 6724 count. It tells no time to live.
 */
import dns from "node:dns"
import type { ConnectPhase, Lookup, Resolution, TransportError } from "@weir/transport"
import { Effect } from "effect"

/** How a runtime's layer says what an error means. */
export type ReadError = (cause: unknown, phase: ConnectPhase, address: string) => TransportError

/** An interrupted look-up goes on in the system, which cannot give it up, and its answer is dropped. */
export const systemLookup =
  (readError: ReadError): Lookup =>
  (host) =>
    Effect.callback<Resolution, TransportError>((resume) => {
      try {
        dns.lookup(host, { all: true }, (error, addresses) => {
          if (error === null) resume(Effect.succeed({ addresses: addresses.map(({ address }) => address) }))
          else if (error.code === "ENOTFOUND") resume(Effect.succeed({ addresses: [] }))
          else resume(Effect.fail(readError(error, "dns", host)))
        })
      } catch (cause) {
        // A permission that is missing, on Deno; a name that no resolver takes.
        resume(Effect.fail(readError(cause, "dns", host)))
      }
    })
