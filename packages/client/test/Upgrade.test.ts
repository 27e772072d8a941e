/**
 * After a change of protocol: Effect's `Socket` on the connection, and the permits that it holds.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { WeirClient, WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Fiber, Layer, type Scope, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { Socket } from "effect/socket"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { makeUpgradedSocket } from "../src/UpgradedSocket.ts"
import { firstDifference, patternBytes } from "./support/bytes.ts"
import { makeRawServer, type RawConnection, type RawServer, untilStalled } from "./support/RawServer.ts"
import { type Counts, countsOf, settled, withMemory, withRawServer } from "./support/world.ts"

expectNothingLeft()

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"

interface World {
  readonly socket: Socket.Socket
  readonly connection: RawConnection
  readonly counts: Effect.Effect<Counts>
}

type Steps<W> = (world: W) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>

/** A socket through Effect's `HttpClient`; afterwards nothing may be left, once the steps have closed it. */
const withSocket = (steps: Steps<World>, together = ""): Effect.Effect<void, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* makeRawServer()
      yield* Effect.gen(function* () {
        const client = yield* WeirClient
        const counts = countsOf(client)
        yield* Effect.scoped(Effect.gen(() => upgradeAnd(server, counts, steps, together)))
        assert.deepStrictEqual(yield* counts, { active: 0, pending: 0, dialling: 0, idle: 0, connections: 0 })
      }).pipe(Effect.provide(Layer.provide(WeirHttpClient.layer(), NodeConnector.layer)))
    })
  )

const upgradeAnd = function* (
  server: RawServer,
  counts: Effect.Effect<Counts>,
  steps: Steps<World>,
  together: string
): Generator<Effect.Effect<unknown, unknown, Scope.Scope | HttpClient.HttpClient>, void, never> {
  const request = HttpClientRequest.upgrade(HttpClientRequest.get(`http://127.0.0.1:${server.port}/`), "echo")
  const caller = yield* Effect.forkChild(Effect.flatMap(HttpClient.execute(request), ({ upgrade }) => upgrade))
  const connection = yield* server.accept
  const head = yield* connection.head
  assert.match(head, /\r\nConnection: upgrade\r\n/)
  assert.match(head, /\r\nupgrade: echo\r\n/)
  connection.send(switching + together)
  const socket = yield* Fiber.join(caller)
  assert.strictEqual((yield* counts).active, 1)
  yield* Effect.gen(() => steps({ socket, connection, counts }))
}

/** So many bytes that the socket's reader gives, as text. */
const readText = (pull: Socket.Reader["pull"], length: number): Effect.Effect<string, Socket.SocketError> =>
  Effect.gen(function* () {
    let text = ""
    while (text.length < length) {
      for (const chunk of yield* pull) text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()
    }
    return text
  })

