/**
 * The native socket below `node:net`: taken where it is, done without where it is not.
 */
import { execFile } from "node:child_process"
import { createServer, Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { BunConnector } from "@weir/bun"
import { Target } from "@weir/transport"
import { Effect } from "effect"
import { portOf } from "../../../test/support/Listening.ts"
import { nativeSocketOf } from "../src/NativeSocket.ts"

const node = fileURLToPath(new URL("../../../node_modules/.bin/node", import.meta.url))
const foreign = fileURLToPath(new URL("Foreign.ts", import.meta.url))

/** The port of a server that sends back what it gets. */
const echoServer = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer((socket) => socket.pipe(socket))
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ port: portOf(server), close: () => server.close() })))
  }),
  ({ close }) => Effect.sync(close)
)

describe("the native socket", () => {
  it.live("carries the bytes of a connection on Bun", () =>
    Effect.gen(function* () {
      const { port } = yield* echoServer
      const connector = yield* BunConnector.make()
      const connection = yield* connector.connect({ address: Target.tcp("127.0.0.1", port) })
      assert.strictEqual(connection.info.layer, "bun")
      connection.close()
    })
  )

  it("is not found below a socket that has none, or another kind", () => {
    assert.isUndefined(nativeSocketOf(new Socket()))
    assert.isUndefined(nativeSocketOf(Object.assign(new Socket(), { _handle: { write: () => 0 } })))
  })

  it.live("is done without on another runtime, where the connection works and says so", () =>
    Effect.gen(function* () {
      const { port } = yield* echoServer
      const printed = yield* Effect.callback<string>((resume) => {
        execFile(node, [foreign, String(port)], (error, stdout) =>
          resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
        )
      })
      assert.strictEqual(printed, "bun+node:net word\n")
    })
  )
})
