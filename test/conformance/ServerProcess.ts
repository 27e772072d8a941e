/**
 * A server that others wrote, for as long as a scope: its directory, its process, and a port that was free a moment ago.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, connect as dial } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import type { Connection } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { expectNoSocketsTo } from "./openSockets.ts"
import { Reader } from "./Reader.ts"

/** Where a server is, and whatever belongs to it. */
export interface Places {
  readonly directory: string
  /** Of 127.0.0.1. */
  readonly port: number
}

export interface ServerProgram {
  readonly program: string
  readonly argumentsAt: (places: Places) => ReadonlyArray<string>
  /** By name, in the directory. */
  readonly filesAt: (places: Places) => Readonly<Record<string, string | Uint8Array>>
  /** The Unix sockets it makes in the directory, and listens at before it listens at its port. */
  readonly unixSockets: ReadonlyArray<string>
}

const startMillisMax = 10_000
const lookMillis = 10

/** Debian puts servers where an ordinary user's PATH does not look. */
const environment = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin` }

const makeDirectory = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "weir-server-"))
    // A server that was started as root reads it as another user.
    chmodSync(directory, 0o755)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Whoever takes it in between makes the start fail, and the failure says so. */
const findFreePort = Effect.promise(async () => {
  const server = createServer()
  await once(server.listen(0, "127.0.0.1"), "listening")
  const address = server.address()
  await once(server.close(), "close")
  return address === null || typeof address === "string" ? 0 : address.port
})

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial({ port, host: "127.0.0.1" })
    socket.once("error", () => resolve(false))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })

const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (isOver(child)) return
    const exit = once(child, "exit")
    child.kill("SIGKILL")
    await exit
  })

const startProcess = (
  { argumentsAt, filesAt, program, unixSockets }: ServerProgram,
  places: Places
): Effect.Effect<ChildProcess> =>
  Effect.promise(async () => {
    // No one knocks at the Unix sockets: a server that passes bytes on would pass the knock on too.
    const isReady = async (): Promise<boolean> =>
      unixSockets.every((name) => existsSync(join(places.directory, name))) && (await isListening(places.port))
    for (const [name, text] of Object.entries(filesAt(places))) writeFileSync(join(places.directory, name), text)
    const child = spawn(program, argumentsAt(places), { env: environment, stdio: ["ignore", "ignore", "pipe"] })
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
  })

/** Starts a server and waits until it listens. Connections to it have to be closed before it is. */
export const startServer = (program: ServerProgram): Effect.Effect<Places, never, Scope.Scope> =>
  Effect.gen(function* () {
    const places: Places = { directory: yield* makeDirectory, port: yield* findFreePort }
    yield* Effect.acquireRelease(startProcess(program, places), stop)
    yield* Effect.addFinalizer(() => expectNoSocketsTo(places.port))
    return places
  })

/** Asks for a path by HTTP, and returns the answer when the server has closed the connection, as it is told to. */
export const get = (connection: Connection, path = "/"): Effect.Effect<HttpAnswer> =>
  Effect.gen(function* () {
    const reader = new Reader()
    connection.attach(reader)
    connection.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    yield* reader.untilHeard("end")
    connection.end()
    yield* reader.untilHeard("close")
    const headEnd = reader.bytes.indexOf("\r\n\r\n")
    const status = /^HTTP\/1\.1 (\d+)/.exec(reader.text)?.[1]
    return { status: Number(status), body: reader.bytes.subarray(headEnd + 4), error: reader.error }
  })

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  /** How the connection ended, if not well. */
  readonly error: Reader["error"]
}

/** A certificate and its key in one file, as HAProxy wants it, or in two, as nginx does. */
export const tlsFiles = ({ chain, key }: { readonly chain: string; readonly key: string }) => ({
  "server.pem": chain,
  "server.key": key,
  "server.both": chain + key
})
