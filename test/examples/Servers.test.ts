/**
 * The examples that serve, each as a process of its own.
 */
import { describe, expect, it } from "vitest"
import { Running } from "./Running.ts"
import { Upstream } from "./Upstream.ts"

const textOf = async (url: string): Promise<string> => await (await fetch(url)).text()

describe("a Hono server", () => {
  it.each([
    ["node", "examples/hono-node.ts"],
    ["bun", "examples/hono-bun.ts"]
  ] as const)("on %s calls its upstream over one connection, and ends on SIGTERM", async (runtime, path) => {
    await using upstream = await Upstream.start()
    await using server = new Running(runtime, path, upstream.url, "0")
    const url = await server.url()
    for (let count = 0; count < 3; count++) expect(await textOf(url)).toMatch(/^hello 127/)
    expect(JSON.parse(await textOf(`${url}pool`))).toMatchObject({ createdCount: 1 })
    expect(upstream.connectionCount).toBe(1)
    server.terminate()
    await server.output()
  })
})

describe("an Effect service", () => {
  it("calls its upstream over one connection and shows the pool's metrics", async () => {
    await using upstream = await Upstream.start()
    await using service = new Running("node", "examples/effect-service.ts", upstream.url, "0")
    const url = await service.url()
    for (let count = 0; count < 3; count++) expect(await textOf(url)).toMatch(/^hello 127/)
    expect(upstream.connectionCount).toBe(1)
    expect(await textOf(`${url}metrics`)).toMatch(/^weir_pool_connections_limit\{pool="pool"\} 256$/m)
    service.terminate()
    // What Effect's runMain ends with when it is interrupted.
    await service.output(130)
  })
})

describe("a graceful shutdown", () => {
  it("answers who is in, takes nobody new, and leaves no connection open", async () => {
    const [called, answering] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await using upstream = await Upstream.start(async (_, response) => {
      called.resolve()
      await answering.promise
      response.end("in time")
    })
    await using server = new Running("node", "examples/graceful-shutdown.ts", upstream.url, "0")
    const url = await server.url()
    const answer = textOf(url)
    await called.promise
    server.terminate()
    await server.says(/closing/)
    await expect(fetch(url)).rejects.toThrow()
    answering.resolve()
    expect(await answer).toBe("in time")
    expect(await server.output()).toContain("closed with 0 connections open")
  })
})
