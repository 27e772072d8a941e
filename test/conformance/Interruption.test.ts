/**
 * A connect that is given up, at any moment, leaves nothing open.
 */
import dns from "node:dns"
import { connect, isIP, type Socket } from "node:net"
import { assert, describe, it, vi } from "@effect/vitest"
import { type Connector, type ConnectPhase, type HttpProxy, Target } from "@weir/transport"
import { Effect, Exit, Fiber, Random, References } from "effect"
import { canCountSockets, countSocketsTo } from "../support/openSockets.ts"
import { turns } from "./Pair.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { firstLineOf, nodeProgram } from "./programs.ts"
import { makeProxy } from "./proxy/TestProxy.ts"
import { makeConnector } from "./runtime.ts"
import { serverTls, trusting } from "./secured.ts"

usePeers()

/** Starts a connect, and tells when it has entered a phase. */
const start = (connector: Connector["Service"], target: Target.Target, phase: ConnectPhase) =>
  Effect.gen(function* () {
    const phases: Array<ConnectPhase> = []
    const inPhase = Promise.withResolvers<void>()
    const enterPhase = (next: ConnectPhase) => {
      phases.push(next)
      if (next === phase) inPhase.resolve()
    }
    const fiber = yield* Effect.forkChild(connector.connect(target, { enterPhase }), { startImmediately: true })
    yield* Effect.promise(() => inPhase.promise)
    return { fiber, phases }
  })

/** A listener that accepts nothing, its queue of waiting connections full: whoever connects now waits in phase tcp. */
const fullListener = Effect.gen(function* () {
  // The listener's process sleeps as soon as it listens, so that nothing is ever taken from its queue.
  const script = `
    const server = require("node:net").createServer()
    server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
      require("node:fs").writeSync(1, String(server.address().port) + "\\n")
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const port = Number(yield* firstLineOf(nodeProgram, ["-e", script]))
  // Linux queues one more than the backlog.
  const queuedCount = 2
  for (let queued = 0; queued < queuedCount; queued++) {
    yield* Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
  }
  return { port, queuedCount }
})

/** Names are resolved when the returned function says so, to the address it says, until the scope closes. */
const heldLookup = Effect.gen(function* () {
  const held: Array<(address: string) => void> = []
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      vi.spyOn(dns, "lookup").mockImplementation((...args: ReadonlyArray<unknown>) => {
        const callback = args.at(-1)
        held.push((address) => {
          if (typeof callback === "function") callback(null, [{ address, family: isIP(address) }])
        })
        return {}
      })
    ),
    (spy) => Effect.sync(() => spy.mockRestore())
  )
  return (address: string) => {
    assert.isAbove(held.length, 0)
    for (const answer of held) answer(address)
  }
})

describe("an interrupted connect", () => {
  it.live("in phase dns opens nothing afterwards", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const answer = yield* heldLookup
      const target = { address: Target.tcp("slow.test", peer.port) }
      const { fiber, phases } = yield* start(yield* makeConnector(), target, "dns")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      answer("127.0.0.1")
      yield* turns(100)
      assert.deepStrictEqual(phases, ["dns"])
    })
  )

  it.live.skipIf(!canCountSockets)("in phase tcp has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const { port, queuedCount } = yield* fullListener
      const { fiber } = yield* start(yield* makeConnector(), { address: Target.tcp("127.0.0.1", port) }, "tcp")
      yield* turns(20)
      assert.strictEqual(countSocketsTo(port), queuedCount + 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(countSocketsTo(port), queuedCount)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  it.live.skipIf(!canCountSockets)("in phase tls has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { fiber } = yield* start(yield* makeConnector(), { address: peer.address, tls: trusting }, "tls")
      const accepted = yield* peer.accept
      assert.strictEqual(countSocketsTo(peer.port), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(countSocketsTo(peer.port), 0)
      assert.strictEqual(yield* accepted.ended, "FIN")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  it.live("by its own observer has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const connector = yield* makeConnector()
      const exit = yield* Effect.withFiber((fiber) =>
        connector.connect({ address: peer.address }, { enterPhase: () => fiber.interruptUnsafe() })
      ).pipe(Effect.forkChild, Effect.flatMap(Fiber.await))
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(countSocketsTo(peer.port), 0)
    })
  )

  // A fiber that yields all the time can be interrupted between the connect's last step and its end.
  for (const [pace, maxOpsBeforeYield] of [
    ["works at the usual pace", 2048],
    ["yields all the time", 3]
  ] as const) {
    it.live.skipIf(!canCountSockets)(
      `at any moment leaves no socket open, 1,000 times, in a fiber that ${pace}`,
      () =>
        Effect.gen(function* () {
          const plain = yield* makePeer({ greeting: "absorb" })
          const secure = yield* makePeer({ greeting: "absorb", tls: serverTls })
          const proxyServer = yield* makeProxy({ protocol: "http" })
          const proxy: HttpProxy = { _tag: "Http", address: proxyServer.address }
          const targets: ReadonlyArray<Target.Target> = [
            { address: plain.address },
            { address: Target.tcp("localhost", plain.port) },
            { address: secure.address, tls: trusting },
            { address: plain.address, proxy },
            { address: secure.address, tls: trusting, proxy }
          ]
          const ports = [plain.port, secure.port, proxyServer.address.port]
          const connector = yield* makeConnector()
          const outcomeCounts = { opened: 0, interrupted: 0 }
          /** How many turns a connect to each target has lately taken: the last steps are to be met as often as the first. */
          const turnCounts = targets.map(() => 20)
          for (let cycle = 0; cycle < 1000; cycle++) {
            const index = cycle % targets.length
            const target = targets[index] ?? { address: plain.address }
            const fiber = yield* connector
              .connect(target)
              .pipe(
                Effect.provideService(References.MaxOpsBeforeYield, maxOpsBeforeYield),
                Effect.forkChild({ startImmediately: true })
              )
            // One in ten may open, however slow the machine is.
            const isWhole = Math.floor(cycle / targets.length) % 10 === 0
            const turnsMax = isWhole
              ? Number.POSITIVE_INFINITY
              : yield* Random.nextIntBetween(0, turnCounts[index] ?? 20)
            let turnCount = 0
            for (; turnCount < turnsMax && fiber.pollUnsafe() === undefined; turnCount++) yield* turns(1)
            if (isWhole) turnCounts[index] = turnCount + 5
            yield* Fiber.interrupt(fiber)
            const exit = yield* Fiber.await(fiber)
            if (Exit.isSuccess(exit)) exit.value.close()
            else assert.isTrue(Exit.hasInterrupts(exit), `interrupted, not ${exit.cause}`)
            outcomeCounts[Exit.isSuccess(exit) ? "opened" : "interrupted"]++
            if (cycle % 50 === 0) {
              yield* turns(20)
              assert.strictEqual(
                ports.map(countSocketsTo).reduce((a, b) => a + b),
                0
              )
            }
          }
          assert.isAtLeast(outcomeCounts.opened, 100)
          assert.isAbove(outcomeCounts.interrupted, 0)
        }).pipe(Random.withSeed("interruption")),
      180_000
    )
  }
})
