/**
 * What is published works away from this repository: every package is built, packed by npm, unpacked into an empty
 * folder and used from there, as JavaScript and by the compiler. Libraries are linked from node_modules, so that no
 * registry is asked.
 */
import { execFileSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { publishedManifest, type SourceManifest } from "../../scripts/manifest.ts"
import { layOut } from "../../scripts/pack.ts"
import { strictProject } from "../packages/Consumer.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const bin = join(root, "node_modules", ".bin")
const consumer = mkdtempSync(join(tmpdir(), "weir-packaging-"))
const installed = join(consumer, "node_modules", "@weir")

/** The runtimes on which a package can be loaded at all; absent: all. */
const runtimesOf = new Map([
  ["@weir/bun", ["bun"]],
  ["@weir/deno", ["deno"]]
])

function run(program: string, programArguments: ReadonlyArray<string>, directory = consumer): string {
  try {
    return execFileSync(program, programArguments, {
      cwd: directory,
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: [bin, process.env["PATH"]].join(delimiter),
        TURBO_TELEMETRY_DISABLED: "1",
        npm_config_loglevel: "error"
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
  } catch (error) {
    // The message of execFileSync leaves out stdout, where compilers complain.
    const said = error instanceof Error && "stdout" in error ? String(error.stdout) : ""
    throw new Error(`${program} ${programArguments.join(" ")} failed\n${said}`, { cause: error })
  }
}

/** Links a library for every package, or, where a package has another version of it than the rest, for that one. */
function link(library: string, name = ""): void {
  const own = join("packages", name, "node_modules", library)
  const isOwn = name !== "" && existsSync(join(root, own))
  const path = join(isOwn ? join(installed, name) : consumer, "node_modules", library)
  if (existsSync(path)) return
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(join(root, isOwn ? own : join("node_modules", library)), path)
}

function readManifest(name: string): SourceManifest {
  return JSON.parse(readFileSync(join(installed, name, "package.json"), "utf8"))
}

/** Every way to import something of the package. */
function listSpecifiers(manifest: SourceManifest): ReadonlyArray<string> {
  return Object.keys(manifest.exports ?? {})
    .filter((subpath) => subpath !== "./package.json")
    .map((subpath) => manifest.name + subpath.slice(1))
}

beforeAll(() => {
  run(join(bin, "turbo"), ["run", "build", "--output-logs=errors-only"], root)
  const directories = layOut(join(consumer, "published"))
  run("npm", ["pack", "--pack-destination", consumer, ...directories])
  mkdirSync(installed, { recursive: true })
  for (const archive of readdirSync(consumer).filter((name) => name.endsWith(".tgz"))) {
    const name = /^weir-(.+?)-\d/.exec(archive)?.[1] ?? archive
    mkdirSync(join(installed, name))
    run("tar", ["-xzf", archive, "--strip-components=1", "-C", join(installed, name)])
    const { dependencies, peerDependencies } = { peerDependencies: {}, ...readManifest(name) }
    for (const library of Object.keys({ ...dependencies, ...peerDependencies })) {
      if (!library.startsWith("@weir/")) link(library, name)
    }
  }
  link("@types/node")
  link("undici-types")
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
}, 120_000)

afterAll(() => {
  rmSync(consumer, { recursive: true, force: true })
})

describe("the published packages", () => {
  it.each(["node", "bun", "deno"])("load from plain JavaScript on %s", (runtime) => {
    const specifiers = readdirSync(installed)
      .map(readManifest)
      .filter(({ name }) => runtimesOf.get(name)?.includes(runtime) ?? true)
      .flatMap(listSpecifiers)
    writeFileSync(
      join(consumer, "main.js"),
      `for (const name of ${JSON.stringify(specifiers)}) console.log(name, Object.keys(await import(name)).length > 0)\n`
    )
    const runArguments = runtime === "deno" ? ["run", "--allow-all", "main.js"] : ["main.js"]
    expect(run(join(bin, runtime), runArguments).trim().split("\n")).toEqual(specifiers.map((name) => `${name} true`))
  })

  it.each(["node", "bun", "deno"])("connect by the runtime's own sockets on %s", (runtime) => {
    const probe = join(installed, "fetch", "dist", "probe.js")
    writeFileSync(
      probe,
      `import { platform } from "#platform"
import { Effect } from "effect"
console.log(Effect.runSync(platform.make()).runtime)\n`
    )
    try {
      const runArguments = runtime === "deno" ? ["run", "--allow-all", probe] : [probe]
      expect(run(join(bin, runtime), runArguments).trim()).toBe(runtime)
    } finally {
      rmSync(probe)
    }
  })

  it.each(["nodenext", "bundler"])("give their types to a strict consumer that resolves like %s", (resolution) => {
    const specifiers = readdirSync(installed).map(readManifest).flatMap(listSpecifiers)
    // A module whose types are not found would be `any`, and `any` could be assigned to never.
    const lines = specifiers.flatMap((name, index) => [
      `import * as m${index} from ${JSON.stringify(name)}`,
      `export const n${index}: 0 extends 1 & typeof m${index} ? never : object = m${index}`
    ])
    writeFileSync(join(consumer, "main.ts"), `${lines.join("\n")}\n`)
    writeFileSync(join(consumer, "tsconfig.json"), strictProject(resolution, ["main.ts"]))
    run(join(bin, "tsc"), ["-p", "tsconfig.json"])
  })

  it("hold their build, their sources and their licence, and nothing else", () => {
    for (const name of readdirSync(installed)) {
      const paths = readdirSync(join(installed, name), { recursive: true, encoding: "utf8" }).filter(
        (path) => !/^node_modules\b/.test(path)
      )
      const others = paths.filter((path) => !/^((dist|src)(\/.+)?|package\.json|README\.md|LICENSE)$/.test(path))
      expect(others, name).toEqual([])
      expect(paths, name).toContain("LICENSE")
      expect(
        paths.filter((path) => /\.tsbuildinfo$|\.test\./.test(path)),
        name
      ).toEqual([])
    }
  })
})

describe("publishedManifest", () => {
  it("leads every export of a source to its build, under every condition", () => {
    const manifest = {
      name: "@weir/fetch",
      exports: {
        ".": { bun: "./src/bun.ts", default: { node: "./src/node.ts", default: null } },
        "./inner/Part": "./src/inner/Part.ts",
        "./package.json": "./package.json"
      }
    }
    expect(publishedManifest(manifest).exports).toEqual({
      ".": {
        bun: { types: "./dist/bun.d.ts", default: "./dist/bun.js" },
        default: { node: { types: "./dist/node.d.ts", default: "./dist/node.js" }, default: null }
      },
      "./inner/Part": { types: "./dist/inner/Part.d.ts", default: "./dist/inner/Part.js" },
      "./package.json": "./package.json"
    })
  })

  it("leads a package's own names to the build as well", () => {
    const manifest = { name: "@weir/fetch", exports: {}, imports: { "#platform": { bun: "./src/bun.ts" } } }
    expect(publishedManifest(manifest).imports).toEqual({
      "#platform": { bun: { types: "./dist/bun.d.ts", default: "./dist/bun.js" } }
    })
  })

  it("asks for libraries by a range and for our own packages by their version", () => {
    const manifest = { name: "@weir/fetch", exports: {}, dependencies: { "@weir/core": "0.1.0", effect: "4.1.0" } }
    expect(publishedManifest(manifest)["dependencies"]).toEqual({ "@weir/core": "0.1.0", effect: "^4.1.0" })
  })

  it("leaves out what only this repository needs", () => {
    const manifest = { name: "@weir/core", version: "0.1.0", scripts: {}, devDependencies: {}, exports: {} }
    expect(publishedManifest(manifest)).toEqual({
      name: "@weir/core",
      version: "0.1.0",
      publishConfig: { access: "public" },
      exports: {}
    })
  })
})
