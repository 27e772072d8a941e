/**
 * Sessions over the loopback, against Node's own HTTP server and against a peer that misbehaves on purpose.
 */
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import { createServer as createPeer, type Server, type Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "@effect/vitest"
import { type IdleEvent, makeSession, type RequestHead, type Session } from "@weir/http1"
import { NodeConnector } from "@weir/node"
import { Target, type TransportError } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { listen } from "../../../test/support/Listening.ts"
import { Recorder, request } from "./Recorder.ts"

expectNothingLeft()

interface Opened {
  readonly session: Session
  /** What the owner was told while idle. */
  readonly idleEvents: ReadonlyArray<IdleEvent>
  readonly closed: Promise<TransportError | undefined>
  /** What a handler that takes the connection over calls in the owner's place. */
  readonly onClosed: (error: TransportError | undefined) => void
}

/** A session to a server that listens until the scope closes, by when the session's connection is closed and has said so. */
const open = (server: Server): Effect.Effect<Opened, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    server.on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    const port = yield* Effect.acquireRelease(
      Effect.promise(() => listen(server)),
      () =>
        Effect.promise(() => {
          const closed = once(server.close(), "close")
          for (const socket of sockets) socket.destroy()
          return closed
        })
    )
    const connector = yield* NodeConnector.make()
    const connection = yield* connector.connect({ address: Target.tcp("127.0.0.1", port) })
    const idleEvents: Array<IdleEvent> = []
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<TransportError | undefined>()
    const session = makeSession(connection, { onIdleEvent: (event) => idleEvents.push(event), onClosed })
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        connection.close()
        return closed
      })
    )
    return { session, idleEvents, closed, onClosed }
  })

/** A peer that gives each connection it accepts to the test. */
const peer = (act: (socket: Socket) => void): Server =>
  createPeer({ noDelay: true }, (socket) => {
    socket.on("error", () => {
      // The other side may reset what it refuses.
    })
    socket.once("data", () => act(socket))
  })

const answering = (listener: RequestListener): Server => createServer({ keepAliveTimeout: 0 }, listener)

/** One exchange to its last call; `send` writes the body. */
const exchange = (
  session: Session,
  head: Partial<RequestHead>,
  send: (recorder: Recorder) => void = () => {}
): Effect.Effect<Recorder> =>
  Effect.callback<Recorder>((resume) => {
    const done = () => resume(Effect.succeed(recorder))
    const recorder = new Recorder({ onComplete: done, onFailure: done, onUpgrade: done })
    session.start(request(head), recorder)
    send(recorder)
  })

const bodyOf = (recorder: Recorder): string =>
  recorder.heard.flatMap((event) => (event !== "writable" && "body" in event ? [event.body] : [])).join("")

