/**
 * What the README shows stands in the repository to the letter, and does what it says.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { findFreePort } from "../support/Listening.ts"
import { Running, root } from "./Running.ts"
import { Upstream } from "./Upstream.ts"

/** The blocks of code that name the example that they show. */
const shownExamples = Array.from(
  readFileSync(join(root, "README.md"), "utf8").matchAll(/```ts ((?:[\w/]+\/)?examples\/[\w-]+\.ts)\n([\s\S]*?)```/g),
  (match) => ({ path: match[1] ?? "", code: match[2] ?? "" })
)

describe("the README", () => {
  it("shows examples that stand in the repository, to the letter", () => {
    expect(shownExamples.map(({ path }) => path)).toEqual([
      "examples/effect-program.ts",
      "examples/node-server.ts",
      "examples/deno-script.ts",
      "packages/effect3/examples/program.ts"
    ])
    for (const { code, path } of shownExamples) expect(code, path).toBe(readFileSync(join(root, path), "utf8"))
  })

  it("has an Effect program that makes a pooled request", async () => {
    await using upstream = await Upstream.start()
    await using program = new Running("node", "examples/effect-program.ts", upstream.url)
    expect(await program.output()).toBe("hello service-go\n")
  })

  it.each(["node", "bun"] as const)(
    "has a server that answers from its upstream on %s, and ends on SIGTERM",
    async (runtime) => {
      await using upstream = await Upstream.start()
      await using server = new Running(runtime, "examples/node-server.ts", upstream.url, `${await findFreePort()}`)
      const url = await server.url()
      expect(await (await fetch(url, { headers: { connection: "close" } })).text()).toBe("hello service-go")
      server.terminate()
      await server.output()
    }
  )
})
