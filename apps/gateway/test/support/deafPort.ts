/**
 * A port where connects neither succeed nor fail: a process that listens and never accepts, its backlog full, so that
 * the system drops what comes.
 */
import { spawn } from "node:child_process"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

const backlog = 1
const nodePath = fileURLToPath(new URL("../../../../node_modules/.bin/node", import.meta.url))

/** Tells its port and then blocks its event loop for ever. In Node: Bun does not pass the backlog on to the system. */
const program = `
  const server = require("node:net").createServer()
  server.listen({ port: 0, host: "127.0.0.1", backlog: ${backlog} }, () => {
    require("node:fs").writeSync(1, String(server.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

export const deafPort: Effect.Effect<number, never, Scope.Scope> = Effect.gen(function* () {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(nodePath, ["--input-type=commonjs", "-e", program], { stdio: ["ignore", "pipe", "inherit"] })
    ),
    (running) =>
      Effect.callback<void>((resume) => {
        running.once("close", () => resume(Effect.void))
        running.kill("SIGKILL")
      })
  )
  const port = yield* Effect.callback<number>((resume) => {
    child.stdout.once("data", (text: Buffer) => resume(Effect.succeed(Number(text))))
  })
  // Linux takes one more than the backlog.
  yield* Effect.forEach(Array.from({ length: backlog + 1 }), () => fill(port))
  return port
})

const fill = (port: number): Effect.Effect<unknown, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof connect>>((resume) => {
      const socket = connect({ port, host: "127.0.0.1" })
      socket.once("connect", () => resume(Effect.succeed(socket)))
      socket.on("error", () => {
        // The process is killed while it is connected.
      })
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
