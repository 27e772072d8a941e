/**
 * A proxy that forwards requests and opens tunnels, and writes down what it was told.
 */
import { createServer, type IncomingMessage, request } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { Effect, type Scope } from "effect"
import { portOf } from "../../../../test/support/Listening.ts"

export interface ProxyServer {
  readonly port: number
  /** Of each request: `GET http://a.test/` or `CONNECT a.test:443`, then its headers by name. */
  readonly heard: ReadonlyArray<readonly [line: string, headers: IncomingMessage["headers"]]>
  /** Connections that were opened to it. */
  readonly connectionCount: number
}

/** Every name leads to 127.0.0.1. Listens until the scope closes; by then the client has closed what it had opened. */
export const makeProxyServer = (credentials?: string): Effect.Effect<ProxyServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const heard: Array<readonly [string, IncomingMessage["headers"]]> = []
    const sockets = new Set<Socket>()
    let connectionCount = 0
    const expected = credentials === undefined ? undefined : `Basic ${btoa(credentials)}`
    /** Writes the request down; is its client known? */
    const note = ({ headers, method, url }: IncomingMessage): boolean => {
      heard.push([`${method} ${url}`, headers])
      return headers["proxy-authorization"] === expected
    }
    const server = createServer({ keepAlive: true }, (incoming, answer) => {
      if (!note(incoming)) {
        answer.writeHead(407, { "Proxy-Authenticate": "Basic" }).end()
        return
      }
      const { headers, method, url = "" } = incoming
      const target = new URL(url)
      const path = `${target.pathname}${target.search}`
      // An agent would keep the connection for seconds, and the origin waits for its end.
      const to = { host: "127.0.0.1", port: target.port, agent: false }
      const outgoing = request({ ...to, method, path, headers }, (response) => {
        const { connection: _, ...kept } = response.headers
        answer.writeHead(response.statusCode ?? 502, kept)
        response.pipe(answer)
      })
      incoming.pipe(outgoing)
    })
    server.keepAliveTimeout = 0
    server.on("connection", (socket: Socket) => {
      connectionCount++
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    server.on("connect", (incoming: IncomingMessage, client: Duplex) => {
      if (!note(incoming)) {
        client.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        return
      }
      const port = Number(incoming.url?.split(":").at(-1))
      const upstream = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        client.pipe(upstream).pipe(client)
      })
      upstream.on("error", () => client.destroy())
      client.on("error", () => upstream.destroy())
      client.on("close", () => upstream.destroy())
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          const look = (): void => {
            if (sockets.size > 0) setImmediate(look)
            else server.close(() => resume(Effect.void))
          }
          look()
        })
    )
    return {
      port: portOf(server),
      heard,
      get connectionCount() {
        return connectionCount
      }
    }
  })
