/**
 * `npm start` and `npm test` in a checkout where nothing is installed. The checkout is a small one of its own, with the
 * scripts of this repository and packages that npm can install without a registry.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const { scripts }: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8")
)

/** As it is before anything is installed; each test has a copy, since npm takes its time to lock one. */
let untouched = ""
let checkout = ""

function write(path: string, content: unknown): void {
  const full = join(checkout, path)
  mkdirSync(join(full, ".."), { recursive: true })
  writeFileSync(full, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o755 })
}

function npm(...npmArguments: ReadonlyArray<string>): SpawnSyncReturns<string> {
  // As a user's shell has it: without this repository's programs and without the settings of the npm above us.
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"))
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
  return spawnSync("npm", npmArguments, {
    cwd: checkout,
    encoding: "utf8",
    env: {
      ...Object.fromEntries(inherited),
      PATH: path.join(delimiter),
      // Port 1 answers nobody: whatever asks the registry fails at once.
      npm_config_registry: "http://127.0.0.1:1/",
      npm_config_cache: join(checkout, ".cache"),
      npm_config_fetch_retries: "0"
    }
  })
}

/** Makes the lock file agree with the manifests, as whoever changes them does. */
function lock(): void {
  const { status, stderr } = npm("install", "--package-lock-only", "--loglevel=error")
  if (status !== 0) throw new Error(stderr)
}

beforeAll(() => {
  untouched = mkdtempSync(join(tmpdir(), "weir-bootstrap-"))
  checkout = untouched
  mkdirSync(join(checkout, "scripts"))
  for (const path of [".npmrc", "scripts/install.mjs"]) cpSync(join(root, path), join(checkout, path))
  write("package.json", { name: "weir", private: true, type: "module", workspaces: ["packages/*"], scripts })
  // Stands for the three packages that bring the runtimes.
  write("packages/runtimes/package.json", {
    name: "runtimes",
    version: "1.0.0",
    bin: { node: "node.sh", bun: "node.sh", deno: "node.sh" }
  })
  write("packages/runtimes/node.sh", `#!/bin/sh\nexec "${process.execPath}" "$@"\n`)
  write(
    "apps/gateway/src/main.ts",
    `const told: ReadonlyArray<string> = process.argv.slice(2)
     console.log(JSON.stringify(told))
     process.exitCode = told.length`
  )
  write("scripts/test.ts", `console.log("3 passed, 0 failed")`)
  lock()
})

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "weir-bootstrap-"))
  cpSync(untouched, checkout, { recursive: true })
})

afterEach(() => {
  rmSync(checkout, { recursive: true, force: true })
})

afterAll(() => {
  rmSync(untouched, { recursive: true, force: true })
})

describe("npm start", () => {
  it("installs what is missing, then leaves stdout and the exit status to the gateway", () => {
    const first = npm("start", "--", "--json", "a b")
    expect(first.stdout).toBe('["--json","a b"]\n')
    expect(first.stderr).toContain("nothing is installed yet")
    expect(first.status).toBe(2)
  })

  it("says and installs nothing once everything is there", () => {
    npm("start")
    const second = npm("start", "--", "--json")
    expect(second.stdout).toBe('["--json"]\n')
    expect(second.stderr).toBe("")
  })

  it("installs again after the lock file has come to name another version", () => {
    const askFor = (version: string): void => {
      write("library/package.json", { name: "library", version })
      npm("pack", "./library")
      const dependencies = { library: `file:library-${version}.tgz` }
      write("package.json", { name: "weir", private: true, workspaces: ["packages/*"], scripts, dependencies })
      lock()
    }
    askFor("1.0.0")
    npm("start")
    askFor("2.0.0")
    const next = npm("start")
    expect(next.stderr).toContain("node_modules/library is not the one package-lock.json names")
    expect(readFileSync(join(checkout, "node_modules/library/package.json"), "utf8")).toContain("2.0.0")
    expect(next.stdout).toBe("[]\n")
  })

  it("starts nothing when the registry cannot be reached, and says so", () => {
    rmSync(join(checkout, "package-lock.json"))
    write("package-lock.json", {
      name: "weir",
      lockfileVersion: 3,
      requires: true,
      packages: {
        "": { name: "weir", workspaces: ["packages/*"], devDependencies: { absent: "1.0.0" } },
        "node_modules/absent": { version: "1.0.0", dev: true }
      }
    })
    const failed = npm("start")
    expect(failed.status).toBe(1)
    expect(failed.stdout).toBe("")
    expect(failed.stderr).toContain("npm start did not run.")
    expect(failed.stderr).toContain("http://127.0.0.1:1/")
  })

  it("notices runtimes that npm lists but whose install scripts did not run", () => {
    write("packages/runtimes/package.json", { name: "runtimes", version: "1.0.0", bin: { node: "node.sh" } })
    lock()
    const failed = npm("start")
    expect(failed.status).toBe(1)
    expect(failed.stderr).toContain("the bun runtime is not in place")
  })
})

describe("npm test", () => {
  it("ends with the line that others read", () => {
    const { status, stdout } = npm("test")
    expect(stdout).toBe("3 passed, 0 failed\n")
    expect(status).toBe(0)
  })

  it("counts an installation that failed as a failure", () => {
    write("package-lock.json", "{}")
    const { status, stdout } = npm("test")
    expect(stdout).toBe("0 passed, 1 failed\n")
    expect(status).toBe(1)
  })
})