describe("a connection that changes its protocol", () => {
  it.live("is a Socket whose first bytes are those that came with the head", () =>
    withSocket(function* ({ connection, counts, socket }) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { pull } = yield* socket.reader
          const { write, writeAll } = yield* socket.writer
          assert.strictEqual(yield* readText(pull, 5), "early")
          yield* write("pi")
          yield* write(Buffer.from("ng"))
          yield* writeAll(["!", "?"])
          yield* connection.until(({ unread }) => unread === "ping!?")
          connection.send("pong")
          assert.strictEqual(yield* readText(pull, 4), "pong")
        })
      )
      assert.strictEqual((yield* counts).connections, 0)
      assert.strictEqual(yield* connection.ended, "FIN")
    }, "early")
  )

  it.live("keeps what comes before it is read, and slows the peer down", () =>
    withSocket(function* ({ connection, socket }) {
      const bytes = patternBytes(10_000_000)
      const progress = connection.sendInPieces(bytes)
      assert.isBelow(yield* untilStalled(() => progress.sentByteCount), bytes.length)
      const chunks: Array<Uint8Array> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Socket.readerBytes(socket)
          for (let count = 0; count < bytes.length; ) {
            for (const chunk of yield* pull) {
              chunks.push(chunk)
              count += chunk.length
            }
          }
        })
      )
      assert.strictEqual(firstDifference(Buffer.concat(chunks), bytes), -1)
    })
  )

  it.live("slows the peer down again when its reader stops", () =>
    withSocket(function* ({ connection, socket }) {
      const { pull } = yield* socket.reader
      connection.send("first")
      assert.strictEqual(yield* readText(pull, 5), "first")
      const progress = connection.sendInPieces(patternBytes(10_000_000))
      assert.isBelow(yield* untilStalled(() => progress.sentByteCount), 10_000_000)
    })
  )

  it.live("takes 10 MB no faster than the peer reads them", () =>
    withSocket(function* ({ connection, socket }) {
      const bytes = patternBytes(10_000_000)
      connection.socket.pause()
      let writtenCount = 0
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* socket.reader
          const { write } = yield* socket.writer
          const writer = yield* Effect.forkChild(
            Effect.forEach(
              Array.from({ length: 100 }, (_, index) => index),
              (index) =>
                Effect.andThen(
                  write(bytes.subarray(index * 100_000, (index + 1) * 100_000)),
                  Effect.sync(() => writtenCount++)
                )
            ),
            { startImmediately: true }
          )
          yield* untilStalled(() => writtenCount)
          assert.isBelow(writtenCount, 90)
          connection.socket.resume()
          yield* Fiber.join(writer)
          yield* connection.until(({ receivedByteCount }) => receivedByteCount > bytes.length)
        })
      )
      assert.strictEqual(firstDifference(Buffer.from(connection.unread, "latin1"), bytes), -1)
    })
  )

  it.live("ends its pull with a close error after the peer's last byte, and may still write", () =>
    withSocket(function* ({ connection, counts, socket }) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { pull } = yield* socket.reader
          const { write } = yield* socket.writer
          connection.send("last")
          connection.finish()
          assert.strictEqual(yield* readText(pull, 4), "last")
          const error = yield* Effect.flip(pull)
          assert.deepInclude(error.reason, { _tag: "SocketCloseError", code: 1000 })
          yield* write("still")
          yield* connection.until(({ unread }) => unread === "still")
        })
      )
      assert.strictEqual((yield* counts).connections, 0)
    })
  )

  it.live("ends its pull, its writes and its lease when the peer resets it", () =>
    withSocket(function* ({ connection, counts, socket }) {
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      const puller = yield* Effect.forkChild(Effect.flip(pull), { startImmediately: true })
      connection.reset()
      assert.strictEqual((yield* Fiber.join(puller)).reason._tag, "SocketReadError")
      assert.strictEqual((yield* Effect.flip(write("x"))).reason._tag, "SocketWriteError")
      assert.strictEqual((yield* counts).connections, 0)
    })
  )

  it.live("fails a pull that waits when the reader's scope closes", () =>
    withSocket(function* ({ connection, socket }) {
      const { puller } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { pull } = yield* socket.reader
          return { puller: yield* Effect.forkDetach(Effect.flip(pull), { startImmediately: true }) }
        })
      )
      assert.deepInclude((yield* Fiber.join(puller)).reason, { _tag: "SocketCloseError", code: 1006 })
      yield* connection.ended
      const error = yield* Effect.flip(Effect.scoped(socket.reader))
      assert.strictEqual(error.reason._tag, "SocketOpenError")
    })
  )

  it.live("is half closed with the writer's scope, and read on", () =>
    withSocket(function* ({ connection, socket }) {
      const { pull } = yield* socket.reader
      const error = yield* Effect.flip(
        Effect.scoped(Effect.flatMap(socket.writer, ({ write }) => Effect.as(write("end"), write))).pipe(
          Effect.flatMap((write) => write("more"))
        )
      )
      assert.strictEqual(error.reason._tag, "SocketWriteError")
      assert.strictEqual(yield* connection.ended, "FIN")
      assert.strictEqual(connection.unread, "end")
      connection.send("answer")
      assert.strictEqual(yield* readText(pull, 6), "answer")
      connection.finish()
      yield* Effect.flip(pull)
    })
  )

  it.live("is closed by a CloseEvent", () =>
    withSocket(function* ({ connection, socket }) {
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      yield* write(new Socket.CloseEvent(1000))
      assert.deepInclude((yield* Effect.flip(pull)).reason, { _tag: "SocketCloseError", code: 1000 })
      yield* connection.ended
    })
  )

  it.live("is closed when its response is dropped before it was asked for", () =>
    withRawServer(function* ({ call, counts, server }) {
      const controller = new AbortController()
      const caller = yield* Effect.forkChild(
        call({ headers: ["Upgrade", "echo"], isUpgrade: true, signal: controller.signal })
      )
      const connection = yield* server.accept
      yield* connection.head
      connection.send(switching)
      const response = yield* Fiber.join(caller)
      assert.strictEqual(response.status, 101)
      assert.isTrue(response.isComplete)
      // Its empty body may be read; that closes nothing.
      assert.deepStrictEqual([yield* response.text, yield* Stream.runCollect(response.stream)], ["", []])
      assert.strictEqual((yield* counts).active, 1)
      controller.abort()
      yield* connection.ended
      assert.strictEqual((yield* counts).connections, 0)
    })
  )

  it.effect("that failed before anybody read it says so instead of waiting", () =>
    withMemory({}, function* ({ call, counts, network, start }) {
      const caller = yield* start(call({ headers: ["Upgrade", "echo"], isUpgrade: true }))
      const connection = network.connection(1)
      connection.send(`${switching}kept`)
      const { upgraded } = yield* Fiber.join(caller)
      if (upgraded === undefined) return assert.fail("not upgraded")
      connection.breakDown()
      const socket = makeUpgradedSocket(upgraded)
      const { pull } = yield* socket.reader
      assert.strictEqual(yield* readText(pull, 4), "kept")
      assert.strictEqual((yield* Effect.flip(pull)).reason._tag, "SocketCloseError")
      yield* settled
      assert.strictEqual((yield* counts).connections, 0)
    })
  )
})

