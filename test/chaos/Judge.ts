/**
 * Keeps what was found, says it at once with what it takes to find it again, and drives a process under test.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** How each runtime runs a program; the collector is asked before memory is looked at. */
export const runners: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["node", ["node", "--expose-gc"]],
  ["bun", ["bun", "run"]],
  ["deno", ["deno", "run", "--allow-all", "--v8-flags=--expose-gc"]]
])

/** More than that is one fault found often. */
const findingCountMax = 100

export class Findings {
  readonly list: Array<string> = []
  private readonly label: string
  private readonly startMillis = performance.now()
  private leftOutCount = 0

  /** The label says what was tried, with its seed. */
  constructor(label: string) {
    this.label = label
  }

  add(finding: string): void {
    if (this.list.length >= findingCountMax) {
      this.leftOutCount++
      return
    }
    const seconds = Math.round((performance.now() - this.startMillis) / 1000)
    const said = `${new Date().toISOString()}, after ${seconds} s: ${finding}`
    this.list.push(said)
    console.error(`${this.label}, ${said}`)
  }

  get all(): ReadonlyArray<string> {
    return this.leftOutCount === 0 ? this.list : [...this.list, `and ${this.leftOutCount} more`]
  }
}

/** A program of this directory, on one runtime, that hears lines and says lines of JSON. */
export class Tried {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  /** Its exit status and the signal that ended it. */
  readonly ended: Promise<ReadonlyArray<unknown>>
  private readonly lines: AsyncIterator<string>
  private readonly what: string

  constructor(runtime: string, script: string, orders: unknown) {
    const [program = "", ...words] = runners.get(runtime) ?? []
    this.what = `${script} on ${runtime}`
    this.child = spawn(
      join(root, "node_modules", ".bin", program),
      [...words, join(root, "test/chaos", script), JSON.stringify(orders)],
      { cwd: root, stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } }
    )
    this.ended = once(this.child, "close")
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
    process.once("exit", () => this.child.kill("SIGKILL"))
  }

  tell(line: string): void {
    this.child.stdin.write(`${line}\n`)
  }

  /** The next line, which is known to be of that kind. */
  async hear<A>(): Promise<A> {
    const { done, value } = await this.lines.next()
    if (done === true) throw new Error(`${this.what} ended in the middle`)
    return JSON.parse(value)
  }
}
