/**
 * What was sent on a connection of the pool is not sent again by the runtime's own `node:http`.
 */
import { request } from "node:http"
import { describe, expect } from "vitest"
import { spec } from "../../../test/support/withServer.ts"
import { createAgents } from "../src/index.ts"
import { failure } from "./support/answers.ts"

const post = (url: string, agent: ReturnType<typeof createAgents>["http"]): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: "POST" })
    sent.once("error", reject)
    sent.once("response", (answer) => answer.resume().once("end", () => resolve(answer.statusCode)))
    sent.end("once")
  })

const received: Array<string | undefined> = []

describe("a POST with a pooled agent", () => {
  spec(
    "is sent once, also where its connection was used before and ends without an answer",
    (incoming, response) => {
      incoming.resume().once("end", () => {
        received.push(incoming.url)
        if (incoming.url === "/lost") incoming.socket.destroy()
        else response.end()
      })
    },
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      expect(await post(`${base}/kept`, agent)).toBe(200)
      await expect.poll(() => client.stats().idle.used).toBe(1)
      expect(await failure(post(`${base}/lost`, agent))).toMatchObject({ code: "ECONNRESET" })
      expect(client.stats().reusedCount).toBe(1)
      await expect.poll(() => client.stats().active.used).toBe(0)
      expect(received).toEqual(["/kept", "/lost"])
    }
  )
})
