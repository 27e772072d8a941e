/**
 * The worlds that can be simulated: how each makes a script from a seed, runs it, and makes it plainer.
 */
import { type ClientScript, generate as generateClient, plainer as plainerClient } from "./client/ClientScript.ts"
import { runClientScript } from "./client/ClientWorld.ts"
import { generate as generatePool } from "./pool/generate.ts"
import type { PoolScript } from "./pool/PoolScript.ts"
import { type RunOptions, type RunResult, runPoolScript } from "./pool/PoolWorld.ts"
import { plainer as plainerPool } from "./pool/plainer.ts"

export type AnyScript = PoolScript | ClientScript

export const worldNames = ["pool", "client"] as const
export type WorldName = (typeof worldNames)[number]

/** An operation of a world and what comes of it takes about this many steps. */
const operationStepCount = { pool: 33, client: 66 }

export const generateScript = (world: WorldName, seed: number, stepCount: number): AnyScript => {
  const operationCount = Math.floor(stepCount / operationStepCount[world])
  return world === "pool" ? generatePool(seed, operationCount) : generateClient(seed, operationCount)
}

export const runScript = (script: AnyScript, options: RunOptions = {}): RunResult =>
  script.world === "pool" ? runPoolScript(script, options) : runClientScript(script, options)

export const plainerScripts = (script: AnyScript): Iterable<AnyScript> =>
  script.world === "pool" ? plainerPool(script) : plainerClient(script)
