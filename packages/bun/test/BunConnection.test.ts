/**
 * What a connection makes of native events that no peer brings about at will.
 */
import { Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Inbound } from "@weir/node/sockets"
import type { TransportError } from "@weir/transport"
import { BunConnection } from "../src/BunConnection.ts"
import type { NativeHandlers, NativeSocket } from "../src/NativeSocket.ts"

/** A connection whose native socket does nothing but note how it is told to close, and the handlers to play its part. */
const scripted = () => {
  const calls: Array<string> = []
  let handlers: NativeHandlers | undefined
  const native: NativeSocket = {
    write: (chunk: Uint8Array | string) => chunk.length,
    pause: () => {},
    resume: () => {},
    shutdown: () => calls.push("shutdown"),
    close: () => calls.push("close"),
    terminate: () => calls.push("terminate"),
    ref: () => {},
    unref: () => {},
    reload: ({ socket }) => {
      handlers = socket
    }
  }
  const connection = new BunConnection(
    {
      info: {
        layer: "bun",
        remoteAddress: "192.0.2.1",
        remotePort: 80,
        localAddress: "192.0.2.2",
        localPort: 1024,
        timing: {}
      },
      socket: new Socket(),
      kind: "tcp",
      address: "192.0.2.1:80",
      inbound: new Inbound(() => {})
    },
    native
  )
  const heard: Array<string> = []
  const closes: Array<TransportError | undefined> = []
  connection.attach({
    onData: () => heard.push("data"),
    onEnd: () => heard.push("end"),
    onDrain: () => heard.push("drain"),
    onClose: (error) => {
      heard.push("close")
      closes.push(error)
    }
  })
  assert.isDefined(handlers)
  return { calls, closes, connection, handlers, heard }
}

describe("a native close without an error", () => {
  it("is no orderly end while our side has not ended", async () => {
    const { closes, connection, handlers, heard } = scripted()
    await setImmediate()
    handlers.end()
    handlers.close(undefined)
    await setImmediate()
    assert.deepStrictEqual(heard, ["end", "close"])
    assert.strictEqual(closes[0]?.reason, "Reset")
    assert.isFalse(connection.isOpen)
  })

  it("is the peer's end too when our side has ended before", async () => {
    const { calls, closes, connection, handlers, heard } = scripted()
    await setImmediate()
    connection.end()
    handlers.close(undefined)
    await setImmediate()
    assert.deepStrictEqual(calls, ["shutdown"])
    assert.deepStrictEqual(heard, ["end", "close"])
    assert.isUndefined(closes[0])
  })
})
