import { describe, expect, it } from "vitest"
import { answerWith, createClient, type Interceptor } from "../src/index.ts"
import { bodyOf, spec } from "./support/withServer.ts"

const seen: Array<string> = []
const named =
  (name: string): Interceptor =>
  async (request, next) => {
    seen.push(`${name} ${request.method} ${request.url.pathname}`)
    request.headers.set(`x-${name}`, "1")
    const answer = await next(request)
    seen.push(`${name} ${answer.status}`)
    return answer
  }

describe("interceptors", () => {
  spec(
    "see each request in their order and its answer in the reverse, redirects being requests of their own",
    (request, response) => {
      if (request.url === "/from") response.writeHead(302, { location: "/to" }).end()
      else response.end(`${request.headers["x-a"]}${request.headers["x-b"]}`)
    },
    async ({ base, client }) => {
      for (const send of [client.fetch, client.request]) {
        seen.length = 0
        expect(await (await send(`${base}/from`)).text()).toBe("11")
        const hop = (path: string, status: number) => [`a GET ${path}`, `b GET ${path}`, `b ${status}`, `a ${status}`]
        expect(seen).toEqual([...hop("/from", 302), ...hop("/to", 200)])
      }
    },
    { interceptors: [named("a"), named("b")], http: { redirectCountMax: 1 } }
  )

  spec(
    "change URL, method, headers and body, and read the body that was given",
    async (request, response) => {
      response.end(`${request.method} ${request.url} ${request.headers["x-sum"]} ${await bodyOf(request)}`)
    },
    async ({ base, client }) => {
      expect(await (await client.request(base, { body: "text" })).text()).toBe("PUT /signed 4 text!")
    },
    {
      interceptors: [
        (request, next) => {
          const body = String(request.body)
          request.headers.set("x-sum", String(body.length))
          return next({ ...request, url: new URL("/signed", request.url), method: "PUT", body: `${body}!` })
        }
      ]
    }
  )

  spec(
    "send a request again, having given the first answer up",
    (request, response) => response.end(String(request.headers["x-try"])),
    async ({ base, client }) => {
      expect(await (await client.fetch(base)).text()).toBe("2")
      expect(client.stats().createdCount).toBe(1)
    },
    {
      interceptors: [
        async (request, next) => {
          request.headers.set("x-try", "1")
          const first = await next(request)
          first.discard()
          request.headers.set("x-try", "2")
          return await next(request)
        }
      ]
    }
  )

  it("answer by themselves, and what they throw reaches the caller as it is", async () => {
    const broken = new Error("broken")
    await using client = createClient({
      interceptors: [
        (request) =>
          request.url.pathname === "/broken"
            ? Promise.reject(broken)
            : Promise.resolve(answerWith({ status: 203, headers: { "X-From": "cache" }, body: '{"a":1}' }))
      ]
    })
    const fetched = await client.fetch("http://nowhere.test/")
    expect([fetched.status, fetched.headers.get("x-from"), await fetched.json()]).toEqual([203, "cache", { a: 1 }])
    const requested = await client.request("http://nowhere.test/")
    expect([requested.header("X-FROM"), await requested.json()]).toEqual(["cache", { a: 1 }])
    await expect(client.fetch("http://nowhere.test/broken")).rejects.toBe(broken)
    await expect(client.request("http://nowhere.test/broken")).rejects.toBe(broken)
  })

  it("are not reached by a header that cannot be sent", async () => {
    await using client = createClient({ interceptors: [named("c")] })
    await expect(client.request("http://a.test/", { headers: { "x-a": "1\r\nx-b: 2" } })).rejects.toMatchObject({
      code: "WEIR_INVALID_REQUEST"
    })
  })
})
