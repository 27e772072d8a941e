/**
 * The worlds that can be simulated: how each makes a script from a seed, runs it, and makes it plainer.
 */
import { type ClientScript, generate as generateClient, plainer as plainerClient } from "./client/ClientScript.ts"
import { runClientScript } from "./client/ClientWorld.ts"
import { generate as generatePool } from "./pool/generate.ts"
import type { PoolScript } from "./pool/PoolScript.ts"
import { runPoolScript } from "./pool/PoolWorld.ts"
import { plainer as plainerPool } from "./pool/plainer.ts"
import type { RunOptions, RunResult } from "./RunResult.ts"
import {
  generate as generateSequence,
  plainer as plainerSequence,
  type SequenceScript
} from "./sequence/SequenceScript.ts"
import { runSequenceScript } from "./sequence/SequenceWorld.ts"

export type AnyScript = PoolScript | ClientScript | SequenceScript

export const worldNames = ["pool", "client", "sequence"] as const
export type WorldName = (typeof worldNames)[number]

/** An operation of a world and what comes of it takes about this many steps. */
const operationStepCount = { pool: 33, client: 66, sequence: 20 }

export const generateScript = (world: WorldName, seed: number, stepCount: number): AnyScript => {
  const operationCount = Math.floor(stepCount / operationStepCount[world])
  switch (world) {
    case "pool":
      return generatePool(seed, operationCount)
    case "client":
      return generateClient(seed, operationCount)
    case "sequence":
      return generateSequence(seed, operationCount)
  }
}

export const runScript = (script: AnyScript, options: RunOptions = {}): RunResult => {
  switch (script.world) {
    case "pool":
      return runPoolScript(script, options)
    case "client":
      return runClientScript(script, options)
    case "sequence":
      return runSequenceScript(script, options)
  }
}

export const plainerScripts = (script: AnyScript): Iterable<AnyScript> => {
  switch (script.world) {
    case "pool":
      return plainerPool(script)
    case "client":
      return plainerClient(script)
    case "sequence":
      return plainerSequence(script)
  }
}
