/**
 * A connect that is given up, at any moment, leaves nothing open.
 */
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import type { Socket } from "node:net"
import { connect } from "node:net"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import { type Connector, type ConnectPhase, Target } from "@weir/transport"
import { Effect, Exit, Fiber, Random, References } from "effect"
import { makeCertificates } from "./Certificates.ts"
import { expectNoSocketsLeft } from "./Leaks.ts"
import { ended, makePeer } from "./Peer.ts"

const certificates = makeCertificates()
const trusting = { ca: [certificates.ca] }

/** Where the system lists the descriptors that this process holds. */
const descriptorDirectory = "/proc/self/fd"
const descriptorCount = () => readdirSync(descriptorDirectory).length

const turns = (count: number) =>
  Effect.promise(async () => {
    for (let turn = 0; turn < count; turn++) await setImmediate()
  })

/** Starts a connect, and tells when it has entered a phase. */
const start = (connector: Connector["Service"], target: Target.Target, phase: ConnectPhase) =>
  Effect.gen(function* () {
    const phases: Array<ConnectPhase> = []
    let entered = () => {}
    const inPhase = new Promise<void>((resolve) => {
      entered = resolve
    })
    const enterPhase = (next: ConnectPhase) => {
      phases.push(next)
      if (next === phase) entered()
    }
    const fiber = yield* Effect.forkChild(connector.connect(target, { enterPhase }), { startImmediately: true })
    yield* Effect.promise(() => inPhase)
    return { fiber, phases }
  })

/** Runs Node on something that prints one line of JSON first, until the scope closes; gives that line's value. */
const nodeProcess = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] })
      ),
      (process) =>
        Effect.callback<void>((resume) => {
          process.once("close", () => resume(Effect.void))
          process.kill("SIGKILL")
        })
    )
    return yield* Effect.callback<unknown>((resume) => {
      child.stdout.once("data", (chunk: Buffer) => resume(Effect.sync(() => JSON.parse(chunk.toString()))))
    })
  })

/** The plain and the TLS port of a peer in another process. */
const peerProcess = Effect.map(
  nodeProcess([fileURLToPath(new URL("PeerProcess.ts", import.meta.url))], {
    CHAIN: certificates.server.chain,
    KEY: certificates.server.key
  }),
  (ports) => (Array.isArray(ports) ? ports.map(Number) : [])
)

/** A listener that accepts nothing, its queue of waiting connections full: whoever connects now waits in phase tcp. */
const fullListener = Effect.gen(function* () {
  // The listener's process sleeps as soon as it listens, so that nothing is ever taken from its queue.
  const script = `
    const server = require("node:net").createServer()
    server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
      require("node:fs").writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const port = Number(yield* nodeProcess(["-e", script]))
  // Linux queues one more than the backlog.
  for (let queued = 0; queued < 2; queued++) {
    yield* Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
  }
  return port
})

describe("an interrupted connect", () => {
  expectNoSocketsLeft()

  it.live("in phase dns opens nothing afterwards", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const target = { address: Target.tcp("localhost", peer.port) }
      const { fiber, phases } = yield* start(yield* NodeConnector.make(), target, "dns")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* turns(100)
      assert.deepStrictEqual(phases, ["dns"])
    })
  )

  it.live.skipIf(process.platform !== "linux")("in phase tcp has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const port = yield* fullListener
      const connector = yield* NodeConnector.make()
      const before = descriptorCount()
      const { fiber } = yield* start(connector, { address: Target.tcp("127.0.0.1", port) }, "tcp")
      yield* turns(20)
      assert.strictEqual(descriptorCount(), before + 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(descriptorCount(), before)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  it.live.skipIf(process.platform !== "linux")("in phase tls has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const connector = yield* NodeConnector.make()
      const before = descriptorCount()
      const { fiber } = yield* start(connector, { address: peer.address, tls: trusting }, "tls")
      const accepted = yield* peer.accept
      assert.strictEqual(descriptorCount(), before + 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(descriptorCount(), before + 1)
      assert.strictEqual(yield* ended(accepted), "FIN")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  it.live("by its own observer has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const connector = yield* NodeConnector.make()
      const exit = yield* Effect.withFiber((fiber) =>
        connector.connect({ address: peer.address }, { enterPhase: () => fiber.interruptUnsafe() })
      ).pipe(Effect.forkChild, Effect.flatMap(Fiber.await))
      assert.isTrue(Exit.hasInterrupts(exit))
    })
  )

  // A fiber that yields all the time can be interrupted between the connect's last step and its end.
  for (const [pace, maxOpsBeforeYield] of [
    ["works at the usual pace", 2048],
    ["yields all the time", 3]
  ] as const) {
    it.live.skipIf(process.platform !== "linux")(
      `at any moment leaves no descriptor open, 1,000 times, in a fiber that ${pace}`,
      () =>
        Effect.gen(function* () {
          const [plainPort = 0, tlsPort = 0] = yield* peerProcess
          const targets: ReadonlyArray<Target.Target> = [
            { address: Target.tcp("127.0.0.1", plainPort) },
            { address: Target.tcp("localhost", plainPort) },
            { address: Target.tcp("localhost", tlsPort), tls: trusting }
          ]
          const connector = yield* NodeConnector.make()
          const before = descriptorCount()
          const outcomeCounts = { opened: 0, interrupted: 0 }
          for (let cycle = 0; cycle < 1000; cycle++) {
            const target = targets[cycle % targets.length] ?? { address: Target.tcp("127.0.0.1", plainPort) }
            const fiber = yield* connector
              .connect(target)
              .pipe(
                Effect.provideService(References.MaxOpsBeforeYield, maxOpsBeforeYield),
                Effect.forkChild({ startImmediately: true })
              )
            // One in ten may open, however slow the machine is.
            if (cycle % 10 === 0) yield* Fiber.await(fiber)
            else yield* turns(yield* Random.nextIntBetween(0, 20))
            yield* Fiber.interrupt(fiber)
            const exit = yield* Fiber.await(fiber)
            if (Exit.isSuccess(exit)) exit.value.close()
            else assert.isTrue(Exit.hasInterrupts(exit), `interrupted, not ${exit.cause}`)
            outcomeCounts[Exit.isSuccess(exit) ? "opened" : "interrupted"]++
          }
          // Lookups cannot be cancelled: those still under way hold a file of the resolver for a moment.
          for (let turn = 0; turn < 1000 && descriptorCount() > before; turn++) yield* turns(1)
          assert.strictEqual(descriptorCount(), before)
          assert.isAtLeast(outcomeCounts.opened, 100)
          assert.isAbove(outcomeCounts.interrupted, 0)
        }).pipe(Random.withSeed("interruption")),
      20_000
    )
  }
})
