import { gzipSync, constants as zlib } from "node:zlib"
import { describe, expect } from "vitest"
import { type CallTiming, WeirError } from "../src/index.ts"
import { bodyOf, spec } from "./support/withServer.ts"

describe("request", () => {
  spec(
    "answers with status, headers and the body as bytes, text or JSON",
    (_, response) => {
      response.writeHead(200, { "x-a": ["1", "2"], constructor: "x" }).end('{"a":1}')
    },
    async ({ base, client }) => {
      const response = await client.request(base)
      expect([response.status, response.headers["x-a"], response.header("X-A")]).toEqual([200, ["1", "2"], "1"])
      // A name that objects have already.
      expect(response.headers["constructor"]).toBe("x")
      expect(await response.json()).toEqual({ a: 1 })
      expect(await (await client.request(base)).text()).toBe('{"a":1}')
      expect((await (await client.request(base)).bytes()).length).toBe(7)
    }
  )

  spec(
    "posts a body where no method is given, and sends it as it comes from an iterable",
    async (request, response) => {
      response.end(`${request.method} ${await bodyOf(request)}`)
    },
    async ({ base, client }) => {
      expect(await (await client.request(base, { body: "text" })).text()).toBe("POST text")
      const pieces = (async function* () {
        yield new TextEncoder().encode("one ")
        yield await Promise.resolve(new TextEncoder().encode("two"))
      })()
      expect(await (await client.request(base, { method: "PUT", body: pieces })).text()).toBe("PUT one two")
    }
  )

  spec(
    "gives the body in a loop, and the rest up when the loop is left",
    (_, response) => {
      response.write("first")
    },
    async ({ base, client }) => {
      for await (const chunk of await client.request(base)) {
        expect(new TextDecoder().decode(chunk)).toBe("first")
        break
      }
      await expect.poll(() => client.stats().active.used).toBe(0)
    },
    { http: { drainTimeout: 0 } }
  )

  spec(
    "gives a coded body up when its loop is left, though the decoder waits for more",
    (_, response) => {
      response
        .writeHead(200, { "content-encoding": "gzip" })
        .write(gzipSync("first", { finishFlush: zlib.Z_SYNC_FLUSH }))
    },
    async ({ base, client }) => {
      for await (const chunk of await client.request(base)) {
        expect(new TextDecoder().decode(chunk)).toBe("first")
        break
      }
      await expect.poll(() => client.stats().active.used).toBe(0)
    },
    { http: { drainTimeout: 0 } }
  )

  spec(
    "does not follow redirects unless asked to",
    (request, response) => {
      if (request.url === "/end") response.end("here")
      else response.writeHead(302, { location: "/end" }).end()
    },
    async ({ base, client }) => {
      const answer = await client.request(base)
      answer.discard()
      expect(answer.status).toBe(302)
      expect(await (await client.request(base, { redirectCountMax: 1 })).text()).toBe("here")
    }
  )

  spec(
    "rejects with the code of the limit that was met, and explains what a call waits for",
    () => {
      // Never answers.
    },
    async ({ base, client }) => {
      const controller = new AbortController()
      const running = client.request(base, { signal: controller.signal, holder: "the slow one" })
      await expect.poll(() => client.stats().active.used).toBe(1)
      const refused = await client.request(base).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(WeirError)
      expect(refused).toMatchObject({ code: "WEIR_REFUSED", reason: "pending-route-limit" })
      expect(client.explain(base)).toMatch(/1 connections? of the route .*the slow one/)
      controller.abort(new Error("enough"))
      await expect(running).rejects.toThrow("enough")
    },
    { pool: { connectionsPerRouteMax: 1, pendingPerRouteMax: 0 } }
  )

  spec(
    "ends a call that takes longer than its timeout",
    () => {
      // Never answers.
    },
    async ({ base, client }) => {
      await expect(client.request(base, { timeoutMillis: 30 })).rejects.toMatchObject({ code: "WEIR_REQUEST_TIMEOUT" })
    }
  )

  spec(
    "times a call for a caller who asks, as fetch does",
    (_, response) => response.end("ok"),
    async ({ base, client }) => {
      const told: Array<CallTiming> = []
      const onTiming = (timing: CallTiming): unknown => told.push(timing)
      await (await client.request(base, { onTiming })).text()
      await (await client.fetch(base, { onTiming })).text()
      const answer = await client.request(base)
      await answer.text()
      expect(told).toMatchObject([{ isReused: false, connect: { tcpMillis: expect.any(Number) } }, { isReused: true }])
      expect(told[1]?.endAfterMillis).toBeGreaterThanOrEqual(told[1]?.headAfterMillis ?? Number.NaN)
      expect(answer.timing).toMatchObject({ isReused: true, connect: undefined, endAfterMillis: undefined })
    }
  )

  spec(
    "tells what happens in the pool as events",
    (_, response) => response.end("ok"),
    async ({ base, client }) => {
      const events = client.events()[Symbol.asyncIterator]()
      const first = events.next()
      await (await client.request(base)).text()
      expect((await first).value).toMatchObject({ _tag: "RouteAdded" })
      expect((await events.next()).value).toMatchObject({ _tag: "Waiting" })
      await events.return?.()
    }
  )
})
