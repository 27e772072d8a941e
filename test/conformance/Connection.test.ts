/**
 * What every connection promises while it is open, over TCP, a Unix socket and TLS.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { connect, kinds, mebibyte, overfill, pattern, receipt, someTurns, turns, useTunnels } from "./Pair.ts"
import { usePeers } from "./peer/Peer.ts"
import { bytesOf, type Received } from "./peer/Protocol.ts"
import { Reader } from "./Reader.ts"

usePeers()
useTunnels()

describe.each(kinds)("a connection over %s", (kind) => {
  it.live("carries bytes both ways", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      connection.write("ping")
      assert.strictEqual(yield* peer.nextText, "ping")
      yield* peer.write("pong")
      yield* reader.untilText("pong")
      assert.isTrue(connection.isOpen)
    })
  )

  it.live("loses nothing of a peer that speaks before there is a reader", () =>
    Effect.gen(function* () {
      const greeting = pattern(100_000)
      const { connection, reader } = yield* connect(kind, { sendAndEnd: greeting })
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
      connection.attach(reader)
      yield* reader.untilHeard("end")
      assert.deepStrictEqual(reader.heard, ["data", "end"])
      assert.isTrue(reader.bytes.equals(bytesOf(greeting)))
    })
  )

  it.live("hands 8 MiB over whole and in order", () =>
    Effect.gen(function* () {
      const sent = pattern(8 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      yield* peer.end(sent)
      yield* reader.untilHeard("end")
      assert.deepStrictEqual(receipt(reader.bytes), receipt(bytesOf(sent)))
    })
  )

  it.live("delivers nothing, not even the end, between pause and resume", () =>
    Effect.gen(function* () {
      const sent = pattern(4 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      reader.afterData = () => connection.pause()
      connection.attach(reader)
      yield* peer.end(sent)
      yield* reader.untilHeard("data")
      while (!reader.heard.includes("end")) {
        const { byteCount } = reader
        yield* someTurns
        assert.strictEqual(reader.byteCount, byteCount)
        assert.deepStrictEqual(reader.heard, ["data"])
        connection.resume()
        yield* reader.until((now) => now.byteCount > byteCount || now.heard.includes("end"))
      }
      assert.deepStrictEqual(receipt(reader.bytes), receipt(bytesOf(sent)))
    })
  )

  it.live("slows the peer down while it is paused", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      yield* peer.write("first")
      yield* reader.untilText("first")
      connection.pause()
      yield* peer.startWrite(pattern(32 * mebibyte))
      yield* someTurns
      assert.isAbove(yield* peer.queuedByteCount, 0)
      // Time for a layer that goes on reading, in vain, to take it all.
      yield* turns(2000)
      assert.isAbove(yield* peer.queuedByteCount, 0)
      assert.strictEqual(reader.text, "first")
      connection.resume()
      yield* reader.until(({ byteCount }) => byteCount === 5 + 32 * mebibyte)
    })
  )

  it.live("slows the peer down while there is no reader", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      yield* peer.startWrite(pattern(32 * mebibyte))
      // Long enough to read all of it, for a layer that read.
      yield* turns(1000)
      assert.isAbove(yield* peer.queuedByteCount, 0)
      connection.attach(reader)
      yield* reader.until(({ byteCount }) => byteCount === 32 * mebibyte)
    })
  )

  it.live("hands 1 MiB over whole and in order after it was paused and resumed while nothing came", () =>
    Effect.gen(function* () {
      const sent = pattern(mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      for (let round = 0; round < 8; round++) {
        yield* turns(2)
        connection.pause()
        connection.resume()
      }
      yield* turns(2)
      yield* peer.end(sent)
      yield* reader.untilHeard("end")
      assert.deepStrictEqual(receipt(reader.bytes), receipt(bytesOf(sent)))
      assert.deepStrictEqual(reader.heard, ["data", "end"])
    })
  )

  it.live("stays paused when it is paused before the first reader comes", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.pause()
      connection.attach(reader)
      yield* peer.write("early")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
      connection.resume()
      yield* reader.untilText("early")
    })
  )

  it.live(
    "sends more to a slow peer than systems hold, whole and in order, saying when to wait and when to go on",
    () =>
      Effect.gen(function* () {
        const sent = bytesOf(pattern(overfill(kind)))
        const { connection, peer, reader } = yield* connect(kind)
        connection.attach(reader)
        // Written from one piece of memory, which is ours again when `write` says so, or else after `onDrain`.
        const piece = Buffer.alloc(10_000)
        let arriving: Fiber.Fiber<Received> | undefined
        for (let at = 0; at < sent.length; at += piece.length) {
          const drainCount = reader.heard.length
          if (connection.write(piece.subarray(0, sent.copy(piece, 0, at, at + piece.length)))) continue
          arriving ??= yield* Effect.forkChild(peer.receivedSlowly, { startImmediately: true })
          yield* reader.until(({ heard }) => heard.length > drainCount)
        }
        connection.end()
        assert.isDefined(arriving, "the system took all of it, which nobody read")
        assert.deepStrictEqual(yield* Fiber.join(arriving), receipt(sent))
      })
  )

  it.live("sends what is written before there is a reader, and tells the reader when it has left", () =>
    Effect.gen(function* () {
      const sent = bytesOf(pattern(overfill(kind)))
      const { connection, peer, reader } = yield* connect(kind)
      assert.isFalse(connection.write(sent))
      const arriving = yield* Effect.forkChild(peer.received(sent.length), { startImmediately: true })
      assert.deepStrictEqual(yield* Fiber.join(arriving), receipt(sent))
      connection.attach(reader)
      yield* reader.untilHeard("drain")
    })
  )

  it.live("asks for nothing more when its own side has ended", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      assert.isFalse(connection.write(Buffer.alloc(overfill(kind))))
      connection.end()
      connection.attach(reader)
      assert.strictEqual((yield* peer.received()).byteCount, overfill(kind))
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
    })
  )

  it.live("does not say that its writes have left while they have not", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      assert.isFalse(connection.write(Buffer.alloc(16 * mebibyte)))
      connection.attach(reader)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
      yield* Effect.forkChild(peer.received(16 * mebibyte), { startImmediately: true })
      yield* reader.untilHeard("drain")
    })
  )

  it.live("asks for nothing more when its own side has ended, even of a reader that comes later", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      assert.isFalse(connection.write(Buffer.alloc(overfill(kind))))
      connection.end()
      assert.strictEqual((yield* peer.received()).byteCount, overfill(kind))
      connection.attach(reader)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, [])
    })
  )

  it.live("sends strings one byte per character", () =>
    Effect.gen(function* () {
      const { connection, peer } = yield* connect(kind)
      connection.write("caf\u00e9 \u00ff")
      assert.strictEqual(yield* peer.nextText, "caf\u00e9 \u00ff")
    })
  )

  it.live("sends strings and bytes in the order they were written, wherever the system splits them", () =>
    Effect.gen(function* () {
      const bytes = bytesOf(pattern(300_000))
      const text = bytesOf(pattern(300_000, 1)).toString("latin1")
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      for (let round = 0; round < 40; round++) connection.write(round % 2 === 0 ? text : bytes)
      connection.end()
      const sent = Buffer.concat(
        Array.from({ length: 40 }, (_, round) => (round % 2 === 0 ? Buffer.from(text, "latin1") : bytes))
      )
      assert.deepStrictEqual(yield* peer.received(), receipt(sent))
    })
  )

  it.live("takes an empty chunk for nothing", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      assert.isTrue(connection.write(""))
      assert.isTrue(connection.write(new Uint8Array(0)))
      connection.write("something")
      assert.strictEqual(yield* peer.nextText, "something")
    })
  )

  it.live("hands everything to the reader attached last", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      const first = new Reader()
      connection.attach(first)
      yield* peer.write("one")
      yield* first.untilText("one")
      connection.attach(reader)
      yield* peer.end("two")
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
      yield* peer.end(pattern(4 * mebibyte))
      yield* reader.untilHeard("end")
      assert.deepStrictEqual(first.heard, ["data"])
      assert.strictEqual(first.byteCount + reader.byteCount, 4 * mebibyte)
    })
  )
})

describe("connections over TCP", () => {
  it.live("keeps the bytes of many connections apart", () =>
    Effect.gen(function* () {
      const pairs = yield* Effect.all(Array.from({ length: 8 }, () => connect("tcp")))
      for (const [index, { connection, peer, reader }] of pairs.entries()) {
        connection.attach(reader)
        yield* peer.end(pattern(mebibyte, index))
      }
      for (const [index, { reader }] of pairs.entries()) {
        yield* reader.untilHeard("end")
        assert.isTrue(reader.bytes.equals(bytesOf(pattern(mebibyte, index))))
      }
    })
  )
})
