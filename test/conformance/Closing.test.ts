/**
 * What every connection promises about its end, over TCP, a Unix socket and TLS.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { canCountSockets, countSocketsTo, expectNoSocketsTo } from "../support/openSockets.ts"
import { connect, kinds, mebibyte, pattern, receipt, someTurns, useTunnels } from "./Pair.ts"
import { usePeers } from "./peer/Peer.ts"
import { bytesOf } from "./peer/Protocol.ts"
import { capabilities, needs } from "./runtime.ts"

usePeers()
useTunnels()

/** What takes longer waits for the peer, or for a timeout. */
const soonMillis = 8000

describe.each(kinds)("the end of a connection over %s", (kind) => {
  it.live(
    "leaves no socket behind, and soon, when it is closed while it still sends to a peer that does not read",
    () =>
      Effect.gen(function* () {
        const { connection, port, reader } = yield* connect(kind)
        connection.attach(reader)
        assert.isFalse(connection.write(Buffer.alloc(16 * mebibyte)))
        yield* someTurns
        connection.close()
        yield* reader.untilHeard("close")
        assert.deepStrictEqual(reader.heard, ["close"])
        yield* expectNoSocketsTo(port)
      }),
    soonMillis
  )

  it.live.skipIf(!canCountSockets)("has given its descriptor back within `close`, or says when", () =>
    Effect.gen(function* () {
      const { connection, port, reader } = yield* connect(kind)
      connection.attach(reader)
      yield* someTurns
      connection.close()
      const { released } = connection
      if (released !== undefined) yield* Effect.promise(() => released)
      assert.strictEqual(port === 0 ? 0 : countSocketsTo(port), 0)
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
      assert.deepStrictEqual(yield* peer.received(), receipt("question"))
      yield* peer.end("answer")
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.text, "answer")
      assert.deepStrictEqual(
        reader.heard.filter((what) => what !== "drain"),
        ["data", "end", "close"]
      )
      assert.isUndefined(reader.error)
    })
  )

  it.live("still sends 8 MiB whole after the peer has ended its side", () =>
    Effect.gen(function* () {
      const sent = bytesOf(pattern(8 * mebibyte))
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      yield* peer.end()
      yield* reader.untilHeard("end")
      connection.write(sent)
      connection.end()
      assert.deepStrictEqual(yield* peer.received(), receipt(sent))
      yield* reader.untilHeard("close")
      assert.isUndefined(reader.error)
    })
  )

  it.live("still writes after the peer has ended its side", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      yield* peer.end("bye")
      yield* reader.untilHeard("end")
      assert.isFalse(connection.isOpen)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["data", "end"])
      connection.write("one more")
      connection.end()
      assert.deepStrictEqual(yield* peer.received(), receipt("one more"))
      yield* reader.untilHeard("close")
      assert.isUndefined(reader.error)
    })
  )

  it.live("hands over what had arrived before an orderly close that a paused reader slept through", () =>
    Effect.gen(function* () {
      const sent = pattern(3 * mebibyte)
      const { connection, peer, reader } = yield* connect(kind)
      reader.afterData = () => connection.pause()
      connection.attach(reader)
      connection.end()
      yield* peer.end(sent)
      yield* reader.untilHeard("data")
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["data"])
      reader.afterData = () => {}
      connection.resume()
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(receipt(reader.bytes), receipt(bytesOf(sent)))
      assert.deepStrictEqual(reader.heard, ["data", "end", "close"])
    })
  )

  describe("whose reader paused in the middle of one read that went on to the end", () => {
    const sent = pattern(40_000)

    /** Three TLS records, close_notify and FIN arrive in one piece, and our side has ended already. */
    const pausedInTheMiddle = Effect.gen(function* () {
      const pair = yield* connect(kind)
      const { connection, peer, reader } = pair
      connection.pause()
      connection.attach(reader)
      connection.end()
      yield* peer.end(sent)
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
        assert.isTrue(reader.bytes.equals(bytesOf(sent)))
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
      yield* peer.write(pattern(40_000))
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
      const end = yield* Effect.forkChild(peer.ended, { startImmediately: true })
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
      yield* peer.end(pattern(mebibyte))
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
      assert.strictEqual(yield* peer.ended, "FIN")
      yield* someTurns
      connection.attach(reader)
      yield* reader.untilHeard("close")
      connection.attach(reader)
      yield* someTurns
      assert.deepStrictEqual(reader.heard, ["close"])
    })
  )

  it.live("tells a paused reader at once that the connection broke", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect(kind)
      connection.attach(reader)
      connection.pause()
      yield* peer.destroy
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
      yield* peer.destroy
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

describe("the end of a connection over TCP", () => {
  it.live("tells a reset from an end", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      connection.attach(reader)
      yield* peer.write("half an ans")
      yield* reader.untilHeard("data")
      yield* peer.reset
      yield* reader.untilHeard("close")
      assert.isFalse(connection.isOpen)
      assert.deepStrictEqual(reader.heard, ["data", "close"])
      assert.strictEqual(reader.error?.reason, "Reset")
      assert.strictEqual(reader.error?.code, "ECONNRESET")
    })
  )

  it.live("tells a reset from an end when it comes together with the last bytes", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      yield* peer.write("half an ans")
      yield* peer.reset
      yield* someTurns
      connection.attach(reader)
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.error?.reason, "Reset")
      assert.notInclude(reader.heard, "end")
    })
  )

  it.live.runIf(capabilities.reset)(
    "resets so that the peer cannot take it for an end",
    () =>
      Effect.gen(function* () {
        const { connection, peer, reader } = yield* connect("tcp")
        connection.attach(reader)
        connection.reset()
        assert.isFalse(connection.isOpen)
        assert.strictEqual(yield* peer.ended, "ECONNRESET")
        yield* reader.untilHeard("close")
        assert.deepStrictEqual(reader.heard, ["close"])
        assert.isUndefined(reader.error)
      }),
    needs("reset")
  )

  it.live.runIf(!capabilities.reset)("closes where the layer cannot reset", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      connection.attach(reader)
      connection.reset()
      assert.isFalse(connection.isOpen)
      assert.strictEqual(yield* peer.ended, "FIN")
      yield* reader.untilHeard("close")
      assert.isUndefined(reader.error)
    })
  )

  it.live("tells a reset after its own end", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      connection.attach(reader)
      connection.end()
      assert.strictEqual(yield* peer.ended, "FIN")
      yield* peer.reset
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(reader.heard, ["close"])
      assert.strictEqual(reader.error?.reason, "Reset")
    })
  )

  it.live.skipIf(!canCountSockets)("tells a reset that its own write was the first to meet", () =>
    Effect.gen(function* () {
      const { connection, port, reader } = yield* connect("tcp", { onceSpokenTo: "reset" })
      connection.attach(reader)
      connection.write("question")
      // The event loop stands still until the reset is there, so that nothing can have told it yet.
      while (countSocketsTo(port) > 0);
      connection.write("more")
      yield* reader.untilHeard("close")
      assert.notInclude(reader.heard, "end")
      assert.strictEqual(reader.error?.reason, "Reset")
    })
  )

  it.live("keeps neither its bytes nor itself when it is closed while it still sends", () =>
    Effect.gen(function* () {
      const { connection, peer, reader } = yield* connect("tcp")
      connection.attach(reader)
      assert.isFalse(connection.write(Buffer.alloc(16 * mebibyte)))
      connection.close()
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(reader.heard, ["close"])
      assert.isBelow((yield* peer.received()).byteCount, 16 * mebibyte)
    })
  )
})