describe("Over real sockets", () => {
  it.live("one connection carries a hundred exchanges, each with its own answer", () =>
    Effect.gen(function* () {
      let connectionCount = 0
      const server = answering((incoming, outgoing) => {
        outgoing.setHeader("X-Target", incoming.url ?? "")
        if (incoming.url?.endsWith("7")) outgoing.writeEarlyHints({ link: "</a>; rel=preload" })
        if (incoming.url?.endsWith("5")) outgoing.write("chunked ")
        outgoing.end(incoming.url)
      })
      server.on("connection", () => connectionCount++)
      const { idleEvents, session } = yield* open(server)
      for (let index = 0; index < 100; index++) {
        const target = `/${index}`
        const recorder = yield* exchange(session, { target })
        expect(recorder.head?.get("x-target")).toBe(target)
        expect(bodyOf(recorder)).toBe(index % 10 === 5 ? `chunked ${target}` : target)
        expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
      }
      expect(connectionCount).toBe(1)
      expect(idleEvents).toEqual([])
    })
  )

  it.live("a large body goes out in chunks at the pace of the peer, and comes back as it went", () =>
    Effect.gen(function* () {
      const { session } = yield* open(answering((incoming, outgoing) => incoming.pipe(outgoing)))
      const pieces = Array.from({ length: 200 }, (_, index) => Buffer.alloc(1 + index * 331, `${index} `))
      let sentCount = 0
      let waitCount = 0
      const pump = (recorder: Recorder) => {
        recorder.reactions.onWritable = () => pump(recorder)
        for (;;) {
          const piece = pieces[sentCount++]
          if (piece === undefined) return session.endBody()
          if (!session.writeBody(piece)) {
            waitCount++
            return
          }
        }
      }
      const recorder = yield* exchange(session, { method: "POST", body: { _tag: "chunked" } }, pump)
      expect(bodyOf(recorder) === Buffer.concat(pieces).toString()).toBe(true)
      expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
      expect(waitCount).toBeGreaterThan(0)
    })
  )

  it.live("a paused answer stops the server, and goes on where it was", () =>
    Effect.gen(function* () {
      const content = Buffer.alloc(32 * 1024 * 1024, "0123456789abcdef")
      const { session } = yield* open(answering((_incoming, outgoing) => outgoing.end(content)))
      let byteCount = 0
      const { promise, resolve } = Promise.withResolvers<void>()
      session.start(request(), {
        onInformational: () => {},
        onHead: () => session.pause(),
        onBody: (chunk) => {
          byteCount += chunk.length
        },
        onComplete: () => resolve(),
        onUpgrade: () => {},
        onWritable: () => {},
        onFailure: () => resolve()
      })
      yield* Effect.promise(async () => {
        for (let turn = 0; turn < 200; turn++) await setImmediate()
      })
      expect(byteCount).toBeLessThan(content.length / 2)
      session.resume()
      yield* Effect.promise(() => promise)
      expect(byteCount).toBe(content.length)
    })
  )

  it.live("a held body waits for the server's 100 and then goes", () =>
    Effect.gen(function* () {
      const server = answering((incoming, outgoing) => incoming.pipe(outgoing))
      const { session } = yield* open(server)
      const body = { _tag: "bytes", bytes: Buffer.from("held") } as const
      const recorder = yield* exchange(session, { method: "POST", body, expectsContinue: true })
      expect(recorder.heard[0]).toMatchObject({ informational: { line: "1.1 100 Continue" } })
      expect(bodyOf(recorder)).toBe("held")
      expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
    })
  )

  it.live("trailers go both ways", () =>
    Effect.gen(function* () {
      const server = answering((incoming, outgoing) => {
        incoming.resume()
        incoming.on("end", () => {
          outgoing.setHeader("Trailer", "X-Sum")
          outgoing.write("x")
          outgoing.addTrailers({ "X-Sum": incoming.trailers["x-sum"] ?? "" })
          outgoing.end()
        })
      })
      const { session } = yield* open(server)
      const recorder = yield* exchange(session, { method: "POST", body: { _tag: "chunked" } }, () =>
        session.endBody(["X-Sum", "12"])
      )
      expect(recorder.last).toEqual({ complete: "reusable", trailers: ["X-Sum", "12"] })
    })
  )

  it.live("an upgraded connection is given away with what had been read of the new protocol", () =>
    Effect.gen(function* () {
      const server = answering(() => {})
      server.on("upgrade", (_incoming, socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst")
        socket.pipe(socket)
      })
      const { onClosed, session } = yield* open(server)
      const { promise, resolve } = Promise.withResolvers<string>()
      const head: Partial<RequestHead> = { isUpgrade: true, headers: ["Host", "a.test", "Upgrade", "echo"] }
      const recorder = new Recorder({
        onUpgrade: () => {
          session.connection.attach({
            onData: (chunk) => resolve(Buffer.from(chunk).toString()),
            onEnd: () => {},
            onDrain: () => {},
            onClose: onClosed
          })
          session.connection.write("second")
        }
      })
      session.start(request(head), recorder)
      expect(yield* Effect.promise(() => promise)).toBe("second")
      expect(recorder.last).toMatchObject({ rest: "first" })
    })
  )

  it.live("a server that closes the idle connection is noticed", () =>
    Effect.gen(function* () {
      const { closed, idleEvents, session } = yield* open(
        peer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
      )
      const recorder = yield* exchange(session, {})
      const verdict = recorder.last
      yield* Effect.promise(() => closed)
      // The FIN may be seen with the answer or after it; never is it missed.
      const seen = JSON.stringify([verdict, idleEvents])
      expect([
        '[{"complete":"reusable","trailers":[]},["end"]]',
        '[{"complete":"peer-closed","trailers":[]},[]]'
      ]).toContain(seen)
    })
  )

  it.live("a reset in the middle of a body fails the exchange with its cause", () =>
    Effect.gen(function* () {
      const { closed, session } = yield* open(
        peer((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", () => socket.resetAndDestroy()))
      )
      const recorder = yield* exchange(session, {})
      expect(recorder.last).toMatchObject({ failure: expect.stringMatching(/^ConnectionFailed /) })
      expect(yield* Effect.promise(() => closed)).toMatchObject({ reason: "Reset" })
    })
  )

  it.live("an answer in single bytes is refused at the byte that is wrong", () =>
    Effect.gen(function* () {
      const text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length : 3\r\n\r\nhi"
      const { closed, session } = yield* open(
        peer((socket) => {
          const next = (index: number) => {
            const octet = text[index]
            if (octet === undefined || socket.destroyed) return
            socket.write(octet, () => next(index + 1))
          }
          next(0)
        })
      )
      const recorder = yield* exchange(session, {})
      expect(recorder.last).toMatchObject({ failure: "MalformedResponse response-started" })
      expect(yield* Effect.promise(() => closed)).toBe(undefined)
    })
  )

  it.live("an abort closes the connection under a streaming server", () =>
    Effect.gen(function* () {
      const { promise: dropped, resolve } = Promise.withResolvers<void>()
      const server = answering((_incoming, outgoing) => {
        outgoing.on("close", resolve)
        outgoing.write("endless")
      })
      const { closed, session } = yield* open(server)
      const recorder = new Recorder({ onBody: () => session.abort() })
      session.start(request(), recorder)
      yield* Effect.promise(() => Promise.all([dropped, closed]))
      expect(recorder.last).toEqual({ body: "endless" })
    })
  )
})
