/**
 * Somebody else's project: an empty folder outside this repository, with nothing but what it installs from the registry
 * that it is told of, by caches of its own.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

export const root = fileURLToPath(new URL("../..", import.meta.url))
export const bin = join(root, "node_modules", ".bin")

const execute = promisify(execFile)

/** What a program wrote to stdout; its failure tells what it wrote to both. */
export const run = async (
  program: string,
  programArguments: ReadonlyArray<string>,
  directory: string,
  env: Readonly<Record<string, string>> = {}
): Promise<string> => {
  const options = {
    cwd: directory,
    env: { ...process.env, PATH: [bin, process.env["PATH"]].join(delimiter), DENO_NO_UPDATE_CHECK: "1", ...env }
  }
  try {
    return (await execute(program, programArguments, options)).stdout.trim()
  } catch (error) {
    const said =
      error instanceof Error && "stdout" in error && "stderr" in error ? `${error.stdout}${error.stderr}` : ""
    throw new Error(`${basename(program)} ${programArguments.join(" ")} failed\n${said}`, { cause: error })
  }
}

/** A tsconfig.json that checks the files as strictly as can be, the declarations of what they import among them. */
export const strictProject = (resolution: string, files: ReadonlyArray<string>): string =>
  JSON.stringify({
    compilerOptions: {
      target: "ES2024",
      lib: ["ES2024", "DOM", "DOM.AsyncIterable", "ESNext.Disposable"],
      module: resolution === "bundler" ? "preserve" : resolution,
      moduleResolution: resolution,
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true
    },
    files
  })

export class Consumer implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "weir-consumer-"))
  /** By node_modules/.bin of what it installed. */
  readonly bin = join(this.directory, "node_modules", ".bin")
  readonly #env: Readonly<Record<string, string>>

  constructor(registryUrl: string) {
    writeFileSync(join(this.directory, "package.json"), JSON.stringify({ name: "consumer", type: "module" }))
    this.#env = {
      npm_config_registry: registryUrl,
      NPM_CONFIG_REGISTRY: registryUrl,
      BUN_CONFIG_REGISTRY: registryUrl,
      BUN_INSTALL_CACHE_DIR: join(this.directory, ".bun"),
      DENO_DIR: join(this.directory, ".deno"),
      npm_config_loglevel: "error"
    }
  }

  run(program: string, ...programArguments: ReadonlyArray<string>): Promise<string> {
    return run(program, programArguments, this.directory, this.#env)
  }

  /** Copies a file of this repository, or of the build, to the top of the folder; a `change` is made on the way. */
  take(path: string, change: (text: string) => string = (text) => text): string {
    const name = basename(path)
    writeFileSync(join(this.directory, name), change(readFileSync(path, "utf8")))
    return name
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  /** Has `tsc` of the given package check the files, as strictly as can be. */
  async checkTypes(compiler: string, resolution: string, files: ReadonlyArray<string>): Promise<void> {
    writeFileSync(join(this.directory, "tsconfig.json"), strictProject(resolution, files))
    await this.run(join(this.directory, "node_modules", compiler, "bin", "tsc"), "-p", "tsconfig.json")
  }

  /** Every copy of a package below node_modules. */
  copiesOf(name: string): ReadonlyArray<string> {
    const ending = join("node_modules", name, "package.json")
    return readdirSync(join(this.directory, "node_modules"), { recursive: true, encoding: "utf8" })
      .map((path) => join("node_modules", path))
      .filter((path) => path.endsWith(ending))
  }

  installedByteCount(): number {
    const top = join(this.directory, "node_modules")
    return readdirSync(top, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { name, parentPath }) => sum + statSync(join(parentPath, name)).size, 0)
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
