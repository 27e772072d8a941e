/**
 * The farm: processes that are killed, started again and stopped for a while, and what they say.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Chance } from "@weir/testkit"
import type { FarNetwork } from "./OwnNetwork.ts"
import type { FarmWord } from "./Protocol.ts"
import { judgeAddress } from "./SocketWatch.ts"
import { sleepUnless } from "./sleepUnless.ts"

/**
 * A port that is free now, below those that systems give to the near ends of connections: the end of a killed server's
 * connection must not get its port.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(15_000, 30_000)
    const server = createServer().listen(port, "0.0.0.0")
    const isFree = await once(server, "listening").then(
      () => true,
      () => false
    )
    server.close()
    if (isFree) return port
  }
}

export interface FarmOptions {
  readonly seed: number
  /** What became of a POST, or of a connection. */
  readonly hear: (word: FarmWord) => void
  /** Where its certificates are, if it has TLS. */
  readonly tlsDirectory?: string
  /** The network that it stands in, if that is another. */
  readonly far?: FarNetwork | undefined
}

/** One process of the farm: the same port whichever process serves it. */
export class FarmProcess {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  readonly far: FarNetwork | undefined
  private readonly hear: FarmOptions["hear"]
  private readonly words: ReadonlyArray<string>
  private child: ChildProcess | undefined
  private phase = "calm"

  private constructor(port: number, script: string, words: ReadonlyArray<string>, options: FarmOptions) {
    const { far, hear, tlsDirectory } = options
    this.port = port
    this.far = far
    this.host = far?.host ?? "127.0.0.1"
    this.isSecure = tlsDirectory !== undefined
    this.hear = hear
    const program = fileURLToPath(new URL(script, import.meta.url))
    this.words = [...(far?.words ?? []), process.execPath, program, String(port), ...words]
  }

  static async server(options: FarmOptions): Promise<FarmProcess> {
    const words = [String(options.seed), ...(options.tlsDirectory === undefined ? [] : [options.tlsDirectory])]
    const server = new FarmProcess(await freePort(), "ChaosServer.ts", words, options)
    await server.open()
    return server
  }

  /** A proxy before a server of the farm, whose port is here what the server's is there. */
  static async faultProxy(serverPort: number, options: FarmOptions): Promise<FarmProcess> {
    const words = [String(serverPort), String(options.seed)]
    const proxy = new FarmProcess(await freePort(), "FaultProxy.ts", words, options)
    await proxy.open()
    return proxy
  }

  async open(): Promise<void> {
    const [program = "", ...words] = this.words
    const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] })
    this.child = child
    // One that is stopped would outlive this process.
    const end = () => child.kill("SIGKILL")
    process.once("exit", end)
    const lines = createInterface({ input: child.stdout })
    const isListening = new Promise<void>((resolve, reject) => {
      child.once("close", () => {
        process.off("exit", end)
        reject(new Error(`${this.words.join(" ")} ended before it listened`))
      })
      lines.on("line", (line) => {
        if (line === "listening") resolve()
        // A line that a kill has cut off in the middle cannot be: it is written at once.
        else this.hear(JSON.parse(line))
      })
    })
    await isListening
    child.once("close", () => {
      if (this.child === child) throw new Error(`${this.words.join(" ")} ended by itself`)
    })
    this.tell(this.phase)
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

  /** Stopped, it accepts nothing and answers nothing. */
  async stopFor(millis: number): Promise<void> {
    this.child?.kill("SIGSTOP")
    await sleep(millis)
    this.child?.kill("SIGCONT")
  }

  /**
   * Stops it and fills its backlog, so that the system drops whatever asks to be connected. False: it could not be filled.
   */
  async fillFor(millis: number): Promise<boolean> {
    this.child?.kill("SIGSTOP")
    const fillers: Array<Socket> = []
    let isFull = false
    while (!isFull && fillers.length < fillerCountMax) {
      const filler = connect({ host: "127.0.0.1", port: this.port, localAddress: judgeAddress })
      filler.on("error", () => {})
      fillers.push(filler)
      const isConnected = once(filler, "connect").then(
        () => false,
        () => false
      )
      isFull = await Promise.race([isConnected, sleep(fullAfterMillis, true)])
    }
    await sleep(millis)
    this.child?.kill("SIGCONT")
    for (const filler of fillers) filler.destroy()
    return isFull
  }

  async wrongCertificateFor(millis: number): Promise<void> {
    this.child?.stdin?.write("wrong certificate\n")
    await sleep(millis)
    this.child?.stdin?.write("right certificate\n")
  }
}

const fillerCountMax = 64
/** On loopback a connect that takes longer has been dropped. */
const fullAfterMillis = 150

type Fault = (server: FarmProcess, chance: Chance) => Promise<string>

const restart: Fault = async (server) => {
  await server.kill()
  await server.open()
  return "restart"
}
const refuse: Fault = async (server, chance) => {
  await server.kill()
  await sleep(chance.between(50, 500))
  await server.open()
  return "refusal"
}
const stop: Fault = async (server, chance) => {
  await server.stopFor(chance.between(50, 800))
  return "stop"
}
const fill: Fault = async (server, chance) =>
  (await server.fillFor(chance.between(50, 1500))) ? "full backlog" : "backlog that could not be filled"
const wrongCertificate: Fault = async (server, chance) => {
  await server.wrongCertificateFor(chance.between(100, 1500))
  return "wrong certificate"
}
const blackHole: Fault = async ({ far }, chance) => {
  await far?.vanish()
  await sleep(chance.between(200, 3000))
  await far?.appear()
  return "black hole"
}

const faultsOf = (server: FarmProcess): readonly [Fault, ...ReadonlyArray<Fault>] => {
  if (server.far !== undefined) return [restart, stop, blackHole, blackHole, blackHole]
  if (server.isSecure) return [restart, refuse, stop, fill, wrongCertificate, wrongCertificate]
  return [restart, restart, refuse, stop, fill]
}

/** Does to a server what happens to servers, until told to end; at the end it serves. */
export const stormOn = async (
  server: FarmProcess,
  chance: Chance,
  count: (fault: string) => void,
  signal: AbortSignal
): Promise<void> => {
  while (!signal.aborted) {
    await sleepUnless(signal, chance.between(300, 3000))
    if (signal.aborted) return
    count(await chance.pick(faultsOf(server))(server, chance))
  }
}
