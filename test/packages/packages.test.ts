/**
 * What is published, installed as users install it: every package is built and packed, a registry on loopback serves the
 * archives, and empty folders install from it with npm, Bun and Deno, run, type-check and bundle. Other packages come
 * from the registry that npm is configured for, so this needs one; `npm run test:packages` runs it.
 */
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { layOut } from "../../scripts/pack.ts"
import { portOf } from "../support/Listening.ts"
import { bin, Consumer, root, run } from "./Consumer.ts"
import { type Measured, measureInstalled, tableOf } from "./measure.ts"
import { type Archive, type Registry, startRegistry } from "./Registry.ts"

/** What consumers bring, pinned. */
const libraries = {
  types: "@types/node@24.19.2",
  typescript5: "typescript-5@npm:typescript@5.9.3",
  typescript7: "typescript-7@npm:typescript@7.0.2",
  effect4: "effect@4.1.0",
  effect3: "effect@3.22.4",
  platform: "@effect/platform@0.97.2",
  esbuild: "esbuild@0.28.2",
  publint: "publint@0.3.25",
  attw: "@arethetypeswrong/cli@0.18.5",
  undici: "undici@8.12.4"
}

const packed = mkdtempSync(join(tmpdir(), "weir-packed-"))
let registry: Registry
/** What has been started, however far the beginning came. */
const started = new AsyncDisposableStack()
let connectionCount = 0
const server = createServer((_, response) => response.end("hello"))
server.on("connection", () => connectionCount++)

const url = () => `http://127.0.0.1:${portOf(server)}/`
const program = (name: string) => join(root, "test/packages/consumers", name)

/** Does the program get its answers, all over one connection? */
const expectPooled = async (running: (url: string) => Promise<string>): Promise<void> => {
  connectionCount = 0
  expect(await running(url())).toBe("hello 1")
  expect(connectionCount).toBe(1)
}

const archives = (): ReadonlyArray<Archive> =>
  readdirSync(packed)
    .filter((name) => name.endsWith(".tgz"))
    .map((name) => {
      const short = /^weir-(.+?)-\d/.exec(name)?.[1] ?? name
      return {
        path: join(packed, name),
        manifest: JSON.parse(readFileSync(join(packed, "laid-out", short, "package.json"), "utf8"))
      }
    })

beforeAll(async () => {
  await run(join(bin, "turbo"), ["run", "build", "--output-logs=errors-only"], root, { TURBO_TELEMETRY_DISABLED: "1" })
  const directories = layOut(join(packed, "laid-out"))
  await run("npm", ["pack", "--loglevel=error", "--pack-destination", packed, ...directories], root)
  const upstream = (await run("npm", ["config", "get", "registry"], root)).replace(/\/$/, "")
  registry = started.use(await startRegistry(archives(), upstream))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
}, 120_000)

afterAll(async () => {
  await started.disposeAsync()
  server.close()
  rmSync(packed, { recursive: true, force: true })
})

describe("an empty folder", { timeout: 180_000 }, () => {
  it("gets a pooled client by npm install, on Node", async () => {
    using consumer = new Consumer(registry.url)
    await consumer.run("npm", "install", "@weir/fetch")
    const main = consumer.take(program("promises.ts"))
    await expectPooled((to) => consumer.run("node", main, to))
    expect(consumer.copiesOf("effect")).toHaveLength(1)
  })

  it("gets a pooled client by bun add, on Bun", async () => {
    using consumer = new Consumer(registry.url)
    await consumer.run("bun", "add", "@weir/fetch")
    const main = consumer.take(program("promises.ts"))
    await expectPooled((to) => consumer.run("bun", main, to))
    expect(consumer.copiesOf("effect")).toHaveLength(1)
  })

  it("gets a pooled client by an npm: specifier alone, on Deno", async () => {
    using consumer = new Consumer(registry.url)
    rmSync(join(consumer.directory, "package.json"))
    const main = consumer.take(join(root, "examples/deno-script.ts"))
    connectionCount = 0
    expect(await consumer.run("deno", "run", "--allow-net=127.0.0.1", main, url())).toBe("hello 10")
    expect(connectionCount).toBe(10)
  })
})

