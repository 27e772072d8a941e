/**
 * How much memory reads hold, and when.
 */
import { assert, describe, it } from "@effect/vitest"
import { LargeBuffers, ReadBuffer } from "../src/ReadBuffer.ts"

const smallByteCount = 8221

describe("a connection's read buffer", () => {
  it("is small until a read fills it, large while bytes come in bulk, and small again", () => {
    const buffer = new ReadBuffer(new LargeBuffers())
    assert.strictEqual(buffer.bytes.length, smallByteCount)
    buffer.adapt(smallByteCount - 1)
    assert.strictEqual(buffer.bytes.length, smallByteCount)
    buffer.adapt(smallByteCount)
    assert.strictEqual(buffer.bytes.length, 66_049)
    buffer.adapt(smallByteCount)
    assert.strictEqual(buffer.bytes.length, 66_049)
    buffer.adapt(1)
    assert.strictEqual(buffer.bytes.length, smallByteCount)
  })

  it("gives a large one to whoever wants one next, and never to two at once", () => {
    const largeBuffers = new LargeBuffers()
    const first = new ReadBuffer(largeBuffers)
    const second = new ReadBuffer(largeBuffers)
    first.adapt(smallByteCount)
    second.adapt(smallByteCount)
    const large = first.bytes
    assert.notStrictEqual(second.bytes, large)
    first.release()
    first.release()
    const third = new ReadBuffer(largeBuffers)
    third.adapt(smallByteCount)
    first.adapt(smallByteCount)
    assert.strictEqual(third.bytes, large)
    assert.notStrictEqual(first.bytes, large)
  })

  it("keeps no more than 16 large ones that nobody reads into", () => {
    const largeBuffers = new LargeBuffers()
    const given: ReadonlyArray<Uint8Array> = Array.from({ length: 17 }, () => new Uint8Array(1))
    for (const buffer of given) largeBuffers.giveBack(buffer)
    const borrowed = given.map(() => largeBuffers.borrow())
    assert.strictEqual(borrowed.filter((buffer) => given.includes(buffer)).length, 16)
  })
})
