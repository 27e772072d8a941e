/**
 * Runs a trial in a process of its own, in a network of its own where that can be.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { EndingsOptions, EndingsResult } from "./Endings.ts"
import type { OverloadOptions, OverloadResult } from "./Overload.ts"
import { ownNetworkWords } from "./OwnNetwork.ts"
import type { Trial, TrialOptions } from "./Trial.ts"

/** What there is to be tried, by name: what it takes and what it gives. */
export interface Trials {
  readonly storm: { readonly options: TrialOptions; readonly result: Trial }
  readonly overload: { readonly options: OverloadOptions; readonly result: OverloadResult }
  readonly endings: { readonly options: EndingsOptions; readonly result: EndingsResult }
}

/** What TrialProcess.ts is started with. */
export type TrialOrder = {
  [Name in keyof Trials]: {
    readonly name: Name
    readonly options: Trials[Name]["options"]
    readonly hasNetwork: boolean
  }
}[keyof Trials]

const networkWords = ownNetworkWords()

/** What cannot be tried on this machine, and why. */
export const untried: ReadonlyArray<string> =
  networkWords === undefined
    ? [
        "no black holes: they need Linux, unshare(1), nsenter(1) and ip(8), and root or the right to be root of a user namespace"
      ]
    : []

export const inOwnNetwork = async <Name extends keyof Trials>(
  name: Name,
  options: Trials[Name]["options"]
): Promise<Trials[Name]["result"]> => {
  const script = fileURLToPath(new URL("TrialProcess.ts", import.meta.url))
  const order = JSON.stringify({ name, options, hasNetwork: networkWords !== undefined })
  const [program = "", ...words] = [...(networkWords ?? []), process.execPath, script, order]
  // Its standard input ends with this process, and it with that.
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] })
  let printed = ""
  child.stdout.on("data", (piece: Buffer) => {
    printed += piece.toString()
  })
  const [status] = await once(child, "close")
  if (status !== 0) throw new Error(`the trial ${order} ended with status ${status}`)
  return JSON.parse(printed)
}
