/**
 * The systems that can be run beside ours, each with bursts that show its limits; node's `Agent` is one of them.
 */

import { once } from "node:events"
import { Agent, get } from "node:http"
import { nodeAgent, type Reading } from "@weir/dialects"
import { createClient, WeirError } from "@weir/fetch"
import type { Burst, CallMany, Outcome, Refusals } from "./Burst.ts"

export interface Peer {
  readonly name: string
  readonly version: string
  readonly bursts: ReadonlyArray<Burst>
  /** The system itself with these settings, for one burst. */
  readonly itself: (settings: Burst["settings"]) => AsyncDisposable & { readonly callMany: CallMany }
  /** Ours, as the dialect reads them. */
  readonly reading: (settings: Burst["settings"]) => Reading
}

/** A system that cannot be run here, and why. */
export interface Absent {
  readonly name: string
  readonly reason: string
}

export const noRefusals: Refusals = { refusedCount: 0, timedOutCount: 0 }

/**
 * For each server: the most requests at once, the sockets that there were, those that are kept. Together they hold as many
 * as one of them, unless `rest` says otherwise.
 */
export const outcome = (
  servers: ReadonlyArray<readonly [heldCountMax: number, socketCount: number, keptCount: number]>,
  rest: Partial<Omit<Outcome, "servers">> = {}
): Outcome => ({
  servers: servers.map(([heldCountMax, socketCount, keptCount]) => ({ heldCountMax, socketCount, keptCount })),
  togetherCount: Math.max(...servers.map(([heldCountMax]) => heldCountMax)),
  ...noRefusals,
  ...rest
})

export const ours = (reading: Reading): AsyncDisposable & { readonly callMany: CallMany } => {
  const client = createClient({ from: reading, proxy: "direct" })
  const call = async (url: string): Promise<keyof Refusals | undefined> => {
    try {
      await (await client.request(url)).text()
      return undefined
    } catch (error) {
      if (!(error instanceof WeirError)) throw error
      if (error.code === "WEIR_REFUSED") return "refusedCount"
      if (error.code === "WEIR_ACQUIRE_TIMEOUT") return "timedOutCount"
      throw error
    }
  }
  return {
    callMany: async (url, count) => {
      const endings = await Promise.all(Array.from({ length: count }, () => call(url)))
      const countOf = (kind: keyof Refusals) => endings.filter((ending) => ending === kind).length
      return { refusedCount: countOf("refusedCount"), timedOutCount: countOf("timedOutCount") }
    },
    [Symbol.asyncDispose]: () => client.close(0)
  }
}

const ask = async (url: string, agent: Agent): Promise<void> => {
  const request = get(url, { agent })
  const [response] = await once(request, "response")
  response.resume()
  await once(response, "end")
}

export const agentPeer: Peer = {
  name: "node http.Agent",
  version: process.version,
  bursts: [
    { name: "keepAlive", settings: { keepAlive: true }, callCounts: [10], expected: outcome([[10, 10, 10]]) },
    { name: "without keepAlive", settings: { keepAlive: false }, callCounts: [4], expected: outcome([[4, 4, 0]]) },
    {
      name: "maxSockets 2",
      settings: { keepAlive: true, maxSockets: 2 },
      callCounts: [6],
      expected: outcome([[2, 2, 2]])
    },
    {
      name: "maxFreeSockets 3",
      settings: { keepAlive: true, maxFreeSockets: 3 },
      callCounts: [8],
      expected: outcome([[8, 8, 3]])
    },
    {
      name: "maxTotalSockets 4",
      settings: { keepAlive: true, maxTotalSockets: 4 },
      callCounts: [9],
      expected: outcome([[4, 4, 4]])
    },
    {
      name: "maxTotalSockets 2",
      settings: { keepAlive: true, maxTotalSockets: 2 },
      callCounts: [2, 1],
      isTogether: true,
      expected: outcome([
        [2, 2, 1],
        [1, 1, 1]
      ])
    }
  ],
  itself: (settings) => {
    const agent = new Agent(settings)
    return {
      callMany: async (url, count) => {
        await Promise.all(Array.from({ length: count }, () => ask(url, agent)))
        return noRefusals
      },
      [Symbol.asyncDispose]: async () => {
        agent.destroy()
        await Promise.resolve()
      }
    }
  },
  reading: (settings) => nodeAgent(settings, { version: "new Agent()" })
}
