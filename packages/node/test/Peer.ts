/**
 * The other end: a real server that accepts half-open connections and hands them to the test.
 */
import { mkdtempSync, rmSync } from "node:fs"
import type { Server, Socket } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer, type TlsOptions } from "node:tls"
import { Target } from "@weir/transport"
import { Effect, Queue, type Scope } from "effect"

export interface Peer {
  readonly address: Target.Address
  /** 0 for a Unix socket. */
  readonly port: number
  /** The next accepted connection, in order of arrival; paused, so nothing of it is lost. For TLS: after the handshake. */
  readonly accept: Effect.Effect<Socket>
  readonly server: Server
}

export interface PeerOptions {
  readonly listen?: "tcp" | "unix"
  readonly tls?: TlsOptions
  /** Runs when a connection is accepted. */
  readonly onAccept?: (socket: Socket) => void
}

/** Listens until the scope closes, which waits until every accepted connection is closed. */
export const makePeer = ({
  listen = "tcp",
  onAccept,
  tls
}: PeerOptions = {}): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const accepted = yield* Queue.unbounded<Socket>()
    const sockets = new Set<Socket>()
    const directory = mkdtempSync(join(tmpdir(), "weir-peer-"))
    const onConnection = (socket: Socket) => {
      socket.on("error", () => {
        // Resets are a part of these tests; what matters of them is asked for with `ended`.
      })
      onAccept?.(socket)
      Queue.offerUnsafe(accepted, socket)
    }
    const server =
      tls === undefined
        ? createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, onConnection)
        : createTlsServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, ...tls }, onConnection)
    server.on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        const listening = () => resume(Effect.void)
        if (listen === "unix") server.listen(join(directory, "socket"), listening)
        else server.listen(0, "127.0.0.1", listening)
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => {
            rmSync(directory, { recursive: true })
            resume(Effect.void)
          })
          for (const socket of sockets) socket.destroy()
        })
    )
    const bound = server.address()
    const port = bound === null || typeof bound === "string" ? 0 : bound.port
    const host = tls === undefined ? "127.0.0.1" : "localhost"
    const address = typeof bound === "string" ? Target.unix(bound) : Target.tcp(host, port)
    return { address, port, accept: Queue.take(accepted), server }
  })

/** How a peer's connection ended for its side: an orderly FIN, or the code of an error. */
export const ended = (socket: Socket): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    socket.once("end", () => resume(Effect.succeed("FIN")))
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? error.message)))
    socket.resume()
  })

/** All that a peer receives, up to FIN or to so many bytes. */
export const received = (socket: Socket, byteCountMax = Number.POSITIVE_INFINITY): Effect.Effect<Buffer> =>
  Effect.callback<Buffer>((resume) => {
    const chunks: Array<Buffer> = []
    let byteCount = 0
    const finish = () => {
      socket.off("data", take)
      resume(Effect.succeed(Buffer.concat(chunks)))
    }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      byteCount += chunk.length
      if (byteCount >= byteCountMax) finish()
    }
    socket.on("data", take)
    socket.once("end", finish)
    socket.resume()
  })

/** As `received`, but the peer takes one piece per turn of its event loop. */
export const receivedSlowly = (socket: Socket): Effect.Effect<Buffer> => {
  socket.on("data", () => {
    socket.pause()
    setImmediate(() => socket.resume())
  })
  return received(socket)
}

/** The next bytes a peer receives. */
export const nextBytes = (socket: Socket): Effect.Effect<Buffer> =>
  Effect.callback<Buffer>((resume) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause()
      resume(Effect.succeed(chunk))
    })
    socket.resume()
  })
