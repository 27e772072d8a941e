/**
 * An example as its reader starts it: a process on a runtime, its words, the address at which it listens, its end.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

export const root = join(import.meta.dirname, "../..")

const runners = {
  node: [process.execPath],
  bun: [join(root, "node_modules/.bin/bun")],
  // Where the example says npm:, the sources of this repository are meant.
  deno: [
    join(root, "node_modules/.bin/deno"),
    "run",
    "--allow-net=127.0.0.1",
    "--allow-env",
    `--import-map=${join(root, "test/examples/deno.json")}`
  ]
} as const

export type Runtime = keyof typeof runners

export class Running implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  #output = ""
  readonly #listeners = new Set<() => void>()

  constructor(runtime: Runtime, path: string, ...exampleArguments: ReadonlyArray<string>) {
    const [program, ...runnerArguments] = runners[runtime]
    this.#child = spawn(program, [...runnerArguments, join(root, path), ...exampleArguments], {
      cwd: root,
      env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "inherit"]
    })
    this.#closed = once(this.#child, "close")
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString()
      for (const listener of this.#listeners) listener()
    })
  }

  /** Waits until it says what matches; gives the match. */
  async says(words: RegExp): Promise<RegExpExecArray> {
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const match = words.exec(this.#output)
        if (match === null) return
        this.#listeners.delete(look)
        resolve(match)
      }
      this.#listeners.add(look)
      this.#closed.then(() => reject(new Error(`it ended without saying ${words}, with: ${this.#output}`)), reject)
      look()
    })
  }

  /** The URL at which it says it listens. */
  async url(): Promise<string> {
    const [, port] = await this.says(/listening on \S+?:(\d+)/i)
    return `http://127.0.0.1:${port}/`
  }

  /** Everything it wrote, once it has ended by itself with this status. */
  async output(status = 0): Promise<string> {
    await this.#closed
    const { exitCode } = this.#child
    if (exitCode !== status) throw new Error(`it ended with status ${exitCode}, not ${status}: ${this.#output}`)
    return this.#output
  }

  /** Asks it to end, as an operator does. */
  terminate(): void {
    this.#child.kill("SIGTERM")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#closed
  }
}
