/**
 * What every connection promises, over TCP, a Unix socket and TLS.
 */
import { createHash } from "node:crypto"
import type { Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import type { Connection } from "@weir/transport"
import { Effect, Fiber, type Scope } from "effect"
import { makeCertificates } from "./Certificates.ts"
import { expectNoSocketsLeft } from "./Leaks.ts"
import { ended, makePeer, nextBytes, received, receivedSlowly } from "./Peer.ts"
import { Reader, watched } from "./Reader.ts"

const certificates = makeCertificates()
const kinds = ["tcp", "unix", "tls"] as const

interface Pair {
  /** Ours, not attached yet. */
  readonly connection: Connection
  readonly reader: Reader
  /** The peer's, paused. */
  readonly peer: Socket
}

/** A connection to a peer. When the scope closes, it is closed, has said so, and has called no handler too early. */
const connect = (
  kind: (typeof kinds)[number],
  onAccept?: (socket: Socket) => void
): Effect.Effect<Pair, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* makePeer({
      listen: kind === "unix" ? "unix" : "tcp",
      ...(kind === "tls" ? { tls: { cert: certificates.server.chain, key: certificates.server.key } } : {}),
      ...(onAccept === undefined ? {} : { onAccept })
    })
    const connector = yield* NodeConnector.make()
    const reader = new Reader()
    const connection = yield* Effect.acquireRelease(
      connector.connect({ address: server.address, ...(kind === "tls" ? { tls: { ca: [certificates.ca] } } : {}) }),
      (opened) =>
        Effect.gen(function* () {
          opened.close()
          if (reader.heard.length > 0) yield* reader.untilHeard("close")
          assert.deepStrictEqual(reader.heardTooEarly, [])
        })
    )
    return { connection: watched(connection, reader), reader, peer: yield* server.accept }
  })

/** Long enough for anything that is under way on loopback to arrive: nothing is waited for but that nothing comes. */
const someTurns = Effect.promise(async () => {
  for (let turn = 0; turn < 50; turn++) await setImmediate()
})

const write = (socket: Socket, bytes: Uint8Array | string) =>
  Effect.callback<void>((resume) => {
    socket.write(bytes, () => resume(Effect.void))
  })

