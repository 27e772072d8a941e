/**
 * An endpoint of `node:http` that answers as the test says and shows what it saw.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Effect, type Scope } from "effect"

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: string
}

export interface Upstream {
  readonly port: number
  /** In the order in which their bodies were complete. */
  readonly requests: ReadonlyArray<SeenRequest>
  /** Requests that have begun. */
  readonly begunCount: () => number
  /** Requests on each connection, in the order in which those came. */
  readonly requestCounts: () => ReadonlyArray<number>
  readonly openCount: () => number
  /** Done when the predicate holds; looked at whenever something happens. */
  readonly until: (predicate: () => boolean) => Effect.Effect<void>
}

export type Answer = (request: SeenRequest, response: ServerResponse, message: IncomingMessage) => void

/** Calls `answer` when a request is complete. */
export const makeUpstream = (answer: Answer): Effect.Effect<Upstream, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<SeenRequest> = []
    const counts = new Map<Socket, number>()
    const open = new Set<Socket>()
    const watchers = new Set<() => void>()
    let begunCount = 0
    const tell = () => {
      for (const watcher of [...watchers]) watcher()
    }
    const server = createServer({ keepAliveTimeout: 60_000 }, (message, response) => {
      begunCount++
      counts.set(message.socket, (counts.get(message.socket) ?? 0) + 1)
      const chunks: Array<Buffer> = []
      message.on("data", (chunk: Buffer) => chunks.push(chunk))
      message.on("end", () => {
        const { headers, method = "", rawHeaders, url = "" } = message
        const seen = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString("latin1") }
        requests.push(seen)
        answer(seen, response, message)
        tell()
      })
      tell()
    })
    server.on("connection", (socket: Socket) => {
      open.add(socket)
      counts.set(socket, 0)
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
    const address = server.address()
    return {
      port: typeof address === "object" && address !== null ? address.port : 0,
      requests,
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