describe("a request to change the protocol", () => {
  it.live("that the server refuses is an answer like any other, and its upgrade a StatusCodeError", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* makeRawServer()
        yield* Effect.gen(function* () {
          const request = HttpClientRequest.upgrade(HttpClientRequest.get(`http://127.0.0.1:${server.port}/`), "echo")
          const caller = yield* Effect.forkChild(HttpClient.execute(request))
          const connection = yield* server.accept
          yield* connection.head
          connection.answer("no", "426 Upgrade Required")
          const response = yield* Fiber.join(caller)
          const error = yield* Effect.flip(response.upgrade)
          assert.strictEqual(error.reason._tag, "StatusCodeError")
          assert.strictEqual(yield* response.text, "no")
          assert.strictEqual((yield* countsOf(yield* WeirClient)).idle, 1)
        }).pipe(Effect.provide(Layer.provide(WeirHttpClient.layer(), NodeConnector.layer)))
      })
    )
  )

  it.live("by CONNECT gives a tunnel", () =>
    withRawServer(function* ({ call, counts, server }) {
      const caller = yield* Effect.forkChild(
        call({ method: "CONNECT", target: "a.test:443", headers: ["Host", "a.test:443"] })
      )
      const connection = yield* server.accept
      assert.match(yield* connection.head, /^CONNECT a\.test:443 HTTP\/1\.1\r\n/)
      connection.send("HTTP/1.1 200 Connected\r\n\r\n")
      const { upgraded } = yield* Fiber.join(caller)
      if (upgraded === undefined) return assert.fail("no tunnel")
      // What comes before there is a reader waits for it.
      connection.send("soon")
      yield* Effect.sleep(20)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const socket = makeUpgradedSocket(upgraded)
          const { pull } = yield* socket.reader
          const { write } = yield* socket.writer
          assert.strictEqual(yield* readText(pull, 4), "soon")
          yield* write("through")
          yield* connection.until(({ unread }) => unread === "through")
          connection.send("back")
          assert.strictEqual(yield* readText(pull, 4), "back")
        })
      )
      assert.strictEqual((yield* counts).connections, 0)
    })
  )
})
