/**
 * Where a gateway can be reached, for people.
 */
import { Target } from "@weir/transport"
import type { Gateway, GatewayOptions } from "./Gateway.ts"
import type { Listener } from "./Listener.ts"

export const urlOf = ({ host, port }: Listener): string => `http://${Target.formatAddress(Target.tcp(host, port))}/`

/** A line for each listener, which says so if it is not at the port that was wanted. */
export const whereabouts = ({ admin, listener }: Gateway, wanted: GatewayOptions): ReadonlyArray<string> => {
  const line = (name: string, at: Listener, wantedPort: number): string => {
    const moved = at.port === wantedPort || wantedPort === 0 ? "" : `  (${wantedPort} is in use)`
    return `${name}${urlOf(at)}${moved}`
  }
  return [line("gateway    ", listener, wanted.port), line("admin      ", admin, wanted.adminPort)]
}
