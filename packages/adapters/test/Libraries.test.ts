/**
 * Real libraries on the agents: what their users do, through the pool.
 */
import { createServer as createTlsServer } from "node:https"
import { Readable } from "node:stream"
import axios from "axios"
import got from "got"
import nodeFetch from "node-fetch"
import { describe, expect, it } from "vitest"
import { spec, type World, withServer } from "../../../test/support/withServer.ts"
import { createAgents } from "../src/index.ts"
import { echo, failure } from "./support/answers.ts"
import { selfSigned } from "./support/selfSigned.ts"

interface Library {
  readonly name: string
  readonly get: (world: World, path: string) => Promise<string>
  readonly post: (world: World, body: string | Readable) => Promise<string>
}

const libraries: ReadonlyArray<Library> = [
  {
    name: "axios",
    get: async ({ base, client }, path) => {
      const { http: httpAgent } = createAgents(client)
      return (await axios.get<string>(base + path, { httpAgent, responseType: "text" })).data
    },
    post: async ({ base, client }, body) => {
      const { http: httpAgent } = createAgents(client)
      return (await axios.post<string>(base, body, { httpAgent, headers: { "x-a": "1" }, responseType: "text" })).data
    }
  },
  {
    name: "got",
    get: ({ base, client }, path) => got(base + path, { agent: createAgents(client), retry: { limit: 0 } }).text(),
    post: ({ base, client }, body) =>
      got.post(base, { body, agent: createAgents(client), headers: { "x-a": "1" }, retry: { limit: 0 } }).text()
  },
  {
    name: "node-fetch",
    get: async ({ base, client }, path) => {
      const { http: agent } = createAgents(client)
      return await (await nodeFetch(base + path, { agent })).text()
    },
    post: async ({ base, client }, body) => {
      const { http: agent } = createAgents(client)
      return await (await nodeFetch(base, { method: "POST", body, agent, headers: { "x-a": "1" } })).text()
    }
  }
]

for (const { get, name, post } of libraries) {
  describe(name, () => {
    spec("sends and receives over one pooled connection, shared with the client's own calls", echo, async (world) => {
      expect(await get(world, "/a?b=c")).toBe("GET /a?b=c - ")
      expect(await post(world, "text")).toBe("POST / 1 text")
      expect(await post(world, Readable.from([Buffer.from("one "), Buffer.from("two")]))).toBe("POST / 1 one two")
      expect(await (await world.client.request(`${world.base}/own`)).text()).toBe("GET /own - ")
      expect(await get(world, "/again")).toBe("GET /again - ")
      expect(world.client.stats().createdCount).toBe(1)
    })

    spec(
      "waits its turn where the limit of the route is met",
      echo,
      async (world) => {
        const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => get(world, `/${index}`)))
        expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => `GET /${index} - `))
        expect(world.client.stats().createdCount).toBe(2)
      },
      { pool: { connectionsPerRouteMax: 2 } }
    )

    spec(
      "is refused by a full queue, with the pool's own error as the innermost cause",
      () => undefined,
      async (world) => {
        const controller = new AbortController()
        const holding = failure(world.client.request(world.base, { signal: controller.signal }))
        await expect.poll(() => world.client.stats().active.used).toBe(1)
        expect(await codesOf(await failure(get(world, "/")))).toContain("WEIR_REFUSED")
        controller.abort()
        await holding
      },
      { pool: { connectionsPerRouteMax: 1, pendingPerRouteMax: 0 } }
    )

    spec(
      "hears of a connection that is lost by the code that it looks for",
      (request) => request.socket.resetAndDestroy(),
      async (world) => {
        expect(codesOf(await failure(get(world, "/")))).toContain("ECONNRESET")
      }
    )

    spec(
      "reads a body of 8 MB, and one that is chunked",
      (request, response) => {
        if (request.url === "/long") response.end(Buffer.alloc(8 * 1024 * 1024, 97))
        else response.write("chunk", () => response.end("ed"))
      },
      async (world) => {
        expect((await get(world, "/long")).length).toBe(8 * 1024 * 1024)
        expect(await get(world, "/chunked")).toBe("chunked")
        expect(world.client.stats().createdCount).toBe(1)
      }
    )
  })
}

/** The codes of an error and of its causes. */
const codesOf = (error: unknown): ReadonlyArray<unknown> =>
  error instanceof Error ? [Reflect.get(error, "code"), ...codesOf(error.cause)] : []

it("the agent for https trusts whom the client trusts, and refuses options that say otherwise", async () => {
  const certificate = selfSigned()
  await withServer(
    echo,
    async ({ base, client }) => {
      const url = base.replace("http:", "https:")
      const { https: httpsAgent } = createAgents(client)
      expect((await axios.get<string>(url, { httpsAgent })).data).toBe("GET / - ")
      expect(await got(url, { agent: { https: httpsAgent } }).text()).toBe("GET / - ")
      expect(await (await nodeFetch(url, { agent: httpsAgent })).text()).toBe("GET / - ")
      expect(client.stats().createdCount).toBe(1)
      const options = { agent: { https: httpsAgent }, https: { rejectUnauthorized: false }, retry: { limit: 0 } }
      expect(await failure(got(url, options).text())).toMatchObject({ code: "WEIR_INVALID_REQUEST" })
    },
    { tls: { ca: [certificate.cert] } },
    createTlsServer(certificate)
  )
})
