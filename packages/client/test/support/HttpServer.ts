/**
 * A server of Node's own, for specs that are about what programs exchange and not about bytes.
 */
import { Buffer } from "node:buffer"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Effect, type Scope } from "effect"
import { portOf } from "../../../../test/support/Listening.ts"

export interface HttpServer {
  readonly port: number
  /** `http://127.0.0.1:12345` */
  readonly url: string
  readonly server: Server
}

/** Listens until the scope closes, which waits until the client has closed every connection it had opened. */
export const makeHttpServer = (
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  host = "127.0.0.1"
): Effect.Effect<HttpServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = createServer({ keepAlive: true }, handle)
    // Node would close idle connections itself.
    server.keepAliveTimeout = 0
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, host, () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          const look = (): void => {
            server.getConnections((_error, count) => {
              if (count > 0) setImmediate(look)
              else server.close(() => resume(Effect.void))
            })
          }
          look()
        })
    )
    const port = portOf(server)
    return { port, url: `http://${host}:${port}`, server }
  })

/** What an echo has seen of a request. */
export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Answers with what it got, as JSON. */
export const echo = (request: IncomingMessage, response: ServerResponse): void => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const { headers, method, url } = request
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString("latin1") }))
  })
}
