/**
 * What this package asks of the runtime it runs on: connections over the runtime's own sockets. The conditions of
 * `#platform` in package.json choose the file that answers: `bun`, `deno`, and Node for everybody else.
 */
import type { Connector, ConnectPathOptions } from "@weir/transport"
import type { Effect } from "effect"

export interface Platform {
  readonly make: (options?: ConnectPathOptions) => Effect.Effect<Connector["Service"]>
}
