/**
 * A contestant in a process of its own: `worker.ts NAME PORT`. It does what it is told, a line of JSON each, and answers
 * with another.
 */
import { createInterface } from "node:readline"
import { bareSockets } from "./bareSockets.ts"
import type { Caller } from "./Caller.ts"
import { openLoop } from "./openLoop.ts"
import { peers } from "./peers.ts"
import { isInMemory, weirWays } from "./weirWays.ts"
import { type WorkName, works } from "./works.ts"

export type Order =
  | { readonly _tag: "open"; readonly work: WorkName; readonly connectionCount: number }
  | { readonly _tag: "run"; readonly count: number }
  | { readonly _tag: "open loop"; readonly ratePerSecond: number; readonly seconds: number }
  | { readonly _tag: "memory" }

/** What a turn took. */
export interface Turn {
  readonly cpuNanos: number
  readonly wallNanos: number
}

export interface Memory {
  readonly residentBytes: number
  /** In use after a collection, where the runtime can be told to collect. */
  readonly heapBytes: number
}

const runTurn = async (caller: Caller, count: number): Promise<Turn> => {
  const startedCpu = process.cpuUsage()
  const startedNanos = process.hrtime.bigint()
  await caller.run(count)
  const wallNanos = Number(process.hrtime.bigint() - startedNanos)
  const { system, user } = process.cpuUsage(startedCpu)
  return { cpuNanos: (system + user) * 1000, wallNanos }
}

const collectGarbage = async (): Promise<void> => {
  // What waits for a finalizer is collected in a later turn.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const readMemory = async (): Promise<Memory> => {
  await collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  return { residentBytes: rss, heapBytes: heapUsed }
}

const [name, port] = process.argv.slice(2)
const ways = isInMemory ? weirWays : [bareSockets, ...weirWays, ...(await peers())]

if (name === "--list") {
  console.log(JSON.stringify(ways.map((way) => way.name)))
  process.exit()
}
const way = ways.find((one) => one.name === name)
if (way === undefined) throw new Error(`there is no way of calling named ${name}`)

let caller: Caller = { run: async () => {}, call: (done) => done() }

const obey = async (order: Order): Promise<unknown> => {
  switch (order._tag) {
    case "open":
      caller = await way.open(works[order.work], Number(port), order.connectionCount)
      return {}
    case "run":
      return await runTurn(caller, order.count)
    case "open loop":
      return await openLoop(caller, order.ratePerSecond, order.seconds)
    case "memory":
      return await readMemory()
  }
}

const lines = createInterface({ input: process.stdin })
for await (const line of lines) {
  const order: Order = JSON.parse(line)
  console.log(JSON.stringify(await obey(order)))
}
process.exit()
