/**
 * A server that sends exactly the bytes that the test tells it to send, and shows exactly those that it got.
 */
import { Buffer } from "node:buffer"
import type { Server, Socket } from "node:net"
import { createServer } from "node:net"
import { createServer as createTlsServer, type TlsOptions } from "node:tls"
import { Effect, Queue, type Scope } from "effect"
import { portOf } from "../../../../test/support/Listening.ts"

/** Done when a count has stood still for a while: everything on the way is full. */
export const untilStalled = (count: () => number): Effect.Effect<number> =>
  Effect.gen(function* () {
    let before = count()
    for (let stillCount = 0; stillCount < 10; ) {
      yield* Effect.sleep(10)
      const now = count()
      stillCount = now === before && now > 0 ? stillCount + 1 : 0
      before = now
    }
    return before
  })

/** How a connection ended for the server: the client's FIN, or its RST. */
export type PeerEnd = "FIN" | "RST"

/** One request as it came, its body with the framing taken off. */
export interface RawRequest {
  readonly line: string
  /** As sent, from the request line to the empty line, both included. */
  readonly head: string
  readonly body: string
  /** What came between the last chunk and the end of a chunked body. */
  readonly trailers: string
}

/** Accepted connections read at once, unless the test pauses their socket. */
export class RawConnection {
  /** In the order accepted, from 1. */
  readonly number: number
  readonly socket: Socket
  /** How many requests were taken from it with `request`. */
  requestCount = 0
  receivedByteCount = 0
  #unread = Buffer.alloc(0)
  #ended: PeerEnd | undefined
  readonly #waiting = new Set<() => void>()

  constructor(number: number, socket: Socket) {
    this.number = number
    this.socket = socket
    socket.on("data", (chunk: Buffer) => {
      this.receivedByteCount += chunk.length
      this.#unread = Buffer.concat([this.#unread, chunk])
      this.#look()
    })
    socket.on("end", () => this.#end("FIN"))
    socket.on("error", () => this.#end("RST"))
    socket.on("close", () => this.#end("FIN"))
  }

  /** What has come and was not taken by `request`. */
  get unread(): string {
    return this.#unread.toString("latin1")
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  /** Done when the predicate holds; looked at whenever something comes. */
  until(predicate: (connection: RawConnection) => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = () => {
        if (!predicate(this)) return
        this.#waiting.delete(look)
        resume(Effect.void)
      }
      this.#waiting.add(look)
      look()
      return Effect.sync(() => this.#waiting.delete(look))
    })
  }

  /** The next whole request. */
  get request(): Effect.Effect<RawRequest> {
    return Effect.map(
      this.until(() => this.#parse() !== undefined),
      () => {
        const parsed = this.#parse()
        if (parsed === undefined) throw new Error("the request went away while it was looked at")
        this.#unread = this.#unread.subarray(parsed.byteCount)
        this.requestCount++
        return parsed.request
      }
    )
  }

  /** The next head; its body stays unread. */
  get head(): Effect.Effect<string> {
    return Effect.map(
      this.until(() => this.unread.includes("\r\n\r\n")),
      () => {
        const end = this.unread.indexOf("\r\n\r\n") + 4
        const head = this.unread.slice(0, end)
        this.#unread = this.#unread.subarray(end)
        return head
      }
    )
  }

  get ended(): Effect.Effect<PeerEnd> {
    return Effect.map(
      this.until(() => this.hasEnded),
      () => this.#ended ?? "FIN"
    )
  }

  /** Latin-1 text or octets. */
  send(bytes: string | Uint8Array): void {
    if (typeof bytes === "string") this.socket.write(bytes, "latin1")
    else this.socket.write(bytes)
  }

  /** Hands the system one piece after the other; tells how many bytes it has taken. */
  sendInPieces(bytes: Uint8Array): { readonly sentByteCount: number } {
    const progress = { sentByteCount: 0 }
    const next = (): void => {
      const piece = bytes.subarray(progress.sentByteCount, progress.sentByteCount + 50_000)
      if (piece.length === 0) return
      this.socket.write(piece, (error) => {
        if (error !== undefined && error !== null) return
        progress.sentByteCount += piece.length
        next()
      })
    }
    next()
    return progress
  }

  /** An answer with `Content-Length`. */
  answer(body: string, status = "200 OK", fields = ""): void {
    this.send(`HTTP/1.1 ${status}\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  /** Sends FIN. */
  finish(): void {
    this.socket.end()
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  #parse(): { readonly request: RawRequest; readonly byteCount: number } | undefined {
    const text = this.unread
    const headEnd = text.indexOf("\r\n\r\n") + 4
    if (headEnd === 3) return undefined
    const head = text.slice(0, headEnd)
    const line = head.slice(0, head.indexOf("\r\n"))
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1]
    if (!/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
      const byteCount = headEnd + Number(length ?? 0)
      const request = { line, head, body: text.slice(headEnd, byteCount), trailers: "" }
      return text.length < byteCount ? undefined : { request, byteCount }
    }
    let body = ""
    let index = headEnd
    for (;;) {
      const sizeEnd = text.indexOf("\r\n", index)
      if (sizeEnd < 0) return undefined
      const size = Number.parseInt(text.slice(index, sizeEnd), 16)
      if (size === 0) {
        const end = text.indexOf("\r\n\r\n", sizeEnd)
        if (end < 0) return undefined
        return { request: { line, head, body, trailers: text.slice(sizeEnd + 2, end) }, byteCount: end + 4 }
      }
      if (text.length < sizeEnd + 4 + size) return undefined
      body += text.slice(sizeEnd + 2, sizeEnd + 2 + size)
      index = sizeEnd + 4 + size
    }
  }

  #end(how: PeerEnd): void {
    this.#ended ??= how
    this.#look()
  }

  #look(): void {
    for (const look of [...this.#waiting]) look()
  }
}

export interface RawServer {
  readonly port: number
  readonly server: Server
  /** The next accepted connection, in order of arrival. */
  readonly accept: Effect.Effect<RawConnection>
  /** All that were ever accepted. */
  readonly connections: ReadonlyArray<RawConnection>
}

export interface RawServerOptions {
  readonly tls?: TlsOptions
  /** Plays the server's part on its own; without it the test does, through `accept`. */
  readonly onConnection?: (connection: RawConnection) => Effect.Effect<void>
}

/** Listens until the scope closes, which waits until the client has closed every connection it had opened. */
export const makeRawServer = (options: RawServerOptions = {}): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const accepted = yield* Queue.unbounded<RawConnection>()
    const connections: Array<RawConnection> = []
    const onSocket = (socket: Socket) => {
      const connection = new RawConnection(connections.length + 1, socket)
      connections.push(connection)
      if (options.onConnection === undefined) Queue.offerUnsafe(accepted, connection)
      else Effect.runFork(options.onConnection(connection))
    }
    const server =
      options.tls === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true }, onSocket)
        : // Half open, it would keep the socket of a client that went away in mid-handshake.
          createTlsServer({ noDelay: true, ...options.tls }, onSocket)
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.gen(function* () {
          // Whoever leaks a connection hangs here; the test's own time limit tells.
          for (const connection of connections) {
            yield* connection.ended
            connection.socket.destroy()
          }
          yield* Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
          })
        })
    )
    return { port: portOf(server), server, accept: Queue.take(accepted), connections }
  })
