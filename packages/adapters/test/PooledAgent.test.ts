/**
 * `node:http` itself on the agent: what becomes of connections, waiting requests and time limits.
 */
import { once } from "node:events"
import { type ClientRequest, createServer, get, type IncomingMessage, request } from "node:http"
import { connect } from "node:net"
import { describe, expect, it } from "vitest"
import { listen } from "../../../test/support/Listening.ts"
import { spec, withServer } from "../../../test/support/withServer.ts"
import { createAgents } from "../src/index.ts"
import { echo, failure, flood, untilStalled } from "./support/answers.ts"

const answered = async (sent: ClientRequest): Promise<IncomingMessage> =>
  await new Promise((resolve, reject) => sent.once("response", resolve).once("error", reject))

const textOf = async (answer: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of answer) text += String(chunk)
  return text
}

describe("a request with a pooled agent", () => {
  spec("knows whether its connection was used before", echo, async ({ base, client }) => {
    const { http: agent } = createAgents(client)
    const seen: Array<boolean> = []
    for (let count = 0; count < 2; count++) {
      const sent = get(base, { agent })
      expect(await textOf(await answered(sent))).toBe("GET / - ")
      seen.push(sent.reusedSocket)
      await expect.poll(() => client.stats().idle.used).toBe(1)
    }
    expect(seen).toEqual([false, true])
  })

  spec(
    "closes a connection that the server or the request wants closed",
    (incoming, response) => {
      if (incoming.url === "/server") response.setHeader("connection", "close")
      response.end("ok")
    },
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      expect(await textOf(await answered(get(`${base}/server`, { agent })))).toBe("ok")
      await expect.poll(() => client.stats().connections.used).toBe(0)
      expect(await textOf(await answered(get(base, { agent, headers: { connection: "close" } })))).toBe("ok")
      await expect.poll(() => client.stats().connections.used).toBe(0)
    }
  )

  spec(
    "heeds what the server says of how long the connection may be used",
    (_, response) => response.writeHead(200, { connection: "keep-alive", "keep-alive": "timeout=5, max=1" }).end("ok"),
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      for (let count = 0; count < 3; count++) {
        expect(await textOf(await answered(get(base, { agent })))).toBe("ok")
        await expect.poll(() => client.stats().active.used).toBe(0)
      }
      expect(client.stats().createdCount).toBe(2)
    }
  )

  spec(
    "gives a connection up whose answer is not read to its end",
    (_, response) => response.write("endless"),
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      const answer = await answered(get(base, { agent }))
      answer.destroy()
      await expect.poll(() => client.stats().connections.used).toBe(0)
    }
  )

  spec(
    "leaves the queue at once when it is given up while it waits",
    () => undefined,
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      const holding = get(base, { agent })
      const held = failure(answered(holding))
      await expect.poll(() => client.stats().active.used).toBe(1)
      const waiting = get(base, { agent })
      const given = failure(answered(waiting))
      expect(client.stats().pending.used).toBe(1)
      waiting.destroy(new Error("enough"))
      expect(client.stats().pending.used).toBe(0)
      expect(await given).toMatchObject({ message: "enough" })
      holding.destroy()
      expect(await held).toMatchObject({ code: "ECONNRESET" })
    },
    { pool: { connectionsPerRouteMax: 1 } }
  )

  spec(
    "fails at the pool's deadline as a time-out",
    () => undefined,
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      const holding = get(base, { agent })
      const held = failure(answered(holding))
      await expect.poll(() => client.stats().active.used).toBe(1)
      const error = await failure(answered(get(base, { agent })))
      expect(error).toMatchObject({ code: "ETIMEDOUT", cause: { code: "WEIR_ACQUIRE_TIMEOUT" } })
      holding.destroy()
      await held
    },
    { pool: { connectionsPerRouteMax: 1, acquireTimeout: 30 } }
  )

  spec(
    "hears of a server that sends nothing for as long as its timeout",
    () => undefined,
    async ({ base, client }) => {
      const { http: agent } = createAgents(client)
      const sent = get(base, { agent, timeout: 30 })
      const failed = failure(answered(sent))
      await once(sent, "timeout")
      sent.destroy(new Error("too slow"))
      expect(await failed).toMatchObject({ message: "too slow" })
    }
  )

  const { handler, sentByteCount } = flood()
  spec("gives a body no faster than it is read", handler, async ({ base, client }) => {
    const answer = await answered(get(base, { agent: createAgents(client).http }))
    expect(await untilStalled(sentByteCount)).toBeLessThan(32 * 1024 * 1024)
    expect((await textOf(answer)).length).toBe(64 * 1024 * 1024)
    await expect.poll(() => client.stats().idle.used).toBe(1)
  })

  let resume = (): unknown => undefined
  spec(
    "sends a body no faster than the server takes it",
    (incoming, response) => {
      let byteCount = 0
      resume = () =>
        incoming
          .on("data", (chunk: Buffer) => {
            byteCount += chunk.length
          })
          .on("end", () => response.end(String(byteCount)))
    },
    async ({ base, client }) => {
      const sent = request(base, { agent: createAgents(client).http, method: "POST" })
      const answer = answered(sent)
      let writtenByteCount = 0
      const writing = (async () => {
        for (; writtenByteCount < 64 * 1024 * 1024; writtenByteCount += 256 * 1024) {
          if (!sent.write(Buffer.alloc(256 * 1024))) await once(sent, "drain")
        }
        sent.end()
      })()
      expect(await untilStalled(() => writtenByteCount)).toBeLessThan(32 * 1024 * 1024)
      resume()
      await writing
      expect(await textOf(await answer)).toBe(String(64 * 1024 * 1024))
      await expect.poll(() => client.stats().idle.used).toBe(1)
    }
  )

  spec(
    "keeps its connection's lease through an upgrade, until it is closed",
    echo,
    async ({ base, client, server }) => {
      server.on("upgrade", (_, socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
        socket.pipe(socket)
      })
      const sent = get(base, { agent: createAgents(client).http, headers: { connection: "upgrade", upgrade: "echo" } })
      const [, socket, head] = await once(sent, "upgrade")
      expect(String(head)).toBe("hello")
      expect(client.stats().active.used).toBe(1)
      socket.write("back")
      expect(String((await once(socket, "data"))[0])).toBe("back")
      socket.destroy()
      await expect.poll(() => client.stats().connections.used).toBe(0)
    }
  )

  it("goes through the tunnel of the client's proxy, which is not asked to forward it", async () => {
    const seen: Array<string> = []
    const proxy = createServer((_, response) => response.writeHead(400).end())
    proxy.on("connect", (incoming, socket, head) => {
      seen.push(`CONNECT ${incoming.url}`)
      const upstream = connect(Number(incoming.url?.split(":")[1]), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n")
        upstream.write(head)
        socket.pipe(upstream).pipe(socket)
      })
      upstream.on("error", () => socket.destroy())
      socket.on("error", () => upstream.destroy())
    })
    const port = await listen(proxy)
    await withServer(
      echo,
      async ({ base, client }) => {
        expect(await textOf(await answered(get(base, { agent: createAgents(client).http })))).toBe("GET / - ")
        expect(seen).toEqual([`CONNECT ${base.slice("http://".length)}`])
      },
      { proxy: `http://127.0.0.1:${port}`, proxies: [] }
    )
    proxy.close()
    await once(proxy, "close")
  })

  spec("says why no connection could be made, by the system's code", echo, async ({ client }) => {
    const { http: agent } = createAgents(client)
    const error = await failure(answered(get("http://127.0.0.1:1/", { agent })))
    expect(error).toMatchObject({ code: "ECONNREFUSED", cause: { code: "WEIR_CONNECT_FAILED", retry: "always" } })
  })
})
