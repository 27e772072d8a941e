/**
 * The process of a server that others wrote, for as long as a scope.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { Effect, type Scope } from "effect"

export interface ForeignServer {
  readonly program: string
  readonly arguments: ReadonlyArray<string>
  /** Where it is started, and its files are. */
  readonly directory: string
  /** By name, in the directory. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  /** Beside this process's environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Does it take connections? Asked again and again. */
  readonly isReady: () => Promise<boolean>
  /** How long it may take to end when it is asked to, before it is killed; 0: it is killed at once. */
  readonly stopMillisMax: number
}

const startMillisMax = 10_000
const lookMillis = 10

/** Debian puts servers where an ordinary user's PATH does not look. */
export const environment = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin` }

export const makeServerDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "weir-server-"))
    // A server that was started as root reads it as another user.
    chmodSync(directory, 0o755)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

export const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" })
    socket.once("error", () => resolve(false))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })

const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const stop = async (child: ChildProcess, millisMax: number): Promise<void> => {
  if (isOver(child)) return
  const exit = once(child, "exit")
  if (millisMax > 0) {
    child.kill("SIGTERM")
    await Promise.race([exit, setTimeout(millisMax, undefined, { ref: false })])
  }
  if (isOver(child)) return
  child.kill("SIGKILL")
  await exit
}

/** Starts it and waits until it is ready; what it said of its failure is in the error. */
export const startForeign = (server: ForeignServer): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { directory, files, isReady, program } = server
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
      const child = spawn(program, server.arguments, {
        cwd: directory,
        env: { ...environment, ...server.environment },
        stdio: ["ignore", "ignore", "pipe"]
      })
      let said = ""
      child.stderr.on("data", (chunk) => {
        said = `${said}${chunk}`.slice(-2000)
      })
      let failure = ""
      child.once("error", (error) => {
        failure = error.message
      })
      for (let waitedMillis = 0; !(await isReady()); waitedMillis += lookMillis) {
        if (failure !== "" || isOver(child) || waitedMillis > startMillisMax) {
          child.kill("SIGKILL")
          throw new Error(`${program} did not start (try: node scripts/servers.ts): ${failure} ${said}`)
        }
        await setTimeout(lookMillis)
      }
      return child
    }),
    (child) => Effect.promise(() => stop(child, server.stopMillisMax))
  )