/** Bytes that repeat nowhere soon, so that any two pieces exchanged would show. */
const patterned = (byteCount: number): Buffer => {
  const bytes = Buffer.alloc(byteCount)
  for (let i = 0; i + 4 <= byteCount; i += 4) bytes.writeUInt32LE((i * 2_654_435_761) >>> 0, i)
  return bytes
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

const mebibyte = 1024 * 1024

describe.each(kinds)("a connection over %s", (kind) => {
  expectNoSocketsLeft()

  it.live("carries bytes both ways", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      connection.write("ping")
      assert.strictEqual((yield* nextBytes(peer)).toString(), "ping")
      peer.write("pong")
      yield* reader.untilText("pong")
      assert.isTrue(connection.isOpen)
    })
  )

  it.live("loses nothing of a peer that speaks before there is a reader", () =>
    Effect.gen(function* () {
      const greeting = patterned(100_000)
      const { connection, reader } = yield* connect(kind, (socket) => {
        socket.write(greeting)
        socket.end()
      })
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
      connection.attach(reader)
      yield* reader.untilHeard("end")
      assert.deepStrictEqual(reader.heard, ["data", "end"])
      assert.isTrue(reader.bytes.equals(greeting))
    })
  )

  it.live("hands 8 MiB over whole and in order", () =>
    Effect.gen(function* () {
      const sent = patterned(8 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      peer.end(sent)
      yield* reader.untilHeard("end")
      assert.strictEqual(digest(reader.bytes), digest(sent))
    })
  )

  it.live("delivers nothing, not even the end, between pause and resume", () =>
    Effect.gen(function* () {
      const sent = patterned(4 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      reader.afterData = () => connection.pause()
      connection.attach(reader)
      peer.end(sent)
      yield* reader.untilHeard("data")
      while (!reader.heard.includes("end")) {
        const { byteCount } = reader
        yield* someTurns
        assert.strictEqual(reader.byteCount, byteCount)
        assert.deepStrictEqual(reader.heard, ["data"])
        connection.resume()
        yield* reader.until((now) => now.byteCount > byteCount || now.heard.includes("end"))
      }
      assert.strictEqual(digest(reader.bytes), digest(sent))
    })
  )

  it.live("slows the peer down while it is paused", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      connection.pause()
      peer.write(Buffer.alloc(32 * mebibyte))
      yield* someTurns
      assert.isAbove(peer.writableLength, 0)
      assert.strictEqual(reader.byteCount, 0)
      connection.resume()
      yield* reader.until(({ byteCount }) => byteCount === 32 * mebibyte)
    })
  )

  it.live("stays paused when it is paused before the first reader comes", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.pause()
      connection.attach(reader)
      yield* write(peer, "early")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
      connection.resume()
      yield* reader.untilText("early")
    })
  )

  it.live("sends 8 MiB to a slow peer whole and in order, saying when to wait and when to go on", () =>
    Effect.gen(function* () {
      const sent = patterned(8 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      // Written from one piece of memory, which is ours again when `write` says so, or else after `onDrain`.
      const piece = Buffer.alloc(10_000)
      let arriving: Fiber.Fiber<Buffer> | undefined
      for (let at = 0; at < sent.length; at += piece.length) {
        const drainCount = reader.heard.length
        if (connection.write(piece.subarray(0, sent.copy(piece, 0, at, at + piece.length)))) continue
        arriving ??= yield* Effect.forkChild(receivedSlowly(peer), { startImmediately: true })
        yield* reader.until(({ heard }) => heard.length > drainCount)
      }
      connection.end()
      assert.isDefined(arriving, "the system took 8 MiB that nobody read")
      assert.strictEqual(digest(yield* Fiber.join(arriving)), digest(sent))
    })
  )

  it.live("sends what is written before there is a reader, and tells the reader when it has left", () =>
    Effect.gen(function* () {
      const sent = patterned(8 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      assert.isFalse(connection.write(sent))
      const arriving = yield* Effect.forkChild(received(peer, sent.length), { startImmediately: true })
      assert.strictEqual(digest(yield* Fiber.join(arriving)), digest(sent))
      connection.attach(reader)
      yield* reader.untilHeard("drain")
    })
  )

  it.live("asks for nothing more when its own side has ended", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      assert.isFalse(connection.write(Buffer.alloc(8 * mebibyte)))
      connection.end()
      connection.attach(reader)
      assert.strictEqual((yield* received(peer)).length, 8 * mebibyte)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
    })
  )

  it.live("sends strings one byte per character", () =>
    Effect.gen(function* () {
      const { connection, peer } = yield* connect(kind)
      connection.write("caf\u00e9 \u00ff")
      assert.strictEqual((yield* nextBytes(peer)).toString("hex"), "636166e920ff")
    })
  )

  it.live("takes an empty chunk for nothing", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      assert.isTrue(connection.write(""))
      assert.isTrue(connection.write(new Uint8Array(0)))
      connection.write("something")
      assert.strictEqual((yield* nextBytes(peer)).toString(), "something")
    })
  )

  it.live("still reads after it has ended its own side", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      connection.write("question")
      connection.end()
      assert.isFalse(connection.isOpen)
      assert.isFalse(connection.write("late"))
      assert.strictEqual((yield* received(peer)).toString(), "question")
      peer.end("answer")
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.text, "answer")
      assert.deepStrictEqual(
        reader.heard.filter((what) => what !== "drain"),
        ["data", "end", "close"]
      )
      assert.isUndefined(reader.error)
    })
  )

  it.live("still writes after the peer has ended its side", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      peer.end("bye")
      yield* reader.untilHeard("end")
      assert.isFalse(connection.isOpen)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["data", "end"])
      connection.write("one more")
      connection.end()
      assert.strictEqual((yield* received(peer)).toString(), "one more")
      yield* reader.untilHeard("close")
      assert.isUndefined(reader.error)
    })
  )

  it.live("hands over what had arrived before an orderly close that a paused reader slept through", () =>
    Effect.gen(function* () {
      const sent = patterned(3 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      reader.afterData = () => connection.pause()
      connection.attach(reader)
      connection.end()
      peer.end(sent)
      yield* reader.untilHeard("data")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["data"])
      reader.afterData = () => {}
      connection.resume()
      yield* reader.untilHeard("close")
      assert.strictEqual(digest(reader.bytes), digest(sent))
      assert.deepStrictEqual(reader.heard, ["data", "end", "close"])
    })
  )

  describe("whose reader paused in the middle of one read that went on to the end", () => {
    const sent = patterned(40_000)

    /** Three TLS records, close_notify and FIN arrive in one piece, and our side has ended already. */
    const pausedInTheMiddle = Effect.gen(function* () {
      const pair = yield* connect(kind)
      const { connection, peer, reader } = pair
      connection.pause()
      connection.attach(reader)
      connection.end()
      peer.end(sent)
      yield* someTurns
      reader.afterData = () => connection.pause()
      connection.resume()
      yield* reader.untilHeard("data")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["data"])
      return pair
    })

    it.live("hands the rest over before it tells that it is closed", () =>
      Effect.gen(function* () {
        const { connection, reader } = yield* pausedInTheMiddle
        reader.afterData = () => {}
        connection.resume()
        yield* reader.untilHeard("close")
        assert.isTrue(reader.bytes.equals(sent))
        assert.deepStrictEqual(reader.heard, ["data", "end", "close"])
      })
    )

    it.live("forgets the rest when it is closed", () =>
      Effect.gen(function* () {
        const { connection, reader } = yield* pausedInTheMiddle
        connection.close()
        yield* reader.untilHeard("close")
        connection.resume()
        yield* someTurns
        assert.deepStrictEqual(reader.heard, ["data", "close"])
      })
    )
  })

  it.live("forgets what a paused reader has not heard when it is closed", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      reader.afterData = () => connection.pause()
      connection.attach(reader)
      yield* write(peer, patterned(40_000))
      yield* reader.untilHeard("data")
      connection.close()
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(reader.heard, ["data", "close"])
    })
  )

  it.live("closes with a FIN and tells its reader once, without an error", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      const end = yield* Effect.forkChild(ended(peer), { startImmediately: true })
      connection.close()
      assert.isFalse(connection.isOpen)
      assert.isFalse(connection.write("late"))
      connection.close()
      connection.end()
      yield* reader.untilHeard("close")
      assert.strictEqual(yield* Fiber.join(end), "FIN")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["close"])
      assert.isUndefined(reader.error)
    })
  )

  it.live("says nothing after close but that it is closed, whatever was on its way", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      reader.afterData = () => connection.close()
      connection.attach(reader)
      peer.end(Buffer.alloc(mebibyte))
      yield* reader.untilHeard("close")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["data", "close"])
      assert.isUndefined(reader.error)
    })
  )

  it.live("tells a reader that comes after the close", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.close()
      assert.strictEqual(yield* ended(peer), "FIN")
      yield* someTurns
      connection.attach(reader)
      yield* reader.untilHeard("close")
      connection.attach(reader)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["close"])
    })
  )

  it.live("hands everything to the reader attached last", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      const first = new Reader()
      connection.attach(first)
      peer.write("one")
      yield* first.untilText("one")
      connection.attach(reader)
      peer.end("two")
      yield* reader.untilHeard("end")
      connection.close()
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.text, "two")
      assert.deepStrictEqual(first.heard, ["data"])
    })
  )

  it.live("lets a reader replace itself while it reads", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      const first = new Reader()
      first.afterData = () => connection.attach(reader)
      connection.attach(first)
      peer.end(Buffer.alloc(4 * mebibyte))
      yield* reader.untilHeard("end")
      assert.deepStrictEqual(first.heard, ["data"])
      assert.strictEqual(first.byteCount + reader.byteCount, 4 * mebibyte)
    })
  )

  it.live("tells a paused reader at once that the connection broke", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      connection.pause()
      peer.destroy()
      // A paused connection hears of it by writing only.
      while (!reader.heard.includes("close")) {
        connection.write("anyone there?")
        yield* someTurns
      }
      assert.strictEqual(reader.error?.reason, "Reset")
      assert.strictEqual(reader.error?.phase, "io")
      assert.isFalse(connection.isOpen)
    })
  )

  it.live("keeps the error of a connection that broke before there was a reader", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      peer.destroy()
      while (connection.isOpen) {
        connection.write("anyone there?")
        yield* someTurns
      }
      yield* someTurns
      connection.attach(reader)
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.error?.reason, "Reset")
    })
  )
})

