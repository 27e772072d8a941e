/**
 * `bun apps/gateway/src/main.bun.ts [flags]`: the gateway on Bun's sockets.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { BunConnector } from "@weir/bun"
import { Effect } from "effect"
import { runCommandLine } from "./GatewayCommand.ts"

process.exitCode = await Effect.runPromise(
  runCommandLine(process.argv.slice(2)).pipe(Effect.provide([BunConnector.layer, NodeServices.layer]))
)
