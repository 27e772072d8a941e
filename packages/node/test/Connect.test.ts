/**
 * Connecting over TCP and Unix sockets: what is told about it, and how it fails.
 */
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import { Connector, type ConnectPhase, Target } from "@weir/transport"
import { Effect } from "effect"
import { expectNoSocketsLeft } from "./Leaks.ts"
import { makePeer } from "./Peer.ts"

const open = (target: Target.Target, phases: Array<ConnectPhase> = []) =>
  Connector.pipe(
    Effect.flatMap((connector) =>
      Effect.acquireRelease(connector.connect(target, { enterPhase: (phase) => phases.push(phase) }), (connection) =>
        Effect.sync(() => connection.close())
      )
    ),
    Effect.provide(NodeConnector.layer)
  )

/** The address of a listener that has gone. */
const abandoned = (listen: "tcp" | "unix") => Effect.scoped(Effect.map(makePeer({ listen }), ({ address }) => address))

describe("a connect", () => {
  expectNoSocketsLeft()

  it.live("says who is connected to whom", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { info } = yield* open({ address: peer.address })
      const accepted = yield* peer.accept
      assert.strictEqual(info.layer, "node")
      assert.strictEqual(info.remoteAddress, "127.0.0.1")
      assert.strictEqual(info.remotePort, peer.port)
      assert.strictEqual(info.localAddress, "127.0.0.1")
      assert.strictEqual(info.localPort, accepted.remotePort)
      assert.isUndefined(info.tls)
      assert.isUndefined(info.alpn)
    })
  )

  it.live("names the path of a Unix socket", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ listen: "unix" })
      const { info } = yield* open({ address: peer.address })
      assert.strictEqual(`unix:${info.remoteAddress}`, Target.formatAddress(peer.address))
      assert.strictEqual(info.remotePort, 0)
      assert.strictEqual(info.localPort, 0)
    })
  )

  it.live("to a name goes through the phases dns and tcp, and times both", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const phases: Array<ConnectPhase> = []
      const { info } = yield* open({ address: Target.tcp("localhost", peer.port) }, phases)
      assert.deepStrictEqual(phases, ["dns", "tcp"])
      assert.isAbove(info.timing.dnsMillis ?? 0, 0)
      assert.isAbove(info.timing.tcpMillis ?? 0, 0)
      assert.isUndefined(info.timing.tlsMillis)
    })
  )

  it.live("to an IP address has no phase dns", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const phases: Array<ConnectPhase> = []
      const { info } = yield* open({ address: peer.address }, phases)
      assert.deepStrictEqual(phases, ["tcp"])
      assert.isUndefined(info.timing.dnsMillis)
    })
  )

  it.effect("takes its times from the clock of its fiber", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { info } = yield* open({ address: peer.address })
      assert.deepStrictEqual(info.timing, { tcpMillis: 0 })
    })
  )

  it.live("comes from the local address that was asked for", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { info } = yield* open({ address: Target.tcp("localhost", peer.port), localAddress: "127.0.0.2" })
      assert.strictEqual(info.localAddress, "127.0.0.2")
      assert.strictEqual((yield* peer.accept).remoteAddress, "127.0.0.2")
    })
  )

  it.live("to a port without a listener is refused in phase tcp", () =>
    Effect.gen(function* () {
      const address = yield* abandoned("tcp")
      const error = yield* Effect.flip(open({ address }))
      assert.strictEqual(error.reason, "Refused")
      assert.strictEqual(error.phase, "tcp")
      assert.strictEqual(error.code, "ECONNREFUSED")
      assert.strictEqual(error.address, Target.formatAddress(address))
      assert.instanceOf(error.cause, Error)
    })
  )

  it.live("to a Unix path that does not exist is refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(open({ address: yield* abandoned("unix") }))
      assert.strictEqual(error.reason, "Refused")
      assert.strictEqual(error.phase, "tcp")
      assert.strictEqual(error.code, "ENOENT")
    })
  )

  it.live("to a file that is no socket is refused", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ listen: "unix" })
      const path = `${peer.address._tag === "Unix" ? peer.address.path : ""}.txt`
      writeFileSync(path, "no socket")
      const error = yield* Effect.flip(open({ address: Target.unix(path) }))
      assert.strictEqual(error.reason, "Refused")
    })
  )

  it.live("to a name without an address fails in phase dns", () =>
    Effect.gen(function* () {
      const phases: Array<ConnectPhase> = []
      const error = yield* Effect.flip(open({ address: Target.tcp("nonexistent.invalid", 80) }, phases))
      assert.strictEqual(error.reason, "DnsFailed")
      assert.strictEqual(error.phase, "dns")
      assert.deepStrictEqual(phases, ["dns"])
    })
  )

  it.live("from a local address that is not ours fails for want of a local resource", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const error = yield* Effect.flip(open({ address: peer.address, localAddress: "192.0.2.1" }))
      assert.strictEqual(error.reason, "LocalResource")
      assert.strictEqual(error.phase, "tcp")
    })
  )

  const impossible: ReadonlyArray<readonly [string, Target.Target, string]> = [
    ["a port that cannot exist", { address: Target.tcp("127.0.0.1", 70_000) }, "70000"],
    ["an empty host", { address: Target.tcp("", 80) }, "host is empty"],
    ["a host with a NUL", { address: Target.tcp("localhost\0.test", 80) }, "NUL"],
    ["an empty path", { address: Target.unix("") }, "path of the Unix socket is empty"],
    ["a local name", { address: Target.tcp("127.0.0.1", 80), localAddress: "localhost" }, "no IP address: localhost"],
    ["a path and a local address", { address: Target.unix("a"), localAddress: "127.0.0.1" }, "leave localAddress out"]
  ]
  for (const [what, target, advice] of impossible) {
    for (const tls of [undefined, { serverName: "a.test" }]) {
      it.live(
        `to ${what} is refused before anything is opened, ${tls === undefined ? "in plain text" : "over TLS"}`,
        () =>
          Effect.gen(function* () {
            const phases: Array<ConnectPhase> = []
            const error = yield* Effect.flip(open({ ...target, ...(tls === undefined ? {} : { tls }) }, phases))
            assert.strictEqual(error.reason, "Unsupported")
            assert.include(error.message, advice)
            assert.deepStrictEqual(phases, [])
          })
      )
    }
  }

  it.live("can be run again from the same effect", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const connect = open({ address: peer.address })
      const first = yield* connect
      const second = yield* connect
      assert.notStrictEqual(first.info.localPort, second.info.localPort)
    })
  )
})
