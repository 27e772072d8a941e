/**
 * One end of a TCP connection that sends exactly the bytes a test tells it to, and shows exactly those that came: a
 * caller of the gateway, or an endpoint behind it.
 */
import { connect, createServer, type Socket } from "node:net"
import { Effect, Queue, type Scope } from "effect"
import { portOf } from "../../../../test/support/Listening.ts"

export class RawPeer {
  readonly socket: Socket
  /** How many bytes have come, also those that were forgotten. */
  receivedByteCount = 0
  end: "open" | "FIN" | "RST" = "open"
  private chunks: Array<Buffer> = []
  private readonly watchers = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    const over = (end: "FIN" | "RST") => {
      if (this.end === "open") this.end = end
      this.tell()
    }
    socket.on("data", (chunk: Buffer) => {
      this.receivedByteCount += chunk.length
      this.chunks.push(chunk)
      this.tell()
    })
    socket.on("end", () => over("FIN"))
    socket.on("error", () => over("RST"))
    socket.on("close", () => over("FIN"))
  }

  /** All that has come and was not forgotten, one character a byte. */
  get received(): string {
    const whole = Buffer.concat(this.chunks)
    this.chunks = [whole]
    return whole.toString("latin1")
  }

  forget(): void {
    this.chunks = []
  }

  /** Done when the predicate holds; looked at whenever something comes. */
  until(predicate: (peer: RawPeer) => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = () => {
        if (!predicate(this)) return
        this.watchers.delete(look)
        resume(Effect.void)
      }
      this.watchers.add(look)
      look()
      return Effect.sync(() => {
        this.watchers.delete(look)
      })
    })
  }

  /** What has come, as soon as the text is in it. */
  untilReceived(text: string): Effect.Effect<string> {
    return Effect.map(
      this.until(({ received }) => received.includes(text)),
      () => this.received
    )
  }

  /** The next request head, which is then forgotten with all before it; what follows stays. */
  get head(): Effect.Effect<string> {
    return Effect.map(this.untilReceived("\r\n\r\n"), (text) => {
      const end = text.indexOf("\r\n\r\n") + 4
      this.chunks = [Buffer.from(text.slice(end), "latin1")]
      return text.slice(0, end)
    })
  }

  get ended(): Effect.Effect<"FIN" | "RST"> {
    return Effect.map(
      this.until(({ end }) => end !== "open"),
      () => (this.end === "RST" ? "RST" : "FIN")
    )
  }

  send(bytes: string | Uint8Array): void {
    if (typeof bytes === "string") this.socket.write(bytes, "latin1")
    else this.socket.write(bytes)
  }

  /** An answer with `Content-Length`. */
  answer(body: string, status = "200 OK", fields = ""): void {
    this.send(`HTTP/1.1 ${status}\r\n${fields}Content-Length: ${Buffer.byteLength(body, "latin1")}\r\n\r\n${body}`)
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  private tell(): void {
    for (const watcher of [...this.watchers]) watcher()
  }
}

export interface RawUpstream {
  readonly port: number
  /** The next connection that was accepted. */
  readonly accept: Effect.Effect<RawPeer>
  readonly acceptedCount: () => number
}

/** An endpoint that the test plays. */
export const makeRawUpstream: Effect.Effect<RawUpstream, never, Scope.Scope> = Effect.gen(function* () {
  const accepted = yield* Queue.unbounded<RawPeer>()
  const sockets = new Set<Socket>()
  let acceptedCount = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    acceptedCount++
    sockets.add(socket)
    Queue.offerUnsafe(accepted, new RawPeer(socket))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  return { port: portOf(server), accept: Queue.take(accepted), acceptedCount: () => acceptedCount }
})

/** A caller of the gateway; its connection lasts as long as the scope. */
export const dial = (port: number): Effect.Effect<RawPeer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<RawPeer>((resume) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true })
      socket.once("connect", () => resume(Effect.succeed(new RawPeer(socket))))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** Sends the text on a connection of its own and returns all that comes until the gateway closes it. */
export const exchangeRaw = (port: number, text: string): Effect.Effect<string> =>
  Effect.scoped(
    Effect.gen(function* () {
      const caller = yield* dial(port)
      caller.send(text)
      yield* caller.ended
      return caller.received
    })
  )
