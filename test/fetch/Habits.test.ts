/**
 * What people who come from undici and got take for granted, in our own words, against a real server.
 */
import { type Client, type ClientOptions, createClient, WeirError } from "@weir/fetch"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Echo, failureOf, nextId, type Peer, startPeer } from "./Spec.ts"

let peer: Peer
beforeAll(async () => {
  peer = await startPeer()
})
afterAll(async () => {
  await peer[Symbol.asyncDispose]()
})

/** A habit is tried with a client of its own, which must hold nothing afterwards. */
const habit = (name: string, body: (client: Client) => Promise<void>, options: ClientOptions = {}): void => {
  it(name, async () => {
    const client = createClient({ ...options, http: { drainTimeout: 0, ...options.http } })
    await body(client)
    await client.close(0)
    const { active, connections, pending } = client.stats()
    expect([active.used, connections.used, pending.used]).toEqual([0, 0, 0])
  })
}

const echoOf = async (client: Client, url: string, options: Parameters<Client["request"]>[1] = {}): Promise<Echo> =>
  JSON.parse(await (await client.request(url, options)).text())

const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const error = await failureOf(promise)
  const cause = error instanceof TypeError ? error.cause : error
  return cause instanceof WeirError ? cause.code : error
}

describe("who comes from undici", () => {
  habit("finds one connection kept for calls that follow each other, whatever their status", async (client) => {
    const ports = new Set<number>()
    for (const status of [200, 404, 500]) {
      await (await client.request(peer.at("/answer", { status: `${status}`, body: "read" }))).text()
      ports.add((await echoOf(client, peer.at("/echo"))).client)
    }
    expect([ports.size, client.stats().createdCount]).toEqual([1, 1])
  })

  habit(
    "finds a limit on connections kept, and every call answered",
    async (client) => {
      const calls = Array.from({ length: 40 }, async () => (await echoOf(client, peer.at("/echo"))).client)
      expect(new Set(await Promise.all(calls)).size).toBeLessThanOrEqual(3)
    },
    { pool: { connectionsPerRouteMax: 3 } }
  )

  habit("may ignore an answer without holding up the next call", async (client) => {
    const ignored = await client.request(peer.at("/endless", { id: nextId() }))
    ignored.discard()
    expect((await echoOf(client, peer.at("/echo"))).method).toBe("GET")
  })

  habit("does not get a connection again that the server wants closed", async (client) => {
    await (await client.request(peer.at("/answer", { header: "connection: close" }))).text()
    await echoOf(client, peer.at("/echo"))
    expect(client.stats().createdCount).toBe(2)
  })

  habit("sees no redirect followed by request, unless told so", async (client) => {
    const url = peer.at("/redirect", { location: "/answer" })
    const plain = await client.request(url)
    expect([plain.status, plain.headers["location"]]).toEqual([302, "/answer"])
    await plain.text()
    const followed = await client.request(url, { redirectCountMax: 1 })
    expect([followed.status, followed.url]).toEqual([200, peer.at("/answer")])
    await followed.text()
  })

  habit("gives several values of a header as an array, and gets them as one", async (client) => {
    const echo = await echoOf(client, peer.at("/echo"), { headers: { "x-a": ["1", "2"], "x-b": "3" } })
    expect([echo.headers["x-a"], echo.headers["x-b"]]).toEqual(["1, 2", "3"])
    const answer = await client.request(peer.at("/answer", { header: ["Set-Cookie: a=1", "Set-Cookie: b=2"] }))
    expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"])
    await answer.text()
  })

  habit("sends what an async generator gives", async (client) => {
    async function* parts() {
      for (const part of ["one ", "two"]) yield await Promise.resolve(new TextEncoder().encode(part))
    }
    const echo = await echoOf(client, peer.at("/echo"), { method: "POST", body: parts() })
    expect([echo.body, echo.headers["transfer-encoding"]]).toEqual(["one two", "chunked"])
  })

  habit("reads the body as it comes in a loop, and may leave the loop", async (client) => {
    for await (const chunk of await client.request(peer.at("/endless", { id: nextId() }))) {
      expect(new TextDecoder().decode(chunk)).toBe("begun")
      break
    }
    await expect.poll(() => client.stats().active.used).toBe(0)
  })

  habit("gets every byte of a long body, up and down", async (client) => {
    const byteCount = 4 * 1024 * 1024
    const bytes = await (await client.request(peer.at("/bytes", { count: `${byteCount}` }))).bytes()
    expect(bytes.length).toBe(byteCount)
    expect(bytes.findIndex((byte, index) => byte !== index % 251)).toBe(-1)
    const mirrored = await (await client.request(peer.at("/mirror"), { method: "POST", body: bytes })).bytes()
    expect(mirrored.findIndex((byte, index) => byte !== index % 251)).toBe(-1)
    expect(mirrored.length).toBe(byteCount)
  })

  habit("reads trailers once the body has been read", async (client) => {
    const answer = await client.request(peer.at("/trailer"))
    expect(await answer.text()).toBe("body")
    expect(answer.trailers).toEqual({ "x-sum": "4" })
  })

  habit("has the body held until the server says 100, where it asks for that", async (client) => {
    const echo = await echoOf(client, peer.at("/echo"), { method: "POST", body: "held", expectsContinue: true })
    expect([echo.body, echo.headers["expect"]]).toEqual(["held", "100-continue"])
  })

  habit(
    "is told apart which timeout it was",
    async (client) => {
      expect(await codeOf(client.fetch(peer.at("/silence", { id: nextId() })))).toBe("WEIR_RESPONSE_HEAD_TIMEOUT")
      const answer = await client.fetch(peer.at("/endless", { id: nextId() }))
      expect(await codeOf(answer.text())).toBe("WEIR_BODY_IDLE_TIMEOUT")
    },
    { http: { responseHeadTimeout: 50, bodyIdleTimeout: 50 } }
  )

  habit(
    "finds out what the system said, below fetch failed",
    async (client) => {
      const error = await failureOf(client.fetch("http://127.0.0.1:9/"))
      expect(error).toMatchObject({ message: "fetch failed", cause: { code: "WEIR_CONNECT_FAILED" } })
      expect(error).toHaveProperty("cause.cause.code", "ECONNREFUSED")
    },
    { pool: { acquireTimeout: "5 seconds" } }
  )

  habit("aborts one of many calls without disturbing the others", async (client) => {
    const controller = new AbortController()
    const others = Array.from({ length: 5 }, () => echoOf(client, peer.at("/echo")))
    const aborted = failureOf(client.fetch(peer.at("/silence", { id: nextId() }), { signal: controller.signal }))
    controller.abort("mine")
    expect(await aborted).toBe("mine")
    expect((await Promise.all(others)).map(({ method }) => method)).toEqual(Array.from({ length: 5 }, () => "GET"))
  })

  habit("is refused after close, while what runs may end", async (client) => {
    const running = await client.request(peer.at("/endless", { id: nextId() }))
    const closing = client.close()
    expect(await codeOf(client.fetch(peer.at("/echo")))).toBe("WEIR_CLOSED")
    for await (const chunk of running) {
      expect(new TextDecoder().decode(chunk)).toBe("begun")
      break
    }
    await closing
  })

  habit("never has a POST sent again that may have been executed", async (client) => {
    await echoOf(client, peer.at("/echo"))
    expect(await codeOf(client.request(peer.at("/reset"), { method: "POST", body: "once" }))).toBe(
      "WEIR_CONNECTION_LOST"
    )
  })
})

