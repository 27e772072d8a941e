/**
 * What happens to bytes between the socket and the reader, where no socket brings it about at will.
 */
import { assert, describe, it } from "@effect/vitest"
import { Inbound } from "../src/Inbound.ts"
import { Reader } from "./Reader.ts"

describe("what the peer sends", () => {
  it("is not heard after our side has closed, whatever Node still tells", () => {
    const inbound = new Inbound()
    const reader = new Reader()
    inbound.attach(reader)
    inbound.flush()
    inbound.discard()
    assert.isFalse(inbound.receive(1, Buffer.from("a")))
    inbound.receiveEnd()
    assert.isFalse(inbound.flush())
    assert.isFalse(inbound.receive(1, Buffer.from("b")))
    assert.deepStrictEqual(reader.heard, [])
    assert.isTrue(inbound.isEmpty)
  })

  it("is kept in order while the reader pauses again and again", () => {
    const inbound = new Inbound()
    const reader = new Reader()
    inbound.attach(reader)
    for (const letter of "abc") inbound.receive(1, Buffer.from(letter))
    inbound.receiveEnd()
    reader.afterData = () => inbound.pause()
    for (const text of ["a", "ab", "abc"]) {
      inbound.unpause()
      assert.isFalse(inbound.flush())
      assert.strictEqual(reader.text, text)
    }
    assert.deepStrictEqual(reader.heard, ["data"])
    inbound.unpause()
    assert.isTrue(inbound.flush())
    assert.deepStrictEqual(reader.heard, ["data", "end"])
  })
})
