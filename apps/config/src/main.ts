#!/usr/bin/env node
/**
 * `weir-config file`: what the pool settings of another system mean here.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { runCommandLine } from "./ConfigCommand.ts"

process.exitCode = await Effect.runPromise(
  runCommandLine(process.argv.slice(2)).pipe(Effect.provide(NodeServices.layer))
)
