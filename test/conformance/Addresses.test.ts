/**
 * Names with several addresses: which of them a connect reaches, how long that takes, and what is left of the others.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { connect as netConnect, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { type ConnectPathOptions, type Resolution, Resolver, Target } from "@weir/transport"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { listening, silentServer } from "../support/Listening.ts"
import { canCountSockets, countSocketsTo } from "../support/openSockets.ts"
import type { Outcome } from "./BlackHoleProcess.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { firstLineOf, nodeProgram, runtimeCommand } from "./programs.ts"
import { makeConnector } from "./runtime.ts"
import { serverTls, trusting } from "./secured.ts"

usePeers()

const open = (target: Target.Target, options: ConnectPathOptions) =>
  Effect.flatMap(makeConnector(options), (connector) =>
    Effect.acquireRelease(connector.connect(target), (connection) => Effect.sync(() => connection.close()))
  )

const having = (...addresses: ReadonlyArray<string>): ConnectPathOptions => ({
  lookup: () => Effect.succeed({ addresses })
})

/** A listener that accepts nothing, its queue full: whoever connects now hears nothing. Gives its port. */
const silentOn = (host: string) =>
  Effect.gen(function* () {
    const script = `
      const server = require("node:net").createServer()
      server.listen({ host: "${host}", port: 0, backlog: 1 }, () => {
        require("node:fs").writeSync(1, String(server.address().port) + "\\n")
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      })`
    const port = Number(yield* firstLineOf(nodeProgram, ["-e", script]))
    // Linux queues one more than the backlog.
    for (let queued = 0; queued < 2; queued++) {
      yield* Effect.acquireRelease(
        Effect.callback<Socket>((resume) => {
          const socket = netConnect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
        }),
        (socket) => Effect.sync(() => socket.on("error", () => socket.destroy()).destroy())
      )
    }
    return port
  })

const target = (port: number, host = "several.test"): Target.Target => ({ address: Target.tcp(host, port) })

describe("a name with several addresses", () => {
  it.live("is refused by all of them, each told in the error", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(makePeer())
      const addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
      const error = yield* Effect.flip(open(target(port), having(...addresses)))
      assert.strictEqual(error.reason, "Refused")
      assert.strictEqual(error.address, `several.test:${port}`)
      for (const address of addresses) assert.include(error.message, `${address}:${port}`)
      assert.strictEqual(error.cause instanceof AggregateError ? error.cause.errors.length : 0, 3)
    })
  )

  it.live("is dialled by addresses of the local address's family alone", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const options = having("::1", "127.0.0.1")
      const { info } = yield* open({ ...target(peer.port), localAddress: "127.0.0.2" }, options)
      assert.deepStrictEqual([info.remoteAddress, info.localAddress], ["127.0.0.1", "127.0.0.2"])
      const error = yield* Effect.flip(open({ ...target(peer.port), localAddress: "127.0.0.2" }, having("::1")))
      assert.deepStrictEqual([error.reason, error.phase], ["DnsFailed", "dns"])
      assert.include(error.message, "local address 127.0.0.2")
    })
  )

  it.live("is named in the connection, with the address that answered", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { info } = yield* open(target(peer.port), having("127.0.0.1"))
      assert.deepStrictEqual([info.resolvedFrom, info.remoteAddress], ["several.test", "127.0.0.1"])
      assert.isUndefined((yield* open({ address: peer.address }, {})).info.resolvedFrom)
    })
  )

  it.live("is secured over the address that answered, and no other", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const options = having("127.0.0.2", "127.0.0.1")
      const { info } = yield* open({ ...target(peer.port, "localhost"), tls: trusting }, options)
      assert.strictEqual(info.remoteAddress, "127.0.0.1")
      assert.isDefined(info.tls)
      assert.isAbove(info.timing.tlsMillis ?? 0, 0)
    })
  )
})

describe.skipIf(!canCountSockets)("a name whose first address is silent", () => {
  it.live("is reached by the next after 250 ms, and the silent one is given up", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("127.0.0.1")
      yield* listening(silentServer(), "127.0.0.2", port)
      const before = countSocketsTo(port)
      const { info } = yield* open(target(port), having("127.0.0.1", "127.0.0.2"))
      assert.strictEqual(info.remoteAddress, "127.0.0.2")
      assert.isAtLeast(info.timing.tcpMillis ?? 0, 240)
      while (countSocketsTo(port) > before + 1) yield* Effect.sleep("10 millis")
    })
  )

  it.live("is reached later where a longer delay is set", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("127.0.0.1")
      yield* listening(silentServer(), "127.0.0.2", port)
      const happyEyeballs = { attemptDelay: "500 millis" } as const
      const { info } = yield* open(target(port), { ...having("127.0.0.1", "127.0.0.2"), happyEyeballs })
      assert.isAtLeast(info.timing.tcpMillis ?? 0, 490)
    })
  )

  it.live("is reached by an address of the other family before a second of its own", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("127.0.0.1")
      yield* listening(silentServer(), "127.0.0.2", port)
      yield* listening(silentServer(), "::1", port)
      const { info } = yield* open(target(port), having("127.0.0.1", "127.0.0.2", "::1"))
      assert.strictEqual(info.remoteAddress, "::1")
    })
  )

  it.live("leaves nothing open when it is interrupted while several are tried", () =>
    Effect.gen(function* () {
      const port = yield* silentOn("0.0.0.0")
      const before = countSocketsTo(port)
      const connector = yield* makeConnector(having("127.0.0.1", "127.0.0.2"))
      const fiber = yield* Effect.forkChild(connector.connect(target(port)))
      while (countSocketsTo(port) < before + 2) yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(countSocketsTo(port), before)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )
})

