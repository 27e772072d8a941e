/**
 * What is given back: a `Response` of the runtime's, most of which is made when it is asked for.
 */
import { describe, expect, it } from "vitest"
import { Destinations } from "../src/Destination.ts"
import { type Client, createClient, serviceOf } from "../src/index.ts"
import { type Handler, spec } from "./support/withServer.ts"

const short = "short"
const long = "long ".repeat(100_000)
const bodyAt = (path: string | undefined): string => (path === "/long" ? long : path === "/empty" ? "" : short)

/** `/short` comes with its head, `/long` in many pieces. */
const bodies: Handler = ({ url }, response) =>
  response.writeHead(201, "Made", { "content-type": "text/plain", "x-a": "1" }).end(bodyAt(url))

interface ServeOptions {
  readonly port: number
  readonly hostname: string
  readonly onListen: () => void
}

type Answer = (request: Request) => Promise<Response>

interface BunApi {
  readonly serve: (options: ServeOptions & { readonly fetch: Answer }) => {
    port: number
    stop: (now: boolean) => unknown
  }
}

interface DenoApi {
  readonly serve: (options: ServeOptions, answer: Answer) => { addr: { port: number }; shutdown: () => Promise<void> }
}

/** A server of the runtime's own kind, which answers with a `Response`; Node has none. */
const serve = (answer: Answer): { readonly port: number; readonly stop: () => unknown } | undefined => {
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} }
  const bun: BunApi | undefined = Reflect.get(globalThis, "Bun")
  if (bun !== undefined) {
    const server = bun.serve({ ...options, fetch: answer })
    return { port: server.port, stop: () => server.stop(true) }
  }
  const deno: DenoApi | undefined = Reflect.get(globalThis, "Deno")
  const server = deno?.serve(options, answer)
  return server === undefined ? undefined : { port: server.addr.port, stop: () => server.shutdown() }
}

describe("a response of fetch", () => {
  for (const [path, body] of Object.entries({ "/short": short, "/long": long, "/empty": "" })) {
    spec(`gives the body of ${path} in one piece, of every kind`, bodies, async ({ base, client }) => {
      const get = () => client.fetch(base + path)
      expect(await (await get()).text()).toBe(body)
      expect(new TextDecoder().decode(await (await get()).bytes())).toBe(body)
      expect(new TextDecoder().decode(await (await get()).arrayBuffer())).toBe(body)
      expect(await (await (await get()).blob()).text()).toBe(body)
      if (path === "/empty") await expect((await get()).json()).rejects.toThrow(SyntaxError)
    })

    spec(`tells whether the body of ${path} has been read, and gives it once`, bodies, async ({ base, client }) => {
      const answer = await client.fetch(base + path)
      expect(answer.bodyUsed).toBe(false)
      const reading = answer.text()
      expect(answer.bodyUsed).toBe(true)
      await expect(answer.bytes()).rejects.toThrow(TypeError)
      expect(() => answer.clone()).toThrow(TypeError)
      await expect(answer.blob()).rejects.toThrow(TypeError)
      expect(await reading).toBe(body)
      await expect(answer.text()).rejects.toThrow(TypeError)
    })

    spec(`goes by the stream of ${path} once it has been asked for`, bodies, async ({ base, client }) => {
      const looked = await client.fetch(base + path)
      const { body: stream } = looked
      expect(looked.body).toBe(stream)
      expect(looked.bodyUsed).toBe(false)
      expect(await looked.text()).toBe(body)
      expect(looked.bodyUsed).toBe(true)
      const locked = await client.fetch(base + path)
      const reader = locked.body?.getReader()
      await expect(locked.text()).rejects.toThrow(TypeError)
      await reader?.cancel()
    })

    spec(`is cloned with the body of ${path}, and both are read`, bodies, async ({ base, client }) => {
      const answer = await client.fetch(base + path)
      const copy = answer.clone()
      expect([copy.status, copy.headers.get("x-a")]).toEqual([201, "1"])
      expect(await Promise.all([answer.text(), copy.text()])).toEqual([body, body])
    })

    spec(`is what another Response of ${path} is made from`, bodies, async ({ base, client }) => {
      const answer = await client.fetch(base + path)
      const made = new Response(answer.body, answer)
      expect([made.status, made.statusText, made.headers.get("x-a")]).toEqual([201, "Made", "1"])
      expect(await made.text()).toBe(body)
    })

    spec(`is given on with ${path} by a server of the runtime's own`, bodies, async ({ base, client }) => {
      const server = serve((asked) => client.fetch(base + new URL(asked.url).pathname))
      if (server === undefined) return
      const answer = await client.fetch(`http://127.0.0.1:${server.port}${path}`)
      expect([answer.status, answer.headers.get("x-a")]).toEqual([201, "1"])
      expect(await answer.text()).toBe(body)
      await server.stop()
    })
  }

  spec(
    "has header fields of its own, also where the server says the same again and again",
    ({ url }, response) => {
      response.sendDate = false
      response.writeHead(200, { "x-a": url === "/other" ? "2" : "1" }).end()
    },
    async ({ base, client }) => {
      for (const path of ["/", "/", "/", "/other", "/other", "/"]) {
        const { headers } = await client.fetch(base + path)
        expect([headers.get("x-a"), headers.get("x-own")]).toEqual([path === "/other" ? "2" : "1", null])
        headers.set("x-a", "changed")
        headers.set("x-own", "added")
      }
    }
  )

  spec("has memory of its own, also where it is empty", bodies, async ({ base, client }) => {
    const buffers = [0, 0].map(async () => (await client.fetch(`${base}/empty`)).arrayBuffer())
    const [one, other] = await Promise.all(buffers)
    expect(one).not.toBe(other)
  })

  spec(
    "fails in one piece as it does by the stream",
    (_, response) => {
      response.writeHead(200, { "content-length": "10" }).write("half", () => response.destroy())
    },
    async ({ base, client }) => {
      const terminated = { message: "terminated", cause: { code: "WEIR_CONNECTION_LOST" } }
      await expect((await client.fetch(base)).text()).rejects.toMatchObject(terminated)
      await expect((await client.fetch(base)).body?.pipeTo(new WritableStream())).rejects.toMatchObject(terminated)
    }
  )
})

describe("where URLs lead", () => {
  const withDestinations = async (body: (destinations: Destinations, client: Client) => void): Promise<void> => {
    await using client = createClient()
    body(new Destinations(serviceOf(client)), client)
  }

  it("is looked up once for a URL that is called again", () =>
    withDestinations((destinations) => {
      const first = destinations.of("http://a.test/b?c#d")
      expect(first).toMatchObject({ target: "/b?c", href: "http://a.test/b?c#d", location: "http://a.test/b?c" })
      expect(destinations.of("http://a.test/b?c#d")).toBe(first)
      expect(destinations.of("http://a.test/b?c").origin).toBe(first.origin)
    }))

  it("is kept for what is called again and again, and forgotten for the rest", () =>
    withDestinations((destinations) => {
      const [kept, forgotten] = [destinations.of("http://a.test/kept"), destinations.of("http://a.test/forgotten")]
      for (let number = 0; number < 5000; number++) {
        destinations.of(`http://a.test/${number}`)
        expect(destinations.of("http://a.test/kept")).toBe(kept)
      }
      expect(destinations.of("http://a.test/forgotten")).not.toBe(forgotten)
    }))

  it("is not kept for URLs so long that a few of them fill the memory", () =>
    withDestinations((destinations) => {
      const url = `http://a.test/${"x".repeat(1000)}`
      expect(destinations.of(url)).not.toBe(destinations.of(url))
    }))
})
