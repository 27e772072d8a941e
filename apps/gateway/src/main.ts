/**
 * `node apps/gateway/src/main.ts [flags]`: the gateway on Node's sockets.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { NodeConnector } from "@weir/node"
import { Effect } from "effect"
import { runCommandLine } from "./GatewayCommand.ts"

process.exitCode = await Effect.runPromise(
  runCommandLine(process.argv.slice(2)).pipe(Effect.provide([NodeConnector.layer, NodeServices.layer]))
)