describe("a connection that is watched", () => {
  it.effect("tells when its name has lost its address", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      let addresses = ["127.0.0.1"]
      const connector = yield* makeConnector({ lookup: () => Effect.sync(() => ({ addresses })) })
      const connection = yield* Effect.acquireRelease(connector.connect(target(peer.port)), (opened) =>
        Effect.sync(() => opened.close())
      )
      const byAddress = yield* Effect.acquireRelease(connector.connect({ address: peer.address }), (opened) =>
        Effect.sync(() => opened.close())
      )
      const told: Array<string> = []
      const stops = [
        connector.watch?.(connection, () => void told.push("by name")),
        connector.watch?.(byAddress, () => void told.push("by address"))
      ]
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(told, [])
      addresses = ["127.0.0.2"]
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(told, ["by name"])
      for (const stop of stops) stop?.()
    })
  )
})

describe("a resolver of the user's", () => {
  it.live("is asked where it is a service in the context, and an option goes before it", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const asked: Array<string> = []
      const answering = (who: string) => (host: string) =>
        Effect.sync((): Resolution => {
          asked.push(`${who} ${host}`)
          return { addresses: ["127.0.0.1"] }
        })
      for (const options of [{}, { lookup: answering("option") }]) {
        const opening = open(target(peer.port, "Named.test"), options)
        yield* Effect.provide(opening, Resolver.layer(answering("service")))
      }
      assert.deepStrictEqual(asked, ["service named.test", "option named.test"])
    })
  )

  it.live("is asked once for many connects at once, and never for an IP address", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      let askedCount = 0
      const resolution = Effect.sync((): Resolution => {
        askedCount++
        return { addresses: ["127.0.0.1"] }
      })
      const connector = yield* makeConnector({ lookup: () => Effect.delay(resolution, 20) })
      const connects = Array.from({ length: 10 }, () => connector.connect(target(peer.port)))
      for (const connection of yield* Effect.all(connects, { concurrency: "unbounded" })) connection.close()
      ;(yield* connector.connect({ address: peer.address })).close()
      assert.strictEqual(askedCount, 1)
    })
  )
})

/** `unshare` makes a network of its own for the program; it and what is done there are for root alone. */
const canUnshare =
  process.platform === "linux" &&
  spawnSync("unshare", ["--net", "ip", "link", "add", "h0", "type", "veth"]).status === 0
if (!canUnshare) {
  process.stderr.write("No black holes are tried: that needs root, unshare(1) and ip(8).\n")
}

/** Addresses behind a cable that leads nowhere, whose neighbours are known, so that nothing fails: packets vanish. */
const [hole4, hole6] = ["192.0.2.7", "2001:db8::7"]
const makeHoles = [
  "ip link set lo up",
  "ip link add h0 type veth peer name h1",
  "ip addr add 192.0.2.1/24 dev h0",
  "ip -6 addr add 2001:db8::1/64 dev h0 nodad",
  "ip link set h0 up",
  "ip link set h1 up",
  `ip neigh add ${hole4} lladdr 02:00:00:00:00:07 dev h0 nud permanent`,
  `ip -6 neigh add ${hole6} lladdr 02:00:00:00:00:07 dev h0 nud permanent`
].join(" && ")

interface Scenario {
  readonly addresses: ReadonlyArray<string>
  readonly millisMax: number
}

/** What comes of connects in a network where some addresses are black holes. */
const amongHoles = (scenarios: ReadonlyArray<Scenario>): Effect.Effect<ReadonlyArray<Outcome>> =>
  Effect.callback((resume) => {
    const program = fileURLToPath(new URL("BlackHoleProcess.ts", import.meta.url))
    const command = [...runtimeCommand, program, JSON.stringify(scenarios)].map((word) => `'${word}'`).join(" ")
    const child: ChildProcess = spawn("unshare", ["--net", "sh", "-c", `${makeHoles} && exec ${command}`], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let printed = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
    child.once("close", (status) => {
      if (status === 0) resume(Effect.succeed(JSON.parse(printed)))
      else resume(Effect.die(new Error(`the program among black holes ended with status ${status}`)))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe.skipIf(!canUnshare)("an address that is a black hole", () => {
  it.live("costs a name with a good one 250 ms, whichever family is the hole, and is given up", () =>
    Effect.gen(function* () {
      const scenarios = [
        { addresses: [hole6, "127.0.0.1"], millisMax: 5000 },
        { addresses: [hole4, "::1"], millisMax: 5000 },
        { addresses: ["::1", hole4], millisMax: 5000 },
        { addresses: [hole6, hole4, "127.0.0.1"], millisMax: 5000 },
        { addresses: [hole6, hole4], millisMax: 400 }
      ]
      const [behind6, behind4, before4, behindBoth, nowhere] = yield* amongHoles(scenarios)
      for (const [outcome, remoteAddress, millisMin] of [
        [behind6, "127.0.0.1", 240],
        [behind4, "::1", 240],
        [before4, "::1", 0],
        [behindBoth, "127.0.0.1", 490]
      ] as const) {
        assert.strictEqual(outcome?.remoteAddress, remoteAddress)
        assert.isAtLeast(outcome?.tcpMillis ?? 0, millisMin)
        // The system itself would try for minutes.
        assert.isBelow(outcome?.tcpMillis ?? 0, millisMin + 3000)
        assert.deepStrictEqual([outcome?.phases, outcome?.leftCount], [["dns", "tcp"], 0])
      }
      assert.deepStrictEqual([nowhere?.remoteAddress, nowhere?.phases, nowhere?.leftCount], ["none", ["dns", "tcp"], 0])
    })
  )
})
