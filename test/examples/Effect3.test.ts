/**
 * The examples for Effect 3, on its own platform packages.
 */
import { describe, expect, it } from "vitest"
import { Running, type Runtime } from "./Running.ts"
import { Upstream } from "./Upstream.ts"

describe("an Effect 3 program", () => {
  it.each<Runtime>(["node", "bun", "deno"])("makes a pooled request on %s", async (runtime) => {
    await using upstream = await Upstream.start()
    await using program = new Running(runtime, "packages/effect3/examples/program.ts", upstream.url)
    expect(await program.output()).toBe("hello service-go\n")
  })

  it.each([
    ["node", "packages/effect3/examples/node-service.ts"],
    ["bun", "packages/effect3/examples/bun-service.ts"]
  ] as const)("serves on the platform of %s, with one connection to its upstream", async (runtime, path) => {
    await using upstream = await Upstream.start()
    await using service = new Running(runtime, path, upstream.url, "0")
    const url = await service.url()
    for (let count = 0; count < 3; count++) expect(await (await fetch(url)).text()).toMatch(/^hello /)
    expect(await (await fetch(`${url}pool`)).json()).toMatchObject({ createdCount: 1 })
    expect(upstream.connectionCount).toBe(1)
    service.terminate()
    await service.output()
  })
})
