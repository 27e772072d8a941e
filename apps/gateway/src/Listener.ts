/**
 * A listening HTTP server of `node:http`, which all three runtimes have, that hands each exchange to a fiber.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Data, Deferred, Effect, Fiber, type Scope } from "effect"

export class ListenError extends Data.TaggedError("ListenError")<{
  readonly host: string
  readonly port: number
  readonly code: string
}> {
  override get message(): string {
    const why = this.code === "EADDRINUSE" ? "the port is in use" : this.code
    return `cannot listen on ${this.host}:${this.port}: ${why}`
  }
}

export type Handler = (message: IncomingMessage, response: ServerResponse) => Effect.Effect<void>

export interface Listener {
  readonly host: string
  readonly port: number
}

/** How many ports after the wanted one are tried where any will do. */
const portsTriedMax = 50

/** How long accepted requests may take to finish when the server closes. */
const drainTimeout = "30 seconds"

/**
 * Listens until the scope closes, which stops accepting and lets the accepted requests finish. `isFixed`: the port as
 * given or none; otherwise the next free one.
 */
export const listen = (
  options: { readonly host: string; readonly port: number; readonly isFixed: boolean },
  handler: Handler
): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const running = new Set<Fiber.Fiber<void>>()
    const server = createServer((message, response) => {
      const fiber = runFork(handler(message, response))
      running.add(fiber)
      fiber.addObserver(() => {
        running.delete(fiber)
      })
      // The caller has gone away before its answer was complete.
      response.once("close", () => {
        if (!response.writableFinished) fiber.interruptUnsafe()
      })
    })
    server.on("clientError", (_error, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      else socket.destroy()
    })
    const bind = (port: number, left: number): Effect.Effect<number, ListenError> =>
      bindOnce(server, options.host, port).pipe(
        Effect.catch((error) =>
          options.isFixed || left === 0 || error.code !== "EADDRINUSE" ? Effect.fail(error) : bind(port + 1, left - 1)
        )
      )
    const port = yield* Effect.acquireRelease(bind(options.port, portsTriedMax), () => close(server, running))
    return { host: options.host, port }
  })

const bindOnce = (server: Server, host: string, port: number): Effect.Effect<number, ListenError> =>
  Effect.callback((resume) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off("listening", onListening)
      resume(Effect.fail(new ListenError({ host, port, code: error.code ?? error.message })))
    }
    const onListening = (): void => {
      server.off("error", onError)
      const address = server.address()
      resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : port))
    }
    server.once("error", onError)
    server.once("listening", onListening)
    server.listen(port, host)
  })

const close = (server: Server, running: ReadonlySet<Fiber.Fiber<void>>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const closed = yield* Deferred.make<void>()
    // No further connection is accepted; idle keep-alive connections are closed now, the others after their answer.
    server.close(() => Deferred.doneUnsafe(closed, Effect.void))
    server.closeIdleConnections()
    const finished = Effect.forEach(Array.from(running), (fiber) => Fiber.await(fiber), { concurrency: "unbounded" })
    yield* Effect.timeoutOption(finished, drainTimeout)
    server.closeAllConnections()
    yield* Deferred.await(closed)
  })
