/**
 * Node's own fetch, and undici, on the dispatcher.
 */
import { once } from "node:events"
import { Readable, Writable } from "node:stream"
import { gzipSync } from "node:zlib"
import type { Client } from "@weir/fetch"
import {
  Dispatcher,
  interceptors,
  request,
  stream,
  FormData as UndiciFormData,
  fetch as undiciFetch,
  upgrade
} from "undici"
import { describe, expect } from "vitest"
import { findFreePort } from "../../../test/support/Listening.ts"
import { spec } from "../../../test/support/withServer.ts"
import { createDispatcher } from "../src/index.ts"
import { echo, failure, flood, untilStalled } from "./support/answers.ts"

const dispatcherOf = (client: Client) => createDispatcher(client, new Dispatcher())

/** The runtime's own fetch; its types know the dispatcher of one version of undici only. */
const nodeFetch = (client: Client, url: string, init: Init = {}): Promise<Response> =>
  fetch(url, Object.assign({}, init, { dispatcher: createDispatcher(client) }))

interface Init {
  readonly method?: string
  readonly body?: string | ReadableStream<Uint8Array>
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

const fetches = {
  "Node's fetch": nodeFetch,
  "undici's fetch": async (client: Client, url: string, init: Init = {}) =>
    await undiciFetch(url, { ...init, dispatcher: dispatcherOf(client) })
}

for (const [name, send] of Object.entries(fetches)) {
  describe(`${name} on the dispatcher`, () => {
    spec("sends and receives over one pooled connection", echo, async ({ base, client }) => {
      expect(await (await send(client, `${base}/a?b=c`)).text()).toBe("GET /a?b=c - ")
      const init = { method: "POST", body: "text", headers: { "x-a": "1" } }
      expect(await (await send(client, base, init)).text()).toBe("POST / 1 text")
      const body = new Blob(["one ", "two"]).stream()
      expect(await (await send(client, base, Object.assign({ method: "PUT", body }, half))).text()).toBe(
        "PUT / - one two"
      )
      expect(client.stats().createdCount).toBe(1)
    })

    spec(
      "has status, fields, cookies and a body that is unpacked",
      (_, response) => {
        response.writeHead(203, "Told", { "set-cookie": ["a=1", "b=2"], "content-encoding": "gzip" })
        response.end(gzipSync("packed"))
      },
      async ({ base, client }) => {
        const response = await send(client, base)
        expect([response.status, response.statusText, response.headers.getSetCookie()]).toEqual([
          203,
          "Told",
          ["a=1", "b=2"]
        ])
        expect(await response.text()).toBe("packed")
      }
    )

    spec(
      "follows redirects",
      (incoming, response) => {
        if (incoming.url === "/from") response.writeHead(302, { location: "/to" }).end()
        else response.end("there")
      },
      async ({ base, client }) => {
        const response = await send(client, `${base}/from`)
        expect([response.url, await response.text()]).toEqual([`${base}/to`, "there"])
      }
    )

    const { handler, sentByteCount } = flood()
    spec("gives a long body no faster than it is read", handler, async ({ base, client }) => {
      const response = await send(client, base)
      expect(await untilStalled(sentByteCount)).toBeLessThan(32 * 1024 * 1024)
      let byteCount = 0
      for await (const chunk of response.body ?? []) byteCount += chunk.length
      expect(byteCount).toBe(64 * 1024 * 1024)
    })

    spec(
      "rejects with the signal's reason before the answer, and in the middle of it",
      (incoming, response) => {
        if (incoming.url === "/body") response.write("begun")
      },
      async ({ base, client }) => {
        for (const path of ["/head", "/body"]) {
          const controller = new AbortController()
          const answer = send(client, base + path, { signal: controller.signal })
          const text = path === "/head" ? answer : (await answer).text()
          const failed = failure(text)
          await expect.poll(() => client.stats().active.used).toBe(1)
          const reason = new Error("mine")
          controller.abort(reason)
          expect(await failed).toBe(reason)
          await expect.poll(() => client.stats().connections.used).toBe(0)
        }
      },
      { http: { drainTimeout: 0 } }
    )

    spec("says why there is no answer in the cause of its TypeError", echo, async ({ client }) => {
      const error = await failure(send(client, `http://127.0.0.1:${await findFreePort()}/`))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ cause: { code: "ECONNREFUSED", cause: { code: "WEIR_CONNECT_FAILED" } } })
    })
  })
}

const half = { duplex: "half" }

