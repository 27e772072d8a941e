/**
 * The JavaScript clients, by the name they have in the tables. Each holds at most so many connections, keeps them alive,
 * and reads every body whole. What a client can be told about limits it is told; what else it does, it does by default.
 */
import type { Client } from "./Client.ts"
import { ofPromises } from "./Client.ts"

type Make = (url: string, connectionCount: number) => Promise<Client>

const must200 = (status: number): void => {
  if (status !== 200) throw new Error(`status ${status}`)
}

/** The runtime's own `fetch`, which has no limit to set. */
const builtInFetch: Make = async (url) =>
  ofPromises(async () => {
    const response = await fetch(url)
    must200(response.status)
    await response.arrayBuffer()
  })

const weirFetch: Make = async (url, connectionCount) => {
  const { createClient } = await import("@weir/fetch")
  const client = createClient(limits(connectionCount))
  return ofPromises(
    async () => {
      const response = await client.fetch(url)
      must200(response.status)
      await response.arrayBuffer()
    },
    () => client.close()
  )
}

const weirRequest: Make = async (url, connectionCount) => {
  const { createClient } = await import("@weir/fetch")
  const client = createClient(limits(connectionCount))
  return ofPromises(
    async () => {
      const response = await client.request(url)
      must200(response.status)
      await response.bytes()
    },
    () => client.close()
  )
}

/** The queue is as long as it takes: the other clients have no bound on theirs. */
const limits = (connectionCount: number) =>
  ({
    pool: {
      connectionsPerRouteMax: connectionCount,
      connectionsMax: "unlimited",
      idlePerRouteMax: "unlimited",
      pendingPerRouteMax: "unlimited",
      pendingMax: "unlimited"
    }
  }) as const

const undiciRequest: Make = async (url, connectionCount) => {
  const { Agent, request } = await import("undici")
  const dispatcher = new Agent({ connections: connectionCount, pipelining: 1 })
  return ofPromises(
    async () => {
      const { body, statusCode } = await request(url, { dispatcher })
      must200(statusCode)
      await body.arrayBuffer()
    },
    () => dispatcher.close()
  )
}

const undiciFetch: Make = async (url, connectionCount) => {
  const { Agent, fetch: fetchBy } = await import("undici")
  const dispatcher = new Agent({ connections: connectionCount, pipelining: 1 })
  return ofPromises(
    async () => {
      const response = await fetchBy(url, { dispatcher })
      must200(response.status)
      await response.arrayBuffer()
    },
    () => dispatcher.close()
  )
}

const nodeHttp: Make = async (url, connectionCount) => {
  const { request } = await import("node:http")
  const { HttpAgent } = await import("agentkeepalive")
  const agent = new HttpAgent({ maxSockets: connectionCount, maxFreeSockets: connectionCount })
  const call = () =>
    new Promise<void>((resolve, reject) => {
      request(url, { agent }, (response) => {
        must200(response.statusCode ?? 0)
        response.resume().on("end", resolve).on("error", reject)
      })
        .on("error", reject)
        .end()
    })
  return ofPromises(call, async () => agent.destroy())
}

const viaGot: Make = async (url, connectionCount) => {
  const [{ default: got }, { Agent }] = await Promise.all([import("got"), import("node:http")])
  const agent = { http: new Agent({ keepAlive: true, maxSockets: connectionCount, maxFreeSockets: connectionCount }) }
  return ofPromises(
    () => got(url, { agent, retry: { limit: 0 } }).buffer(),
    async () => agent.http.destroy()
  )
}

const viaAxios: Make = async (url, connectionCount) => {
  const [{ default: axios }, { Agent }] = await Promise.all([import("axios"), import("node:http")])
  const httpAgent = new Agent({ keepAlive: true, maxSockets: connectionCount, maxFreeSockets: connectionCount })
  return ofPromises(
    () => axios.get(url, { httpAgent, responseType: "arraybuffer" }),
    async () => httpAgent.destroy()
  )
}

export const clients: Readonly<Record<string, Make>> = {
  "weir effect": async (url, connectionCount) =>
    (await import("./weirEffect.ts")).weirEffect(url, limits(connectionCount)),
  "weir request": weirRequest,
  "weir fetch": weirFetch,
  "undici request": undiciRequest,
  "undici fetch": undiciFetch,
  "node:http + agentkeepalive": nodeHttp,
  got: viaGot,
  axios: viaAxios,
  fetch: builtInFetch
}
