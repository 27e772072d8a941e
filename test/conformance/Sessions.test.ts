/**
 * TLS sessions: when they are resumed, and when they must not be.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Target } from "@weir/transport"
import { Effect } from "effect"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { capabilities, makeConnector, needs } from "./runtime.ts"
import { certificates, open, serverTls, trusting, visit } from "./secured.ts"

usePeers()

describe.runIf(capabilities.sessionResumption)("sessions", needs("sessionResumption"), () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.live(`of ${version} are resumed, with their verification`, () =>
      Effect.gen(function* () {
        const peer = yield* makePeer({ tls: { ...serverTls, maxVersion: version } })
        const connector = yield* makeConnector()
        assert.isFalse((yield* visit(connector, peer, trusting)).tls?.isResumed)
        // Equal options, not the same object.
        const { tls } = yield* visit(connector, peer, { ...trusting })
        assert.isTrue(tls?.isResumed)
        assert.isTrue(tls?.isVerified)
      })
    )
  }

  const others: ReadonlyArray<readonly [string, Target.TlsOptions]> = [
    ["another name", { ...trusting, serverName: "127.0.0.1" }],
    ["another ALPN offer", { ...trusting, alpn: ["h2"] }],
    ["other CAs", { ca: [certificates.ca, certificates.otherCa] }],
    ["a client certificate", { ...trusting, certificate: certificates.client }],
    ["another minimum version", { ...trusting, minVersion: "TLSv1.3" }],
    ["no verification", { ...trusting, verification: "unverified" }]
  ]
  for (const [what, tls] of others) {
    it.live(`are not offered with ${what}`, () =>
      Effect.gen(function* () {
        const peer = yield* makePeer({ tls: serverTls })
        const connector = yield* makeConnector()
        yield* visit(connector, peer, trusting)
        assert.isFalse((yield* visit(connector, peer, tls)).tls?.isResumed)
        assert.isTrue((yield* visit(connector, peer, tls)).tls?.isResumed)
        assert.isTrue((yield* visit(connector, peer, trusting)).tls?.isResumed)
      })
    )
  }

  it.live("are not offered to another address", () =>
    Effect.gen(function* () {
      // Both servers could resume each other's sessions.
      const tls = { ...serverTls, ticketKeys: "\u0007".repeat(48) }
      const one = yield* makePeer({ tls })
      const other = yield* makePeer({ tls })
      const connector = yield* makeConnector()
      yield* visit(connector, one, trusting)
      assert.isFalse((yield* visit(connector, other, trusting)).tls?.isResumed)
    })
  )

  it.live("are kept up to the bound, the most recently used ones", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const one = yield* makeConnector({ tlsSessionCountMax: 1 })
      const other = { ...trusting, alpn: ["h2"] }
      yield* visit(one, peer, trusting)
      assert.isTrue((yield* visit(one, peer, trusting)).tls?.isResumed)
      yield* visit(one, peer, other)
      assert.isFalse((yield* visit(one, peer, trusting)).tls?.isResumed)
      const none = yield* makeConnector({ tlsSessionCountMax: 0 })
      yield* visit(none, peer, trusting)
      assert.isFalse((yield* visit(none, peer, trusting)).tls?.isResumed)
    })
  )

  it.live("are forgotten when a handshake fails", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const front = yield* makePeer({ relayTo: peer.port })
      const connector = yield* makeConnector()
      yield* visit(connector, peer, trusting, front)
      assert.isTrue((yield* visit(connector, peer, trusting, front)).tls?.isResumed)
      yield* front.setBroken(true)
      yield* Effect.flip(open(connector, front.address, trusting))
      yield* front.setBroken(false)
      assert.isFalse((yield* visit(connector, peer, trusting, front)).tls?.isResumed)
    })
  )
})

describe.runIf(!capabilities.sessionResumption)("sessions of a layer that cannot resume them", () => {
  it.live("are new each time, and say so", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const connector = yield* makeConnector()
      yield* visit(connector, peer, trusting)
      assert.isFalse((yield* visit(connector, peer, trusting)).tls?.isResumed)
    })
  )
})

describe("a session of an unverified connection", () => {
  it.live("never stands in for verification", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const connector = yield* makeConnector()
      yield* visit(connector, peer, { verification: "unverified" })
      const error = yield* Effect.flip(open(connector, peer.address, {}))
      assert.strictEqual(error.reason, "CertificateRejected")
    })
  )
})
