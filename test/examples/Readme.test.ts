import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")

/** The blocks of code that name the example that they show. */
const shownExamples = Array.from(
  readFileSync(join(root, "README.md"), "utf8").matchAll(/```ts (examples\/[\w-]+\.ts)\n([\s\S]*?)```/g),
  (match) => ({ path: match[1] ?? "", code: match[2] ?? "" })
)

const portOf = (server: Server): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  return address.port
}

const run = (path: string, ...args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [join(root, path), ...args], { stdio: ["ignore", "pipe", "inherit"] })

const outputOf = async (child: ChildProcess): Promise<string> => {
  let output = ""
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(child, "close")
  return output
}

describe("the README", () => {
  const upstream = createServer((request, response) => response.end(`hello ${request.headers.host}`))
  beforeAll(async () => {
    upstream.listen(0, "127.0.0.1")
    await once(upstream, "listening")
  })
  afterAll(() => {
    upstream.close()
  })
  const url = () => `http://127.0.0.1:${portOf(upstream)}/env`

  it("shows examples that stand in the repository, to the letter", () => {
    expect(shownExamples.map(({ path }) => path)).toEqual(["examples/effect-program.ts", "examples/node-server.ts"])
    for (const { code, path } of shownExamples) expect(code).toBe(readFileSync(join(root, path), "utf8"))
  })

  it("has an Effect program that makes a pooled request", async () => {
    expect(await outputOf(run("examples/effect-program.ts", url()))).toBe("hello service-go\n")
  })

  it("has a Node server that answers from its upstream and ends on SIGTERM", async () => {
    const placeholder = createServer().listen(0, "127.0.0.1")
    await once(placeholder, "listening")
    const port = portOf(placeholder)
    placeholder.close()
    await once(placeholder, "close")
    const child = run("examples/node-server.ts", url(), String(port))
    const closed = once(child, "close")
    expect(await answerOf(`http://127.0.0.1:${port}/`)).toBe("hello service-go")
    child.kill("SIGTERM")
    expect(await closed).toEqual([0, null])
  })
})

/** Asks until the server listens; the test's own time limit ends it. */
const answerOf = async (url: string): Promise<string> => {
  for (;;) {
    const answer = await fetch(url, { headers: { connection: "close" } }).catch(() => undefined)
    if (answer !== undefined) return await answer.text()
  }
}