describe("who comes from got", () => {
  habit("has the path and query sent as they are written, and Unicode in percents", async (client) => {
    expect((await echoOf(client, `${peer.at("/echo")}?a=%2F+%20&b=[1]`)).url).toBe("/echo?a=%2F+%20&b=[1]")
    expect((await echoOf(client, `${peer.at("/echo")}?a=\u00e9`)).url).toBe("/echo?a=%C3%A9")
  })

  habit("names the host with its port, unless it is the scheme's own", async (client) => {
    expect((await echoOf(client, peer.at("/echo"))).headers["host"]).toBe(new URL(peer.at("/")).host)
    expect((await echoOf(client, peer.at("/echo"), { headers: { host: "a.test" } })).headers["host"]).toBe("a.test")
  })

  habit("gets JSON as a value, and a SyntaxError for what is none", async (client) => {
    expect(await (await client.request(peer.at("/answer", { body: `{"a":[1]}` }))).json()).toEqual({ a: [1] })
    const broken = await client.request(peer.at("/answer", { body: "{" }))
    expect(await failureOf(broken.json())).toBeInstanceOf(SyntaxError)
  })

  habit("has answers unpacked, and gets them packed where it says so", async (client) => {
    const url = peer.at("/coded", { coding: "gzip", body: "packed" })
    expect(await (await client.request(url)).text()).toBe("packed")
    const packed = await (await client.request(url, { isDecoding: false })).bytes()
    expect([packed[0], packed[1]]).toEqual([0x1f, 0x8b])
  })

  habit("limits the whole of a call, the body included", async (client) => {
    // The first call takes longest, by far on a busy machine: the limit is for the one whose head comes soon.
    await echoOf(client, peer.at("/echo"))
    const answer = await client.request(peer.at("/endless", { id: nextId() }), { timeoutMillis: 300 })
    expect(await codeOf(answer.text())).toBe("WEIR_REQUEST_TIMEOUT")
  })

  habit("tells answers of 400 and above by their status, not by an error", async (client) => {
    const answer = await client.request(peer.at("/answer", { status: "500", body: "why" }))
    expect([answer.status, await answer.text()]).toEqual([500, "why"])
  })

  habit("sees how long a call waited and whether its connection was new", async (client) => {
    await echoOf(client, peer.at("/echo"))
    const answer = await client.request(peer.at("/answer"))
    await answer.text()
    expect(answer.timing).toMatchObject({ isReused: true })
  })

  habit("keeps no cookies of its own", async (client) => {
    await (await client.request(peer.at("/answer", { header: "set-cookie: a=1" }))).text()
    expect((await echoOf(client, peer.at("/echo"))).headers["cookie"]).toBeUndefined()
  })
})
