/**
 * What happens to bytes between the socket and the reader, where no socket brings it about at will.
 */
import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import type { ConnectionHandler } from "@weir/transport"
import { Inbound } from "../src/Inbound.ts"

/** Writes down what it hears. */
class Reader implements ConnectionHandler {
  readonly heard: Array<string> = []
  afterData: () => void = () => {}

  onData(chunk: Uint8Array): void {
    this.heard.push(Buffer.from(chunk).toString())
    this.afterData()
  }

  onEnd(): void {
    this.heard.push("end")
  }

  onDrain(): void {
    this.heard.push("drain")
  }

  onClose(): void {
    this.heard.push("close")
  }
}

describe("what the peer sends", () => {
  it("is not heard after our side has closed, whatever Node still tells", async () => {
    const inbound = new Inbound(() => {})
    const reader = new Reader()
    inbound.attach(reader)
    inbound.discard()
    assert.isFalse(inbound.receive(Buffer.from("a")))
    inbound.receiveEnd()
    inbound.resume()
    await setImmediate()
    assert.isFalse(inbound.receive(Buffer.from("b")))
    assert.deepStrictEqual(reader.heard, [])
    inbound.receiveClose(undefined)
    assert.deepStrictEqual(reader.heard, ["close"])
  })

  it("is kept in order while the reader pauses again and again, and read on only when all was heard", async () => {
    let readOnCount = 0
    const inbound = new Inbound(() => readOnCount++)
    const reader = new Reader()
    inbound.pause()
    inbound.attach(reader)
    for (const letter of "abc") inbound.receive(Buffer.from(letter))
    inbound.receiveEnd()
    reader.afterData = () => inbound.pause()
    for (const heardCount of [1, 2, 3]) {
      inbound.resume()
      assert.isBelow(reader.heard.length, heardCount)
      await setImmediate()
      assert.strictEqual(reader.heard.length, heardCount)
    }
    assert.strictEqual(readOnCount, 0)
    inbound.resume()
    await setImmediate()
    assert.deepStrictEqual(reader.heard, ["a", "b", "c", "end"])
    assert.strictEqual(readOnCount, 1)
  })

  it("is not heard inside the call that lets it come, though the socket hands it over at once", async () => {
    const inbound: Inbound = new Inbound(() => inbound.receive(Buffer.from("a")))
    const reader = new Reader()
    inbound.attach(reader)
    assert.deepStrictEqual(reader.heard, [])
    await setImmediate()
    inbound.pause()
    inbound.resume()
    assert.deepStrictEqual(reader.heard, ["a"])
    await setImmediate()
    assert.deepStrictEqual(reader.heard, ["a", "a"])
  })

  it("is heard before the close that came while it was on its way to the reader", async () => {
    const inbound = new Inbound(() => {})
    const reader = new Reader()
    inbound.receive(Buffer.from("a"))
    inbound.attach(reader)
    inbound.receiveClose(undefined)
    assert.deepStrictEqual(reader.heard, [])
    await setImmediate()
    assert.deepStrictEqual(reader.heard, ["a", "close"])
  })

  it("is followed by more while something is kept, or a read has filled its memory", async () => {
    const inbound = new Inbound(() => {})
    const reader = new Reader()
    const more: Array<boolean> = []
    reader.afterData = () => more.push(inbound.hasMore)
    inbound.receive(Buffer.from("a"))
    inbound.receive(Buffer.from("b"))
    inbound.attach(reader)
    await setImmediate()
    inbound.receive(Buffer.from("c"), true)
    inbound.receive(Buffer.from("d"))
    assert.deepStrictEqual(reader.heard, ["a", "b", "c", "d"])
    assert.deepStrictEqual(more, [true, false, true, false])
  })
})
