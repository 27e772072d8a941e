/**
 * A connection as the stream below TLS, where no socket brings it about at will.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Connection, ConnectionHandler } from "@weir/transport"
import { PlainStream } from "../src/PlainStream.ts"

/** A connection that is told what to tell. */
const scripted = () => {
  let handler: ConnectionHandler | undefined
  const connection: Connection = {
    info: { layer: "scripted", remoteAddress: "", remotePort: 0, localAddress: "", localPort: 0, timing: {} },
    isOpen: true,
    hasMore: false,
    attach: (attached) => {
      handler = attached
    },
    write: () => false,
    end: () => {},
    pause: () => {},
    resume: () => {},
    close: () => {},
    reset: () => {},
    ref: () => {},
    unref: () => {}
  }
  const stream = new PlainStream(connection)
  assert.isDefined(handler)
  return { stream, handler }
}

describe("the stream below TLS", () => {
  it("keeps bytes that nobody has taken yet, whatever the connection reads into the same memory", () => {
    const { handler, stream } = scripted()
    const memory = Buffer.from("first")
    handler.onData(memory)
    memory.write("again")
    handler.onData(memory)
    assert.strictEqual(`${stream.read()}${stream.read() ?? ""}`, "firstagain")
  })

  it("is done with a chunk when the connection has sent it", () => {
    const { handler, stream } = scripted()
    const done: Array<string> = []
    stream.write("one", () => done.push("one"))
    stream.write("two", () => done.push("two"))
    assert.strictEqual(stream.writableLength, 6)
    handler.onDrain()
    assert.strictEqual(stream.writableLength, 3)
    handler.onDrain()
    assert.strictEqual(stream.writableLength, 0)
  })

  it("is closed when the connection is, not before", async () => {
    const { handler, stream } = scripted()
    const closed = new Promise<void>((resolve) => {
      stream.once("close", resolve)
    })
    stream.destroy()
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
    assert.isFalse(stream.closed)
    handler.onClose(undefined)
    await closed
    assert.isTrue(stream.closed)
  })
})
