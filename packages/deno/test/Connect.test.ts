/**
 * What is Deno's own about a connect: the layers it names, the addresses it tries, the permissions it needs.
 */
import { spawn } from "node:child_process"
import dns from "node:dns"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer, isIP, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, vi } from "@effect/vitest"
import { DenoConnector } from "@weir/deno"
import { Target } from "@weir/transport"
import { Effect, Exit, Fiber } from "effect"

const nodeProgram = fileURLToPath(new URL("../../../node_modules/.bin/node", import.meta.url))

const open = (target: Target.Target) =>
  Effect.flatMap(DenoConnector.make(), (connector) =>
    Effect.acquireRelease(connector.connect(target), (connection) => Effect.sync(() => connection.close()))
  )

/** A listener at this address; port 0: at any. */
const listening = (host: string, port: number) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((socket) => socket.on("error", () => socket.destroy()).resume())
      server.listen(port, host, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  ).pipe(
    Effect.map((server) => {
      const bound = server.address()
      return bound === null || typeof bound === "string" ? 0 : bound.port
    })
  )

/** A listener that accepts nothing, its queue full: whoever connects hears nothing. Gives its port. */
const silentOn = Effect.fn(function* (host: string) {
  const script = `
    const server = require("node:net").createServer()
    server.listen({ host: "${host}", port: 0, backlog: 1 }, () => {
      require("node:fs").writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(nodeProgram, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })),
    (running) =>
      Effect.callback<void>((resume) => {
        running.once("close", () => resume(Effect.void))
        running.kill("SIGKILL")
      })
  )
  const port = yield* Effect.callback<number>((resume) => {
    child.stdout.once("data", (printed: Buffer) => resume(Effect.succeed(Number(printed.toString()))))
  })
  // Linux queues one more than the backlog.
  for (let queued = 0; queued < 2; queued++) {
    yield* Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.on("error", () => socket.destroy()).destroy())
    )
  }
  return port
})

/** The name `several.test` has these addresses, until the scope closes. */
const resolving = (addresses: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      vi.spyOn(dns, "lookup").mockImplementation((...args: ReadonlyArray<unknown>) => {
        const callback = args.at(-1)
        const all = addresses.map((address) => ({ address, family: isIP(address) }))
        if (typeof callback === "function") setTimeout(() => callback(null, all))
        return {}
      })
    ),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

/** How many connects to 127.0.0.1 or 127.0.0.2 and this port are under way on this machine (Linux: state SYN_SENT). */
const pendingCountTo = (port: number): number =>
  readFileSync("/proc/self/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => {
      const hexPort = port.toString(16).toUpperCase().padStart(4, "0")
      return (remote === `0100007F:${hexPort}` || remote === `0200007F:${hexPort}`) && state === "02"
    }).length

describe("a connection of Deno's", () => {
  it.live("says by which layers it goes", () =>
    Effect.gen(function* () {
      const port = yield* listening("127.0.0.1", 0)
      assert.strictEqual((yield* open({ address: Target.tcp("127.0.0.1", port) })).info.layer, "deno")
      const bound = yield* open({ address: Target.tcp("127.0.0.1", port), localAddress: "127.0.0.2" })
      assert.strictEqual(bound.info.layer, "deno+node:net")
    })
  )

  it.live("to a name whose addresses are all its own is refused by each of them", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(listening("127.0.0.1", 0))
      yield* resolving(["127.0.0.1", "127.0.0.2", "127.0.0.3"])
      const error = yield* Effect.flip(open({ address: Target.tcp("several.test", port) }))
      assert.strictEqual(error.reason, "Refused")
      assert.instanceOf(error.cause, AggregateError)
      assert.strictEqual(error.cause instanceof AggregateError ? error.cause.errors.length : 0, 3)
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

  it.live("to a name without any address fails in phase dns", () =>
    Effect.gen(function* () {
      yield* resolving([])
      const error = yield* Effect.flip(open({ address: Target.tcp("several.test", 80) }))
      assert.strictEqual(error.reason, "DnsFailed")
      assert.strictEqual(error.phase, "dns")
    })
  )
})

describe.skipIf(process.platform !== "linux")("a connect to a name whose first address is silent", () => {
  it.live("goes on with the next address, and gives the silent one up", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("127.0.0.1")
      yield* listening("127.0.0.2", port)
      yield* resolving(["127.0.0.1", "127.0.0.2"])
      const { info } = yield* open({ address: Target.tcp("several.test", port) })
      assert.strictEqual(info.remoteAddress, "127.0.0.2")
      assert.isAtLeast(info.timing.tcpMillis ?? 0, 240)
      while (pendingCountTo(port) > 0) yield* Effect.sleep("10 millis")
    })
  )

  it.live("prefers an address of the other family for the next", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("127.0.0.1")
      yield* listening("127.0.0.2", port)
      yield* listening("::1", port)
      yield* resolving(["127.0.0.1", "127.0.0.2", "::1"])
      const { info } = yield* open({ address: Target.tcp("several.test", port) })
      assert.strictEqual(info.remoteAddress, "::1")
    })
  )

  it.live("has closed what was under way when it is interrupted", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("0.0.0.0")
      yield* resolving(["127.0.0.1", "127.0.0.2"])
      const connector = yield* DenoConnector.make()
      const fiber = yield* Effect.forkChild(connector.connect({ address: Target.tcp("several.test", port) }))
      // Both are tried beside each other by then.
      while (pendingCountTo(port) < 2) yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(pendingCountTo(port), 0)
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
