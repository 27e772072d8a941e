/**
 * A real node:http or node:https server on loopback that says what it saw, and when its clients have left nothing open.
 */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Socket } from "node:net"
import { Effect, type Scope } from "effect"
import { cert, key } from "./localhostCertificate.ts"

export interface TestServer {
  readonly url: string
  /** The number of requests each connection carried, in the order the connections came. */
  readonly requestCounts: () => ReadonlyArray<number>
  readonly requestCount: () => number
  /** Ends when this many requests have come. */
  readonly seen: (requestCount: number) => Effect.Effect<void>
  /** Ends when no connection is open; call it after a run. */
  readonly allClosed: Effect.Effect<void>
}

export type Answer = (request: IncomingMessage, response: ServerResponse, requestNumber: number) => void

/** `answer` gets the requests numbered from 1. */
export const makeTestServer = (
  answer: Answer,
  protocol: "http" | "https" = "http"
): Effect.Effect<TestServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const counts = new Map<Socket, number>()
    const open = new Set<Socket>()
    const watchers = new Set<() => void>()
    const tell = () => {
      for (const watcher of [...watchers]) watcher()
    }
    let requestCount = 0
    const onRequest: RequestListener = (request, response) => {
      requestCount++
      counts.set(request.socket, (counts.get(request.socket) ?? 0) + 1)
      answer(request, response, requestCount)
      tell()
    }
    const server =
      protocol === "http"
        ? createServer({ keepAliveTimeout: 60_000 }, onRequest)
        : createSecureServer({ keepAliveTimeout: 60_000, cert, key }, onRequest)
    server.on(protocol === "http" ? "connection" : "secureConnection", (socket: Socket) => {
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
    const until = (isReached: () => boolean) =>
      Effect.callback<void>((resume) => {
        const watcher = () => {
          if (!isReached()) return
          watchers.delete(watcher)
          resume(Effect.void)
        }
        watchers.add(watcher)
        watcher()
        return Effect.sync(() => watchers.delete(watcher))
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
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : undefined
    return {
      url: `${protocol}://127.0.0.1:${port}/`,
      requestCounts: () => [...counts.values()],
      requestCount: () => requestCount,
      seen: (count) => until(() => requestCount >= count),
      allClosed: until(() => open.size === 0)
    }
  })
