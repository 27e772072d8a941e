/**
 * A server that holds every request until the test lets it go, and counts its sockets.
 */
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { listen } from "../support/Listening.ts"

export interface HeldServer {
  readonly url: string
  /** `127.0.0.1:port`. */
  readonly host: string
  /** Requests that wait for an answer. */
  readonly heldCount: () => number
  /** The most that ever waited at once. */
  readonly heldCountMax: () => number
  /** Sockets open now. */
  readonly openCount: () => number
  /** Sockets that there have been. */
  readonly acceptedCount: () => number
  /** Answers what is held now. */
  readonly release: () => void
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** `afterMillis`: answer by itself after so long, instead of holding. */
export const holdRequests = async (afterMillis?: number): Promise<HeldServer> => {
  const held = new Set<ServerResponse>()
  const open = new Set<Socket>()
  let acceptedCount = 0
  let heldCountMax = 0
  const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
    if (afterMillis !== undefined) {
      setTimeout(() => response.end("done"), afterMillis)
      return
    }
    held.add(response)
    heldCountMax = Math.max(heldCountMax, held.size)
    response.once("close", () => held.delete(response))
  })
  server.on("connection", (socket: Socket) => {
    acceptedCount++
    open.add(socket)
    socket.once("close", () => open.delete(socket))
  })
  const host = `127.0.0.1:${await listen(server)}`
  return {
    url: `http://${host}/`,
    host,
    heldCount: () => held.size,
    heldCountMax: () => heldCountMax,
    openCount: () => open.size,
    acceptedCount: () => acceptedCount,
    release: () => {
      for (const response of held) response.end("done")
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close")
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}
