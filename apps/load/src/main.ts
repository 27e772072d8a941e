/**
 * `node apps/load/src/main.ts [flags] url`: the load generator on Node's sockets.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { NodeConnector } from "@weir/node"
import { Effect } from "effect"
import { runCommandLine } from "./LoadCommand.ts"

process.exitCode = await Effect.runPromise(
  runCommandLine(process.argv.slice(2)).pipe(Effect.provide([NodeConnector.layer, NodeServices.layer]))
)
