/**
 * What every connection promises about its end, over TCP, a Unix socket and TLS.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { expectNoSocketsLeft } from "./Leaks.ts"
import { connect, digest, kinds, mebibyte, patterned, someTurns, write } from "./Pair.ts"
import { ended, received } from "./Peer.ts"

describe.each(kinds)("the end of a connection over %s", (kind) => {
  expectNoSocketsLeft()

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

describe("the end of a connection over TCP", () => {
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
})
