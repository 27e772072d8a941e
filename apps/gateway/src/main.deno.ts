/**
 * `deno run --allow-all apps/gateway/src/main.deno.ts [flags]`: the gateway on Deno's sockets.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { DenoConnector } from "@weir/deno"
import { Effect } from "effect"
import { runCommandLine } from "./GatewayCommand.ts"

process.exitCode = await Effect.runPromise(
  runCommandLine(process.argv.slice(2)).pipe(Effect.provide([DenoConnector.layer, NodeServices.layer]))
)
