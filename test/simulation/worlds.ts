/**
 * The worlds that can be simulated: how each makes a script from a seed, runs it, and makes it plainer.
 */
import { generate as generatePool } from "./pool/generate.ts"
import type { PoolScript } from "./pool/PoolScript.ts"
import { type RunOptions, type RunResult, runPoolScript } from "./pool/PoolWorld.ts"
import { plainer as plainerPool } from "./pool/plainer.ts"

export type AnyScript = PoolScript

export const worldNames = ["pool"] as const
export type WorldName = (typeof worldNames)[number]

/** An operation of the pool world and what comes of it takes about this many steps. */
const poolStepCount = 33

export const generateScript = (_world: WorldName, seed: number, stepCount: number): AnyScript =>
  generatePool(seed, Math.floor(stepCount / poolStepCount))

export const runScript = (script: AnyScript, options: RunOptions = {}): RunResult => runPoolScript(script, options)

export const plainerScripts = (script: AnyScript): Iterable<AnyScript> => plainerPool(script)
