import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { createClient, WeirError } from "../src/index.ts"
import { bodyOf, spec } from "./support/withServer.ts"

const text = (body: string) => (_: unknown, response: { end: (body: string) => void }) => response.end(body)

/** The error that a promise rejects with. */
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => {
      throw new Error("it did not reject")
    },
    (error: unknown) => error
  )

describe("fetch", () => {
  spec(
    "answers with status, headers, URL and body",
    (_, response) => {
      response.writeHead(201, "Made", { "x-one": "1", "set-cookie": ["a=1", "b=2"] })
      response.end("hello")
    },
    async ({ base, client }) => {
      const response = await client.fetch(`${base}/path?q=1#part`)
      expect([response.status, response.statusText, response.ok]).toEqual([201, "Made", true])
      expect(response.headers.get("x-one")).toBe("1")
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"])
      expect([response.url, response.redirected, response.type]).toEqual([`${base}/path?q=1`, false, "basic"])
      expect(await response.text()).toBe("hello")
    }
  )

  spec("reuses one connection for calls that follow each other", text("ok"), async ({ base, client }) => {
    for (let count = 0; count < 5; count++) await (await client.fetch(base)).text()
    expect(client.stats().createdCount).toBe(1)
  })

  spec(
    "sends every kind of body, with its content type",
    async (request, response) => {
      response.end(JSON.stringify([request.headers["content-type"] ?? null, await bodyOf(request)]))
    },
    async ({ base, client }) => {
      const post = async (body: BodyInit) => (await client.fetch(base, { method: "post", body })).json()
      expect(await post("text")).toEqual(["text/plain;charset=UTF-8", "text"])
      expect(await post(new TextEncoder().encode("bytes"))).toEqual([null, "bytes"])
      expect(await post(new URLSearchParams({ a: "b c" }))).toEqual([
        "application/x-www-form-urlencoded;charset=UTF-8",
        "a=b+c"
      ])
      expect(await post(new Blob(["blob"], { type: "application/x-thing" }))).toEqual(["application/x-thing", "blob"])
      expect(await post(new Blob(["streamed"]).stream())).toEqual([null, "streamed"])
      const form = new FormData()
      form.append("field", "value")
      const [type, body] = await post(form)
      expect(type).toMatch(/^multipart\/form-data; ?boundary=/)
      expect(body).toContain("value")
    }
  )

  spec(
    "takes a Request with its method, headers and body",
    async (request, response) => {
      response.end(`${request.method} ${request.headers["x-a"]} ${await bodyOf(request)}`)
    },
    async ({ base, client }) => {
      const request = new Request(base, { method: "PUT", headers: { "x-a": "1" }, body: "sent" })
      expect(await (await client.fetch(request)).text()).toBe("PUT 1 sent")
    }
  )

  spec(
    "follows redirects, a POST becoming a GET after 302 and staying one after 307",
    async (request, response) => {
      const target = request.url ?? ""
      if (target === "/302") response.writeHead(302, { location: "/end" }).end("moved")
      else if (target === "/307") response.writeHead(307, { location: "/end" }).end("moved")
      else response.end(`${request.method} ${await bodyOf(request)}`)
    },
    async ({ base, client }) => {
      const found = await client.fetch(`${base}/302`, { method: "POST", body: "x" })
      expect([await found.text(), found.url, found.redirected]).toEqual(["GET ", `${base}/end`, true])
      expect(await (await client.fetch(`${base}/307`, { method: "POST", body: "x" })).text()).toBe("POST x")
    }
  )

  spec(
    "gives a redirect itself in mode manual, and fails in mode error",
    (_, response) => {
      response.writeHead(302, { location: "/end" }).end()
    },
    async ({ base, client }) => {
      const response = await client.fetch(base, { redirect: "manual" })
      expect([response.status, response.headers.get("location")]).toEqual([302, "/end"])
      const error = await failure(client.fetch(base, { redirect: "error" }))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toHaveProperty("cause.code", "WEIR_REDIRECT")
    }
  )

  spec(
    "stops after the redirects it may follow",
    (_, response) => {
      response.writeHead(302, { location: "/again" }).end()
    },
    async ({ base, client, seen }) => {
      expect(await failure(client.fetch(base))).toHaveProperty("cause.code", "WEIR_REDIRECT")
      expect(seen.length).toBe(4)
    },
    { http: { redirectCountMax: 3 } }
  )

  const packed = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
  for (const [coding, pack] of Object.entries(packed)) {
    spec(
      `unpacks ${coding}`,
      (request, response) => {
        expect(request.headers["accept-encoding"]).toContain(coding)
        response.writeHead(200, { "content-encoding": coding }).end(pack("packed ".repeat(1000)))
      },
      async ({ base, client }) => {
        expect(await (await client.fetch(base)).text()).toBe("packed ".repeat(1000))
      }
    )
  }

  spec(
    "unpacks raw deflate, which some servers send for deflate, and several codings at once",
    (request, response) => {
      const twice = request.url === "/twice"
      response.writeHead(200, { "content-encoding": twice ? "deflate, gzip" : "deflate" })
      response.end(twice ? gzipSync(deflateSync("both")) : deflateRawSync("raw"))
    },
    async ({ base, client }) => {
      expect(await (await client.fetch(base)).text()).toBe("raw")
      expect(await (await client.fetch(`${base}/twice`)).text()).toBe("both")
    }
  )

  spec(
    "refuses a body that unpacks to more than a hundred times its size",
    (_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(64 * 1024 * 1024)))
    },
    async ({ base, client }) => {
      const response = await client.fetch(base)
      expect(await failure(response.arrayBuffer())).toHaveProperty("cause.code", "WEIR_CONTENT_CODING")
    }
  )

  spec(
    "says that a broken coding is broken",
    (_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end("this is not gzip")
    },
    async ({ base, client }) => {
      const response = await client.fetch(base)
      expect(await failure(response.text())).toHaveProperty("cause.code", "WEIR_CONTENT_CODING")
    }
  )

  spec(
    "rejects with the signal's reason, before the answer and within the body",
    (request, response) => {
      if (request.url === "/body") response.write("begun")
    },
    async ({ base, client }) => {
      const controller = new AbortController()
      const reason = new Error("mine")
      const waiting = failure(client.fetch(base, { signal: controller.signal }))
      controller.abort(reason)
      expect(await waiting).toBe(reason)
      expect(await failure(client.fetch(base, { signal: controller.signal }))).toBe(reason)
      const other = new AbortController()
      const response = await client.fetch(`${base}/body`, { signal: other.signal })
      const reading = failure(response.text())
      other.abort(reason)
      expect(await reading).toBe(reason)
    },
    { http: { drainTimeout: 0 } }
  )

  spec(
    "has no body for HEAD, 204 and 304",
    (request, response) => {
      response.writeHead(request.url === "/304" ? 304 : request.url === "/204" ? 204 : 200, { etag: "x" }).end()
    },
    async ({ base, client }) => {
      expect((await client.fetch(base, { method: "HEAD" })).body).toBeNull()
      expect((await client.fetch(`${base}/204`)).body).toBeNull()
      expect((await client.fetch(`${base}/304`)).body).toBeNull()
      expect(client.stats().createdCount).toBe(1)
    }
  )

  spec(
    "streams a long body no faster than it is read",
    (_, response) => {
      response.end(Buffer.alloc(8 * 1024 * 1024, 97))
    },
    async ({ base, client }) => {
      const response = await client.fetch(base)
      let byteCount = 0
      for await (const chunk of response.body ?? []) byteCount += chunk.length
      expect(byteCount).toBe(8 * 1024 * 1024)
    }
  )

  spec(
    "gives the connection back when a body is cancelled",
    (_, response) => {
      response.write("endless")
    },
    async ({ base, client }) => {
      const response = await client.fetch(base)
      await response.body?.cancel()
      await expect.poll(() => client.stats().active.used).toBe(0)
    },
    { http: { drainTimeout: 0 } }
  )

  it("rejects with a TypeError for what is no URL, no method for it, or a body where none may be", async () => {
    await using client = createClient()
    expect(await failure(client.fetch("nonsense"))).toBeInstanceOf(TypeError)
    expect(await failure(client.fetch("ftp://a.test/"))).toBeInstanceOf(TypeError)
    expect(await failure(client.fetch("http://a.test/", { method: "TRACE" }))).toBeInstanceOf(TypeError)
    expect(await failure(client.fetch("http://a.test/", { body: "x" }))).toBeInstanceOf(TypeError)
    expect(await failure(client.fetch("http://a.test/", { headers: { "x-a": "1\r\nx-b: 2" } }))).toBeInstanceOf(
      TypeError
    )
  })

  it("says fetch failed where nothing listens, with code, route and retry verdict in the cause", async () => {
    await using client = createClient()
    const error = await failure(client.fetch("http://127.0.0.1:1/"))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ message: "fetch failed", cause: { code: "WEIR_CONNECT_FAILED", retry: "always" } })
    if (error instanceof TypeError) expect(error.cause).toBeInstanceOf(WeirError)
  })

  it("throws on options that cannot be used, naming the nearest key", () => {
    const misspelt: object = { pool: { connectionsPerRouteMx: 1 } }
    expect(() => createClient(misspelt)).toThrow(
      /pool\.connectionsPerRouteMx: unknown key; did you mean connectionsPerRouteMax\?/
    )
  })
})