describe("a TypeScript program", { timeout: 240_000 }, () => {
  it("with Effect 4 type-checks with TypeScript 5 and 7, and runs over the layer", async () => {
    using consumer = new Consumer(registry.url)
    const { effect4, types, typescript5, typescript7 } = libraries
    await consumer.run("npm", "install", "@weir/client", "@weir/node", effect4, types, typescript5, typescript7)
    const main = consumer.take(program("effect4.ts"))
    for (const resolution of ["nodenext", "bundler"]) await consumer.checkTypes("typescript-7", resolution, [main])
    await consumer.checkTypes("typescript-5", "nodenext", [main])
    await expectPooled((to) => consumer.run("node", main, to))
    expect(consumer.copiesOf("effect")).toHaveLength(1)
  })

  it("with Effect 3 type-checks with TypeScript 5 and 7, and runs over its own layer", async () => {
    using consumer = new Consumer(registry.url)
    const { effect3, platform, types, typescript5, typescript7 } = libraries
    await consumer.run("npm", "install", "@weir/effect3", effect3, platform, types, typescript5, typescript7)
    const main = consumer.take(join(root, "packages/effect3/examples/program.ts"))
    for (const resolution of ["nodenext", "bundler"]) await consumer.checkTypes("typescript-7", resolution, [main])
    await consumer.checkTypes("typescript-5", "nodenext", [main])
    expect(await consumer.run("node", main, url())).toBe("hello")
    // Effect 3 at the root, and one copy of Effect 4 for all of our packages.
    expect(consumer.copiesOf("effect").toSorted()).toEqual([
      "node_modules/@weir/fetch/node_modules/effect/package.json",
      "node_modules/effect/package.json"
    ])
  })

  it("with promises type-checks with TypeScript 5 and 7", async () => {
    using consumer = new Consumer(registry.url)
    const { types, typescript5, typescript7 } = libraries
    await consumer.run("npm", "install", "@weir/fetch", types, typescript5, typescript7)
    const main = consumer.take(program("promises.ts"))
    for (const resolution of ["nodenext", "bundler"]) await consumer.checkTypes("typescript-7", resolution, [main])
    await consumer.checkTypes("typescript-5", "nodenext", [main])
  })
})

describe("a bundler", { timeout: 180_000 }, () => {
  it("makes one file of a program for each runtime, with that runtime's sockets", async () => {
    using consumer = new Consumer(registry.url)
    await consumer.run("npm", "install", "@weir/fetch", libraries.esbuild)
    const main = consumer.take(program("promises.ts"))
    const bundle = async (runtime: string, condition: string): Promise<string> => {
      const options = ["--bundle", "--format=esm", "--platform=node", `--conditions=${condition}`]
      await consumer.run(join(consumer.bin, "esbuild"), main, ...options, `--outfile=${runtime}/main.mjs`)
      return readFileSync(join(consumer.directory, runtime, "main.mjs"), "utf8")
    }
    expect(await bundle("node", "node")).not.toMatch(/\bBun\.connect\b|\bDeno\.connect\b/)
    expect(await bundle("deno", "deno")).toContain("Deno.connect")
    await bundle("bun", "bun")
    rmSync(join(consumer.directory, "node_modules"), { recursive: true })
    await expectPooled((to) => consumer.run("node", "node/main.mjs", to))
    await expectPooled((to) => consumer.run("bun", "bun/main.mjs", to))
    await expectPooled((to) => consumer.run("deno", "run", "--allow-all", "deno/main.mjs", to))
  })
})

describe("every package", { timeout: 240_000 }, () => {
  it("satisfies publint, and its types satisfy arethetypeswrong", async () => {
    using consumer = new Consumer(registry.url)
    await consumer.run("npm", "install", libraries.publint, libraries.attw)
    for (const { manifest, path } of archives()) {
      const remarks = await consumer.run(join(consumer.bin, "publint"), "run", path, "--level", "suggestion")
      expect(remarks, manifest.name).toContain("All good!")
      // ESM only: what CommonJS on old Nodes makes of it is not a question here.
      await consumer.run(join(consumer.bin, "attw"), path, "--profile", "esm-only")
    }
  })
})

describe("the cost of installing", { timeout: 240_000 }, () => {
  it("is measured beside undici's", async () => {
    const measured: Array<Measured> = []
    for (const name of ["@weir/fetch", libraries.undici]) measured.push(await measureInstalled(registry.url, name))
    console.log(tableOf(measured))
    for (const { byteCount } of measured) expect(byteCount).toBeGreaterThan(0)
  })
})
