/**
 * The layer's table of capabilities, ability by ability: what it says yes to works, and what it says no to does not.
 */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { type ProxyServer, Target } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { firstLineOf, runtimeCommand } from "./programs.ts"
import { makeProxy } from "./proxy/TestProxy.ts"
import { capabilities, makeConnector } from "./runtime.ts"
import { certificates, exchange, open, serverTls, trusting, visit } from "./secured.ts"

usePeers()

type Ability = Effect.Effect<boolean, unknown, Scope.Scope>

const openPlain = (target: Target.Target) =>
  Effect.flatMap(makeConnector(), (connector) =>
    Effect.acquireRelease(connector.connect(target), (connection) => Effect.sync(() => connection.close()))
  )

/** Tries, and says whether it worked. A failure to connect is a no. */
const tries: { readonly [ability: string]: Ability } = {
  unixSockets: Effect.gen(function* () {
    const peer = yield* makePeer({ listen: "unix" })
    yield* exchange(yield* openPlain({ address: peer.address }), yield* peer.accept)
    return true
  }),
  tls: Effect.gen(function* () {
    const peer = yield* makePeer({ tls: serverTls })
    return (yield* visit(yield* makeConnector(), peer, trusting)).tls?.isVerified === true
  }),
  serverName: Effect.gen(function* () {
    const peer = yield* makePeer({ tls: serverTls })
    const tls = { ...trusting, serverName: "localhost" }
    yield* open(yield* makeConnector(), Target.tcp("127.0.0.1", peer.port), tls)
    return (yield* peer.accept).serverName === "localhost"
  }),
  clientCertificates: Effect.gen(function* () {
    const peer = yield* makePeer({ tls: { ...serverTls, ca: certificates.ca, requestCert: true } })
    yield* open(yield* makeConnector(), peer.address, { ...trusting, certificate: certificates.client })
    return (yield* peer.accept).clientName === "client"
  }),
  unverifiedTls: Effect.gen(function* () {
    const peer = yield* makePeer({ tls: serverTls })
    const { info } = yield* open(yield* makeConnector(), peer.address, { verification: "unverified" })
    return info.tls?.isVerified === false
  }),
  sessionResumption: Effect.gen(function* () {
    const peer = yield* makePeer({ tls: serverTls })
    const connector = yield* makeConnector()
    yield* visit(connector, peer, trusting)
    return (yield* visit(connector, peer, trusting)).tls?.isResumed === true
  }),
  localAddress: Effect.gen(function* () {
    const peer = yield* makePeer()
    yield* openPlain({ address: peer.address, localAddress: "127.0.0.2" })
    return (yield* peer.accept).remoteAddress === "127.0.0.2"
  }),
  reset: Effect.gen(function* () {
    const peer = yield* makePeer()
    const connection = yield* openPlain({ address: peer.address })
    const accepted = yield* peer.accept
    connection.reset()
    return (yield* accepted.ended) === "ECONNRESET"
  }),
  unref: Effect.gen(function* () {
    const peer = yield* makePeer()
    const [command, ...commandArguments] = runtimeCommand
    const program = fileURLToPath(new URL("LonelyProcess.ts", import.meta.url))
    const line = yield* firstLineOf(command, [...commandArguments, program, "unref", String(peer.port)])
    return line === "nothing left to do"
  }),
  proxies: Effect.gen(function* () {
    const peer = yield* makePeer()
    for (const protocol of ["http", "socks5"] as const) {
      const { address } = yield* makeProxy({ protocol })
      const proxy: ProxyServer =
        protocol === "http" ? { _tag: "Http", address } : { _tag: "Socks5", address, namesAreResolvedBy: "proxy" }
      yield* exchange(yield* openPlain({ address: peer.address, proxy }), yield* peer.accept)
    }
    return true
  }),
  tlsInTls: Effect.gen(function* () {
    const peer = yield* makePeer({ tls: serverTls })
    const { address } = yield* makeProxy({ protocol: "http", tls: serverTls })
    const proxy: ProxyServer = { _tag: "Http", address, tls: trusting }
    const connection = yield* openPlain({ address: peer.address, tls: trusting, proxy })
    yield* exchange(connection, yield* peer.accept)
    return connection.info.tls?.isVerified === true
  })
}

describe("the table of capabilities", () => {
  for (const [ability, says] of Object.entries(capabilities)) {
    const attempt = tries[ability] ?? Effect.die(new Error(`nothing here tries ${ability}`))
    it.live(`is right about ${ability}`, () =>
      Effect.gen(function* () {
        const worked = yield* Effect.catch(Effect.scoped(attempt), () => Effect.succeed(false))
        assert.strictEqual(worked, says)
      })
    )
  }
})
