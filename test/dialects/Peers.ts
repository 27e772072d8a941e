/**
 * The systems that can be run beside ours, each with bursts that show its limits.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { Agent, get } from "node:http"
import { go, nodeAgent, type Reading } from "@weir/dialects"
import { createClient } from "@weir/fetch"
import type { Burst, CallMany, Outcome } from "./Burst.ts"

export interface Peer {
  readonly name: string
  readonly bursts: ReadonlyArray<Burst>
  /** The system itself with these settings, for one burst. */
  readonly itself: (settings: Burst["settings"]) => AsyncDisposable & { readonly callMany: CallMany }
  /** Ours, as the dialect reads them. */
  readonly reading: (settings: Burst["settings"]) => Reading
}

const outcome = (heldCountMax: number, socketCount: number, keptCount: number): Outcome => ({
  heldCountMax,
  socketCount,
  keptCount
})

export const ours = (reading: Reading): AsyncDisposable & { readonly callMany: CallMany } => {
  const client = createClient({ from: reading, proxy: "direct" })
  return {
    callMany: async (url, count) => {
      await Promise.all(Array.from({ length: count }, async () => (await client.request(url)).text()))
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
  bursts: [
    { name: "keepAlive", settings: { keepAlive: true }, callCount: 10, expected: outcome(10, 10, 10) },
    { name: "without keepAlive", settings: { keepAlive: false }, callCount: 4, expected: outcome(4, 4, 0) },
    { name: "maxSockets 2", settings: { keepAlive: true, maxSockets: 2 }, callCount: 6, expected: outcome(2, 2, 2) },
    {
      name: "maxFreeSockets 3",
      settings: { keepAlive: true, maxFreeSockets: 3 },
      callCount: 8,
      expected: outcome(8, 8, 3)
    },
    {
      name: "maxTotalSockets 4",
      settings: { keepAlive: true, maxTotalSockets: 4 },
      callCount: 9,
      expected: outcome(4, 4, 4)
    }
  ],
  itself: (settings) => {
    const agent = new Agent(settings)
    return {
      callMany: async (url, count) => {
        await Promise.all(Array.from({ length: count }, () => ask(url, agent)))
      },
      [Symbol.asyncDispose]: async () => {
        agent.destroy()
        await Promise.resolve()
      }
    }
  },
  reading: (settings) => nodeAgent(settings, { version: "new Agent()" })
}

/** `program`: the compiled `gopeer`. */
export const goPeer = (program: string): Peer => ({
  name: "Go net/http",
  bursts: [
    { name: "DefaultTransport", settings: {}, callCount: 10, expected: outcome(10, 10, 2) },
    {
      name: "MaxIdleConnsPerHost 5",
      settings: { MaxIdleConnsPerHost: 5 },
      callCount: 10,
      expected: outcome(10, 10, 5)
    },
    { name: "MaxIdleConnsPerHost -1", settings: { MaxIdleConnsPerHost: -1 }, callCount: 4, expected: outcome(4, 4, 0) },
    {
      name: "MaxIdleConns 3, for a host 10",
      settings: { MaxIdleConns: 3, MaxIdleConnsPerHost: 10 },
      callCount: 8,
      expected: outcome(8, 8, 3)
    },
    { name: "MaxConnsPerHost 2", settings: { MaxConnsPerHost: 2 }, callCount: 6, expected: outcome(2, 2, 2) },
    { name: "DisableKeepAlives", settings: { DisableKeepAlives: true }, callCount: 4, expected: outcome(4, 4, 0) }
  ],
  itself: (settings) => {
    let child: ChildProcess | undefined
    return {
      callMany: async (url, count) => {
        const running = spawn(program, [url, String(count), JSON.stringify(settings)], {
          stdio: ["pipe", "pipe", "inherit"],
          env: { ...process.env, NO_PROXY: "*" }
        })
        child = running
        await once(running.stdout, "data")
      },
      [Symbol.asyncDispose]: async () => {
        if (child === undefined || child.exitCode !== null) return
        const ended = once(child, "exit")
        child.stdin?.end()
        await ended
      }
    }
  },
  reading: (settings) => go(settings)
})
