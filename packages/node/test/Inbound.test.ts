/**
 * What happens to bytes between the socket and the reader, where no socket brings it about at will.
 */
import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Inbound } from "../src/Inbound.ts"
import { Reader } from "./Reader.ts"

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
    for (const text of ["a", "ab", "abc"]) {
      inbound.resume()
      assert.isBelow(reader.byteCount, text.length)
      await setImmediate()
      assert.strictEqual(reader.text, text)
    }
    assert.deepStrictEqual(reader.heard, ["data"])
    assert.strictEqual(readOnCount, 0)
    inbound.resume()
    await setImmediate()
    assert.deepStrictEqual(reader.heard, ["data", "end"])
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
    assert.strictEqual(reader.text, "a")
    await setImmediate()
    assert.strictEqual(reader.text, "aa")
  })

  it("is heard before the close that came while it was on its way to the reader", async () => {
    const inbound = new Inbound(() => {})
    const reader = new Reader()
    inbound.receive(Buffer.from("a"))
    inbound.attach(reader)
    inbound.receiveClose(undefined)
    assert.deepStrictEqual(reader.heard, [])
    await setImmediate()
    assert.deepStrictEqual(reader.heard, ["data", "close"])
  })
})
