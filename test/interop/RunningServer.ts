/**
 * A server for as long as a scope: its directory, its process and its application, all gone when the scope closes.
 */
import { Buffer } from "node:buffer"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import type { Server } from "node:http"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { isListening, makeServerDirectory, startForeign } from "../support/ForeignServer.ts"
import { findFreePort, listen } from "../support/Listening.ts"
import { Backend } from "./Backend.ts"
import { bigPieces, smallText } from "./Content.ts"
import { nodeIdleMillisMax, type ServerKind } from "./Servers.ts"

export interface RunningServer {
  readonly port: number
  readonly backend: Backend
}

const stopMillisMax = 5000

const makeDirectory = Effect.map(makeServerDirectory, (directory) => {
  mkdirSync(join(directory, "static"))
  writeFileSync(join(directory, "static/small.txt"), smallText)
  writeFileSync(join(directory, "static/big.bin"), Buffer.concat([...bigPieces()]))
  return directory
})

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
    const places = { directory, port, backendPort }
    yield* startForeign({
      program: kind.start.program,
      arguments: kind.start.arguments_(places),
      directory,
      files: kind.start.files(places),
      environment: { HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory },
      isReady: () => isListening(port),
      stopMillisMax
    })
    return { port, backend }
  })