describe("undici's own calls on the dispatcher", () => {
  spec(
    "request gives fields whose names objects have already",
    (_, response) => response.writeHead(200, { constructor: ["x", "y"] }).end(),
    async ({ base, client }) => {
      const answer = await request(base, { dispatcher: dispatcherOf(client) })
      await answer.body.dump()
      expect(answer.headers["constructor"]).toEqual(["x", "y"])
    }
  )

  spec("request gives status, fields, trailers and body", echo, async ({ base, client }) => {
    const answer = await request(base, {
      dispatcher: dispatcherOf(client),
      method: "POST",
      query: { q: ["a b", 1] },
      headers: ["X-A", "1"],
      body: Readable.from(["one ", Buffer.from("two")])
    })
    expect([answer.statusCode, await answer.body.text()]).toEqual([200, "POST /?q=a+b&q=1 1 one two"])
    const form = new UndiciFormData()
    form.append("field", "value")
    form.append("file", new Blob(["content"]), "name.txt")
    const sent = await request(base, { dispatcher: dispatcherOf(client), method: "POST", body: form })
    const text = await sent.body.text()
    for (const part of ['name="field"', "value", 'filename="name.txt"', "content"]) expect(text).toContain(part)
    expect(client.stats().createdCount).toBe(1)
  })

  spec("stream, and the dispatcher's own request, work on an object of undici's class", echo, async (world) => {
    const dispatcher = dispatcherOf(world.client)
    expect(dispatcher).toBeInstanceOf(Dispatcher)
    const chunks: Array<string> = []
    await stream(world.base, { dispatcher, method: "GET" }, () => {
      return new Writable({ write: (chunk, _, done) => done(void chunks.push(String(chunk))) })
    })
    expect(chunks.join("")).toBe("GET / - ")
    const answer = await dispatcher.request({ origin: world.base, path: "/own", method: "GET" })
    expect(await answer.body.text()).toBe("GET /own - ")
  })

  spec(
    "compose puts undici's interceptors before it",
    (incoming, response) => {
      if (incoming.url === "/from") response.writeHead(302, { location: "/to" }).end()
      else response.end(incoming.url)
    },
    async ({ base, client }) => {
      const dispatcher = dispatcherOf(client).compose(interceptors.redirect({ maxRedirections: 1 }))
      expect(await (await request(`${base}/from`, { dispatcher })).body.text()).toBe("/to")
    }
  )

  spec("upgrade gives the connection as a socket", echo, async ({ base, client, server }) => {
    server.on("upgrade", (_, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
      socket.pipe(socket)
    })
    const { socket } = await upgrade(base, { dispatcher: dispatcherOf(client), protocol: "echo" })
    expect(String((await once(socket, "data"))[0])).toBe("hello")
    socket.write("back")
    expect(String((await once(socket, "data"))[0])).toBe("back")
    socket.destroy()
  })

  spec(
    "hear of time limits by undici's codes",
    (incoming, response) => {
      if (incoming.url === "/body") response.write("begun")
    },
    async ({ base, client }) => {
      const dispatcher = dispatcherOf(client)
      expect(await failure(request(base, { dispatcher, headersTimeout: 20 }))).toMatchObject({
        code: "UND_ERR_HEADERS_TIMEOUT"
      })
      const answer = await request(`${base}/body`, { dispatcher, bodyTimeout: 20 })
      expect(await failure(answer.body.text())).toMatchObject({ code: "UND_ERR_BODY_TIMEOUT" })
    },
    { http: { drainTimeout: 0 } }
  )

  spec(
    "hear of a broken connection and of the pool's refusal",
    (incoming) => {
      if (incoming.url === "/lost") incoming.socket.destroy()
    },
    async ({ base, client }) => {
      const dispatcher = dispatcherOf(client)
      const lost = await failure(request(`${base}/lost`, { dispatcher }))
      expect(lost).toMatchObject({ code: "UND_ERR_SOCKET", cause: { code: "WEIR_CONNECTION_LOST" } })
      const controller = new AbortController()
      const holding = failure(request(base, { dispatcher, signal: controller.signal }))
      await expect.poll(() => client.stats().active.used).toBe(1)
      expect(await failure(request(base, { dispatcher }))).toMatchObject({ code: "WEIR_REFUSED" })
      controller.abort()
      await holding
      expect(await failure(request(base, { dispatcher, headers: { "x-a": "1\r\nx-b: 2" } }))).toMatchObject({
        code: "UND_ERR_INVALID_ARG"
      })
    },
    { pool: { connectionsPerRouteMax: 1, pendingPerRouteMax: 0 } }
  )

  spec("end with what a handler throws", echo, async ({ base, client }) => {
    const broken = new Error("the handler's own")
    const heard = await new Promise((resolve) => {
      createDispatcher(client).dispatch(
        { origin: base, path: "/", method: "GET" },
        {
          onRequestStart: () => undefined,
          onResponseStart: () => {
            throw broken
          },
          onResponseError: (_, error) => resolve(error)
        }
      )
    })
    expect(heard).toBe(broken)
  })
})
