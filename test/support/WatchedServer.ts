/**
 * A server of `node:http` or `node:https` on 127.0.0.1 for as long as a scope, and what a test may ask of it: its
 * connections, what each carried, and when that has come to what the test waits for.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Server as TlsServer } from "node:tls"
import { Effect, type Scope } from "effect"
import { portOf } from "./Listening.ts"

export interface WatchedServer {
  readonly port: number
  /** Requests that have begun. */
  readonly begunCount: () => number
  /** Requests on each connection, in the order in which those came. */
  readonly requestCounts: () => ReadonlyArray<number>
  readonly openCount: () => number
  /** Done when the predicate holds; looked at whenever something happens. */
  readonly until: (predicate: () => boolean) => Effect.Effect<void>
}

/** `number` counts the requests from 1; `tell` has whoever waits look again. */
export type Serve = (message: IncomingMessage, response: ServerResponse, number: number, tell: () => void) => void

/** Closes whatever is open when its scope closes. */
export const watchServer = (server: Server, serve: Serve): Effect.Effect<WatchedServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const counts = new Map<Socket, number>()
    const open = new Set<Socket>()
    const watchers = new Set<() => void>()
    let begunCount = 0
    const tell = () => {
      for (const watcher of [...watchers]) watcher()
    }
    // Long enough that no test sees Node close an idle connection.
    server.keepAliveTimeout = 60_000
    server.on("request", (message, response) => {
      begunCount++
      counts.set(message.socket, (counts.get(message.socket) ?? 0) + 1)
      serve(message, response, begunCount, tell)
      tell()
    })
    server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
      open.add(socket)
      counts.set(socket, 0)
      socket.on("error", () => {
        // What the test does to the connection is the test's affair; its end is told below.
      })
      socket.on("close", () => {
        open.delete(socket)
        tell()
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return {
      port: portOf(server),
      begunCount: () => begunCount,
      requestCounts: () => [...counts.values()],
      openCount: () => open.size,
      until: (predicate) =>
        Effect.callback<void>((resume) => {
          const look = () => {
            if (!predicate()) return
            watchers.delete(look)
            resume(Effect.void)
          }
          watchers.add(look)
          look()
          return Effect.sync(() => {
            watchers.delete(look)
          })
        })
    }
  })
