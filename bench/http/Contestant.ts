/**
 * A contestant's process, as the benchmark sees it.
 *
 * Each has a process of its own, as in a program that uses one client. In one process they spoil each other's results: what
 * the compiler has learned from one (which classes come by, what can be inlined) slows the next one down, in node:net
 * and in Effect's runtime above all.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { optionValue, runtime } from "../harness.ts"
import { pinned } from "../upstream.ts"
import type { Latencies } from "./openLoop.ts"
import type { Memory, Order, Turn } from "./worker.ts"
import type { WorkName } from "./works.ts"

const worker = fileURLToPath(new URL("worker.ts", import.meta.url))

/** What makes a collection possible, and what each runtime needs to run a TypeScript file. */
const runnerArguments = {
  node: ["--expose-gc"],
  bun: ["--expose-gc", "run"],
  deno: ["run", "--allow-all", "--v8-flags=--expose-gc"]
} as const

/** Its methods fail once its process has ended by itself. */
export interface Contestant {
  readonly name: string
  /** Opens connections for a kind of call, and forgets the last ones. */
  readonly open: (work: WorkName, connectionCount: number) => Promise<unknown>
  readonly run: (count: number) => Promise<Turn>
  readonly openLoop: (ratePerSecond: number, seconds: number) => Promise<Latencies>
  readonly memory: () => Promise<Memory>
  /** Once it has ended, its profile is written. */
  readonly stop: () => Promise<unknown>
}

const command = (args: ReadonlyArray<string>, extra: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  pinned("caller", process.execPath, [...extra, ...runnerArguments[runtime], worker, ...args, ...wire])

const wire = optionValue("--wire") === "memory" ? ["--wire-memory"] : []

/** Bun's `fetch` allows 256 connections in all unless told otherwise. */
const environment = { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "65336" }

export const listWays = (): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    const [program, args] = command(["--list"], [])
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: environment })
    createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)))
  })

/** `profileDirectory`: the process writes a profile of its processor time there when it is stopped. */
export const startContestant = (name: string, port: number, profileDirectory: string | undefined): Contestant => {
  const extra = profileDirectory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`]
  const [program, args] = command([name, String(port)], extra)
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], env: environment })
  const answers = createInterface({ input: child.stdout })
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve))
  // What is written to a process that has just ended is answered by its end.
  child.stdin.on("error", () => {})
  const order = <Answer>(what: Order): Promise<Answer> =>
    new Promise((resolve, reject) => {
      answers.once("line", (line) => resolve(JSON.parse(line)))
      void ended.then((status) => reject(new Error(`its process has ended with status ${status}`)))
      child.stdin.write(`${JSON.stringify(what)}\n`)
    })
  return {
    name,
    open: (work, connectionCount) => order({ _tag: "open", work, connectionCount }),
    run: (count) => order({ _tag: "run", count }),
    openLoop: (ratePerSecond, seconds) => order({ _tag: "open loop", ratePerSecond, seconds }),
    memory: () => order({ _tag: "memory" }),
    stop: () => {
      child.stdin.end()
      return ended
    }
  }
}
