/**
 * The program that Connect.test.ts runs without the permission to use the network: it connects to an address and to a name,
 * and prints what came of each.
 */
import { DenoConnector } from "@weir/deno"
import { Target } from "@weir/transport"
import { Effect } from "effect"

const connector = await Effect.runPromise(DenoConnector.make())
for (const host of ["127.0.0.1", "localhost"]) {
  const error = await Effect.runPromise(Effect.flip(connector.connect({ address: Target.tcp(host, 1) })))
  console.log(error.reason, error.message)
}
