/**
 * What is Deno's own about a connect: the layers it names, what it cannot give up, the permissions it needs.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { DenoConnector } from "@weir/deno"
import { Target } from "@weir/transport"
import { Effect, Exit, Fiber } from "effect"
import { listening, silentServer } from "../../../test/support/Listening.ts"
import { countSocketsTo } from "../../../test/support/openSockets.ts"

const open = (target: Target.Target) =>
  Effect.flatMap(DenoConnector.make(), (connector) =>
    Effect.acquireRelease(connector.connect(target), (connection) => Effect.sync(() => connection.close()))
  )

describe("a connection of Deno's", () => {
  it.live("says by which layers it goes", () =>
    Effect.gen(function* () {
      const port = yield* listening(silentServer())
      assert.strictEqual((yield* open({ address: Target.tcp("127.0.0.1", port) })).info.layer, "deno")
      const bound = yield* open({ address: Target.tcp("127.0.0.1", port), localAddress: "127.0.0.2" })
      assert.strictEqual(bound.info.layer, "deno+node:net")
    })
  )

  it.live("leaves nothing open when it is given up just as it opens", () =>
    Effect.gen(function* () {
      const port = yield* listening(silentServer())
      const connector = yield* DenoConnector.make()
      const target = { address: Target.tcp("127.0.0.1", port) }
      for (let count = 0; count < 150; count++) {
        const connect = Effect.runFork(connector.connect(target))
        const givenUp = Promise.withResolvers<void>()
        setTimeout(() => {
          connect.interruptUnsafe()
          givenUp.resolve()
        }, 0)
        // The timer and the open connection are waiting for their turn together then.
        const untilMillis = performance.now() + 2
        while (performance.now() < untilMillis);
        yield* Effect.promise(() => givenUp.promise)
        const exit = yield* Fiber.await(connect)
        if (Exit.isSuccess(exit)) exit.value.close()
      }
      for (let look = 0; look < 100 && countSocketsTo(port) > 0; look++) yield* Effect.sleep(5)
      assert.strictEqual(countSocketsTo(port), 0)
    })
  )

  it.live("to a Unix path leaves nothing open when it is interrupted, though Deno cannot give it up", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "weir-deno-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const path = join(directory, "socket")
      const ended = Promise.withResolvers<void>()
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((socket) => socket.once("close", () => ended.resolve()).resume())
          server.listen(path, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const connector = yield* DenoConnector.make()
      const fiber = yield* Effect.forkChild(connector.connect({ address: Target.unix(path) }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* Effect.promise(() => ended.promise)
    })
  )
})

describe("a program without permissions", () => {
  it.live("is told which one a connect needs", () =>
    Effect.gen(function* () {
      const deno = fileURLToPath(new URL("../../../node_modules/.bin/deno", import.meta.url))
      const program = fileURLToPath(new URL("PermissionProcess.ts", import.meta.url))
      const args = ["run", "--no-prompt", "--allow-read", "--allow-env", "--allow-sys", program]
      const output = yield* Effect.callback<string>((resume) => {
        const child = spawn(deno, args, { stdio: ["ignore", "pipe", "inherit"] })
        let printed = ""
        child.stdout.on("data", (chunk: Buffer) => {
          printed += chunk.toString()
        })
        child.once("close", () => resume(Effect.succeed(printed)))
        return Effect.sync(() => child.kill("SIGKILL"))
      })
      const lines = output.trim().split("\n")
      assert.strictEqual(lines.length, 2)
      for (const line of lines) {
        assert.match(line, /^LocalResource .*--allow-net/)
      }
    })
  )
})