describe("a connection over TCP", () => {
  expectNoSocketsLeft()

  it.live("tells a reset from an end", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      connection.attach(reader)
      yield* write(peer, "half an ans")
      yield* reader.untilHeard("data")
      peer.resetAndDestroy()
      yield* reader.untilHeard("close")
      assert.isFalse(connection.isOpen)
      assert.deepStrictEqual(reader.heard, ["data", "close"])
      assert.strictEqual(reader.error?.reason, "Reset")
      assert.strictEqual(reader.error?.code, "ECONNRESET")
    })
  )

  it.live("resets so that the peer cannot take it for an end", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      connection.attach(reader)
      connection.reset()
      assert.isFalse(connection.isOpen)
      assert.strictEqual(yield* ended(peer), "ECONNRESET")
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(reader.heard, ["close"])
      assert.isUndefined(reader.error)
    })
  )

  it.live("keeps the bytes of many connections apart", () =>
    Effect.gen(function* () {
      const pairs = yield* Effect.all(Array.from({ length: 8 }, () => connect("tcp")))
      for (const [index, { connection, peer, reader }] of pairs.entries()) {
        connection.attach(reader)
        peer.end(Buffer.alloc(mebibyte, index))
      }
      for (const [index, { reader }] of pairs.entries()) {
        yield* reader.untilHeard("end")
        assert.isTrue(reader.bytes.equals(Buffer.alloc(mebibyte, index)))
      }
    })
  )
})
