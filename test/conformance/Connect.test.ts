/**
 * Connecting over TCP and Unix sockets: what is told about it, and how it fails.
 */
import dns from "node:dns"
import { writeFileSync } from "node:fs"
import { isIP } from "node:net"
import { nextTick } from "node:process"
import { assert, describe, it, vi } from "@effect/vitest"
import { type ConnectPhase, Target } from "@weir/transport"
import { Effect } from "effect"
import { canCountSockets, keepAliveSecondsTo, systemKeepAliveSeconds } from "../support/openSockets.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { makeConnector, runtime } from "./runtime.ts"

usePeers()

const open = (target: Target.Target, phases: Array<ConnectPhase> = []) =>
  Effect.flatMap(makeConnector(), (connector) =>
    Effect.acquireRelease(connector.connect(target, { enterPhase: (phase) => phases.push(phase) }), (connection) =>
      Effect.sync(() => connection.close())
    )
  )

/** Gives a name these addresses, until the scope closes: no name with several can be relied on everywhere. */
const resolving = (name: string, addresses: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const all = addresses.map((address) => ({ address, family: isIP(address) }))
      const lookup = dns.lookup
      return vi.spyOn(dns, "lookup").mockImplementation((...args: ReadonlyArray<unknown>) => {
        const callback = args.at(-1)
        if (args[0] !== name) return Reflect.apply(lookup, dns, args)
        if (typeof callback === "function") nextTick(() => callback(null, all))
        return {}
      })
    }),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

/** The address of a listener that has gone. */
const abandoned = (listen: "tcp" | "unix") => Effect.scoped(Effect.map(makePeer({ listen }), ({ address }) => address))

describe("a connect", () => {
  it.live("says who is connected to whom", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { info } = yield* open({ address: peer.address })
      const accepted = yield* peer.accept
      assert.strictEqual(info.layer, runtime)
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

  const loopback = ["::1", "127.0.0.1"]
  it.live.each(loopback)("to a name with several addresses reaches the one that listens, here %s", (host) =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ host })
      yield* resolving("several.test", loopback)
      const { info } = yield* open({ address: Target.tcp("several.test", peer.port) })
      assert.strictEqual(info.remoteAddress, host)
    })
  )

  it.live("to a name whose addresses are all refused is refused", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(makePeer())
      yield* resolving("several.test", loopback)
      const error = yield* Effect.flip(open({ address: Target.tcp("several.test", port) }))
      assert.strictEqual(error.reason, "Refused")
      assert.strictEqual(error.phase, "tcp")
    })
  )

  // Deno can ask for the probes, but not say when they begin.
  const [when, probeSeconds] =
    runtime === "deno" ? ["by its own rules", systemKeepAliveSeconds] : ["after a minute", 60]
  it.live.skipIf(!canCountSockets)(`leaves a connection on which the system probes a silent peer ${when}`, () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      yield* open({ address: peer.address })
      const seconds = keepAliveSecondsTo(peer.port)
      assert.isAbove(seconds, probeSeconds - 10)
      assert.isAtMost(seconds, probeSeconds)
    })
  )

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
