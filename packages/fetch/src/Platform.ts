/**
 * What this package asks of the runtime it runs on. The conditions of `#platform` in package.json choose the file that
 * answers: `bun`, `deno`, and Node for everybody else.
 */
import type { Connector, ConnectPathOptions } from "@weir/transport"
import type { Effect } from "effect"

export interface Platform {
  /** Connections over the runtime's own sockets. */
  readonly make: (options?: ConnectPathOptions) => Effect.Effect<Connector["Service"]>
  /** Does it look into a `Response` by other ways than its methods, as `Bun.serve` and `Deno.serve` do? */
  readonly looksIntoResponses: boolean
  /** Does it copy `Headers` faster than it appends their fields one by one? */
  readonly copiesHeaders: boolean
}
