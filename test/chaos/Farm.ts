/**
 * The farm: server processes that are killed, started again and stopped for a while, and the books of what they carried
 * out.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Chance } from "@weir/testkit"

const program = fileURLToPath(new URL("ChaosServer.ts", import.meta.url))

export interface TlsFiles {
  readonly chainPath: string
  readonly keyPath: string
}

/** A port that was free a moment ago. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const bound = server.address()
  server.close()
  return bound === null || typeof bound === "string" ? 0 : bound.port
}

/** One server: the same port whichever process serves it. */
export class FarmServer {
  readonly port: number
  /** How often each POST was received whole, over all processes. */
  readonly executions = new Map<number, number>()
  private readonly words: ReadonlyArray<string>
  private child: ChildProcess | undefined
  private phase = "calm"

  private constructor(port: number, words: ReadonlyArray<string>) {
    this.port = port
    this.words = words
  }

  static async start(seed: number, tls?: TlsFiles): Promise<FarmServer> {
    const port = await freePort()
    const files = tls === undefined ? [] : [tls.chainPath, tls.keyPath]
    const server = new FarmServer(port, [String(port), String(seed), ...files])
    await server.open()
    return server
  }

  async open(): Promise<void> {
    const child = spawn(process.execPath, [program, ...this.words], { stdio: ["pipe", "pipe", "inherit"] })
    this.child = child
    const lines = createInterface({ input: child.stdout })
    const isListening = new Promise<void>((resolve, reject) => {
      child.once("close", () => reject(new Error("a server of the farm ended before it listened")))
      lines.on("line", (line) => {
        if (line === "listening") resolve()
        else this.note(line)
      })
    })
    await isListening
    child.once("close", () => {
      if (this.child === child) throw new Error("a server of the farm ended by itself")
    })
    this.tell(this.phase)
  }

  /** A line that a kill has cut off in the middle cannot be: it is written at once. */
  private note(line: string): void {
    const { number }: { readonly number: number } = JSON.parse(line)
    this.executions.set(number, (this.executions.get(number) ?? 0) + 1)
  }

  tell(phase: string): void {
    this.phase = phase
    this.child?.stdin?.write(`${phase}\n`)
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined) return
    this.child = undefined
    const ended = once(child, "close")
    child.kill("SIGKILL")
    await ended
  }

  /** Stopped, it accepts nothing and answers nothing, and its backlog fills. */
  async stopFor(millis: number): Promise<void> {
    this.child?.kill("SIGSTOP")
    await sleep(millis)
    this.child?.kill("SIGCONT")
  }
}

/** Does to the servers what happens to servers, until told to end; at the end all of them serve. */
export const storm = async (
  servers: ReadonlyArray<FarmServer>,
  chance: Chance,
  signal: AbortSignal
): Promise<Readonly<Record<string, number>>> => {
  const counts: Record<string, number> = {}
  for (const server of servers) server.tell("storm")
  const one = async (server: FarmServer): Promise<void> => {
    while (!signal.aborted) {
      await sleep(chance.between(300, 3000))
      if (signal.aborted) return
      const what = chance.pick(["restart", "restart", "refuse", "stop"])
      counts[what] = (counts[what] ?? 0) + 1
      if (what === "stop") await server.stopFor(chance.between(50, 800))
      else {
        await server.kill()
        if (what === "refuse") await sleep(chance.between(50, 500))
        await server.open()
      }
    }
  }
  await Promise.all(servers.map(one))
  for (const server of servers) server.tell("calm")
  return counts
}
