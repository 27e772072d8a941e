/**
 * A server for as long as a scope: its directory, its process and its application, all gone when the scope closes.
 */
import { Buffer } from "node:buffer"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { Server } from "node:http"
import { createServer, connect as dial, type Server as TcpServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { Effect, type Scope } from "effect"
import { Backend } from "./Backend.ts"
import { bigPieces, smallText } from "./Content.ts"
import { environment, nodeIdleMillisMax, type Places, type ServerKind } from "./Servers.ts"

export interface RunningServer {
  readonly port: number
  readonly backend: Backend
}

const startMillisMax = 10_000
const stopMillisMax = 5000
const lookMillis = 20

const portOf = (server: TcpServer): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server is not listening on a port")
  return address.port
}

const listen = async (server: Server): Promise<number> => {
  await once(server.listen(0, "127.0.0.1"), "listening")
  return portOf(server)
}

/** Free a moment ago; whoever takes it in between makes the start fail, and the failure says so. */
const findFreePort = async (): Promise<number> => {
  const server = createServer()
  await once(server.listen(0, "127.0.0.1"), "listening")
  const port = portOf(server)
  await once(server.close(), "close")
  return port
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial({ port, host: "127.0.0.1" })
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })

const makeDirectory = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "weir-interop-"))
    // A server that was started as root reads it as another user.
    chmodSync(directory, 0o755)
    mkdirSync(join(directory, "static"))
    writeFileSync(join(directory, "static/small.txt"), smallText)
    writeFileSync(join(directory, "static/big.bin"), Buffer.concat([...bigPieces()]))
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const stop = async (child: ChildProcess): Promise<void> => {
  if (isOver(child)) return
  const exit = once(child, "exit")
  child.kill("SIGTERM")
  await Promise.race([exit, setTimeout(stopMillisMax, undefined, { ref: false })])
  if (isOver(child)) return
  child.kill("SIGKILL")
  await exit
}

const startProcess = (kind: ServerKind, start: NonNullable<ServerKind["start"]>, places: Places) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      for (const [name, text] of Object.entries(start.files(places))) writeFileSync(join(places.directory, name), text)
      const child = spawn(start.program, start.arguments_(places), {
        cwd: places.directory,
        env: {
          ...environment,
          HOME: places.directory,
          XDG_CONFIG_HOME: places.directory,
          XDG_DATA_HOME: places.directory
        },
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
      for (let waited = 0; !(await isListening(places.port)); waited += lookMillis) {
        if (failure !== "" || isOver(child) || waited > startMillisMax) {
          await stop(child)
          throw new Error(`${kind.name} did not start (try: node scripts/servers.ts): ${failure} ${said}`)
        }
        await setTimeout(lookMillis)
      }
      return child
    }),
    (child) => Effect.promise(() => stop(child))
  )

const closeServer = (server: Server) =>
  Effect.promise(async () => {
    const closed = once(server, "close")
    server.close()
    server.closeAllConnections()
    await closed
  })

/** Starts a server with its application behind it. */
export const startServer = (kind: ServerKind): Effect.Effect<RunningServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* makeDirectory
    const backend = new Backend(directory)
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => backend.makeServer()),
      closeServer
    )
    const backendPort = yield* Effect.promise(() => listen(server))
    if (kind.start === undefined) {
      server.keepAliveTimeout = nodeIdleMillisMax
      server.keepAliveTimeoutBuffer = 0
      // With a field of the application's own, Node does not announce the timeout, and the client does not heed it.
      server.prependListener("request", (_request, response) => response.setHeader("Connection", "keep-alive"))
      return { port: backendPort, backend }
    }
    const port = yield* Effect.promise(findFreePort)
    yield* startProcess(kind, kind.start, { directory, port, backendPort })
    return { port, backend }
  })
