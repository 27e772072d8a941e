import { createServer, type Server } from "node:http"
import { describe, expect, it } from "vitest"
import { listen } from "../../../test/support/Listening.ts"
import { createClient, WeirError } from "../src/index.ts"

/** A server on 127.0.0.1 that answers with the host it was asked for. */
const listening = async (): Promise<{ readonly server: Server; readonly port: number } & AsyncDisposable> => {
  const server = createServer((request, response) => response.end(request.headers.host))
  const port = await listen(server)
  return { server, port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}

describe("a client with a look-up of its own", () => {
  it("asks it where a name leads, once while its answer holds", async () => {
    await using upstream = await listening()
    const asked: Array<string> = []
    await using client = createClient({
      pool: { mode: "disabled" },
      names: {
        lookup: (host, signal) => {
          asked.push(`${host} ${signal.aborted}`)
          return Promise.resolve({ addresses: ["127.0.0.1"], timeToLiveMillis: 60_000 })
        }
      }
    })
    for (const _ of [1, 2]) {
      const answer = await client.request(`http://inside.test:${upstream.port}/`)
      expect(await answer.text()).toBe(`inside.test:${upstream.port}`)
    }
    expect(asked).toEqual(["inside.test false"])
  })

  it("is told what it could not tell", async () => {
    await using client = createClient({ names: { lookup: () => Promise.reject(new Error("the registry is down")) } })
    const error = await client.request("http://inside.test/").catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(WeirError)
    expect(error).toMatchObject({ code: "WEIR_CONNECT_FAILED", reason: "dns", retry: "always" })
    expect(String(error)).toContain("the registry is down")
  })

  it("is not made with an option out of its bounds", () => {
    expect(() => createClient({ names: { happyEyeballs: { attemptDelay: 1 } } })).toThrow(
      expect.objectContaining({ code: "WEIR_CONFIG", message: "names: attemptDelay is 1 ms, not from 10 to 2000 ms" })
    )
  })
})
