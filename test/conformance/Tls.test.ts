/**
 * TLS: whom it trusts, what it agrees on, how it ends.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { type Connection, type ConnectPhase, Target } from "@weir/transport"
import { Effect } from "effect"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { Reader } from "./Reader.ts"
import { makeConnector } from "./runtime.ts"
import { certificates, exchange, open, serverTls, trusting } from "./secured.ts"

usePeers()

describe("verification", () => {
  it.live("accepts a certificate of a trusted CA for the right name", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const phases: Array<ConnectPhase> = []
      const { info } = yield* open(yield* makeConnector(), peer.address, trusting, phases)
      assert.deepStrictEqual(phases, ["dns", "tcp", "tls"])
      assert.isAbove(info.timing.tlsMillis ?? 0, 0)
      assert.strictEqual(info.tls?.protocol, "TLSv1.3")
      assert.match(info.tls?.cipher ?? "", /^TLS_/)
      assert.isTrue(info.tls?.isVerified)
      assert.isFalse(info.tls?.isResumed)
    })
  )

  it.live("checks an IP address against the addresses of the certificate, and sends no SNI for it", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const { info } = yield* open(yield* makeConnector(), Target.tcp("127.0.0.1", peer.port), trusting)
      assert.isTrue(info.tls?.isVerified)
      assert.isUndefined((yield* peer.accept).serverName)
    })
  )

  it.live("sends and checks the server name instead of the host, without its trailing dot", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const tls = { ...trusting, serverName: "localhost." }
      yield* open(yield* makeConnector(), Target.tcp("127.0.0.1", peer.port), tls)
      assert.strictEqual((yield* peer.accept).serverName, "localhost")
    })
  )

  it.live("works over a Unix socket for a given name, and asks for one that is missing", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ listen: "unix", tls: serverTls })
      const connector = yield* makeConnector()
      const { info } = yield* open(connector, peer.address, { ...trusting, serverName: "localhost" })
      assert.isTrue(info.tls?.isVerified)
      const error = yield* Effect.flip(open(connector, peer.address, trusting))
      assert.strictEqual(error.reason, "Unsupported")
      assert.include(error.message, "set serverName")
    })
  )

  const rejected: ReadonlyArray<readonly [string, string, Target.TlsOptions, typeof serverTls]> = [
    ["a CA that the runtime does not know", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", {}, serverTls],
    ["another CA than the given one", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", { ca: [certificates.otherCa] }, serverTls],
    ["another name", "ERR_TLS_CERT_ALTNAME_INVALID", { ...trusting, serverName: "other.test" }, serverTls],
    ["another address", "ERR_TLS_CERT_ALTNAME_INVALID", { ...trusting, serverName: "127.0.0.9" }, serverTls],
    [
      "a time that is over",
      "CERT_HAS_EXPIRED",
      trusting,
      { cert: certificates.expired.chain, key: certificates.expired.key }
    ]
  ]
  for (const [what, code, tls, server] of rejected) {
    it.live(`rejects a certificate of ${what}`, () =>
      Effect.gen(function* () {
        const peer = yield* makePeer({ tls: server })
        const connector = yield* makeConnector()
        const error = yield* Effect.flip(open(connector, peer.address, tls))
        assert.strictEqual(error.reason, "CertificateRejected")
        assert.strictEqual(error.phase, "tls")
        assert.strictEqual(error.code, code)
        const { info } = yield* open(connector, peer.address, { ...tls, verification: "unverified" })
        assert.isFalse(info.tls?.isVerified)
      })
    )
  }

  it.live("cannot be turned off by the environment", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")),
        () => Effect.sync(() => vi.unstubAllEnvs())
      )
      const error = yield* Effect.flip(open(yield* makeConnector(), peer.address, {}))
      assert.strictEqual(error.reason, "CertificateRejected")
    })
  )
})

describe("a client certificate", () => {
  const asking = { ...serverTls, ca: certificates.ca, requestCert: true, rejectUnauthorized: true }

  it.live("is shown to a server that asks for it", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: asking })
      const connector = yield* makeConnector()
      yield* open(connector, peer.address, { ...trusting, certificate: certificates.client })
      assert.strictEqual((yield* peer.accept).clientName, "client")
    })
  )

  it.live("that is missing fails the handshake of TLS 1.2", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...asking, maxVersion: "TLSv1.2" } })
      const error = yield* Effect.flip(open(yield* makeConnector(), peer.address, trusting))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.strictEqual(error.phase, "tls")
    })
  )

  it.live("that is missing breaks a connection of TLS 1.3 with the server's refusal", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: asking })
      const connection = yield* open(yield* makeConnector(), peer.address, trusting)
      const reader = new Reader()
      connection.attach(reader)
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.error?.reason, "TlsHandshakeFailed")
      assert.strictEqual(reader.error?.phase, "io")
      assert.match(reader.error?.code ?? "", /^ERR_SSL_.*_ALERT_CERTIFICATE_REQUIRED$/)
    })
  )

  it.live("that cannot be read fails before anything is dialled", () =>
    Effect.gen(function* () {
      const phases: Array<ConnectPhase> = []
      const tls = { ...trusting, certificate: { chain: "no certificate", key: "no key" } }
      const error = yield* Effect.flip(open(yield* makeConnector(), Target.tcp("127.0.0.1", 1), tls, phases))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.include(error.message, "CA, certificate or key cannot be used")
      assert.deepStrictEqual(phases, [])
    })
  )
})

describe("a handshake", () => {
  it.live("agrees on the protocol that both sides know", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, ALPNProtocols: ["http/1.1", "h2"] } })
      const connector = yield* makeConnector()
      const both = yield* open(connector, peer.address, { ...trusting, alpn: ["h2", "http/1.1"] })
      assert.strictEqual(both.info.alpn, "http/1.1")
      const one = yield* open(connector, peer.address, { ...trusting, alpn: ["h2"] })
      assert.strictEqual(one.info.alpn, "h2")
    })
  )

  it.live("agrees on no protocol when we offer none, or the server knows none", () =>
    Effect.gen(function* () {
      const knowing = yield* makePeer({ tls: { ...serverTls, ALPNProtocols: ["h2"] } })
      const unknowing = yield* makePeer({ tls: serverTls })
      const connector = yield* makeConnector()
      assert.isUndefined((yield* open(connector, knowing.address, trusting)).info.alpn)
      assert.isUndefined((yield* open(connector, unknowing.address, { ...trusting, alpn: ["h2"] })).info.alpn)
    })
  )

  it.live("fails when the server knows none of the protocols offered", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, ALPNProtocols: ["h2"] } })
      const tls = { ...trusting, alpn: ["http/1.1"] }
      const error = yield* Effect.flip(open(yield* makeConnector(), peer.address, tls))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.include(error.message, "no application protocol")
    })
  )

  it.live("is not begun with an offer that does not fit TLS", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const tls = { ...trusting, alpn: ["x".repeat(256)] }
      const error = yield* Effect.flip(open(yield* makeConnector(), peer.address, tls))
      assert.strictEqual(error.reason, "Other")
      assert.strictEqual(error.code, "ERR_OUT_OF_RANGE")
    })
  )

  it.live("fails with a server that is too old for us", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, maxVersion: "TLSv1.2" } })
      const connector = yield* makeConnector()
      const { info } = yield* open(connector, peer.address, trusting)
      assert.strictEqual(info.tls?.protocol, "TLSv1.2")
      const error = yield* Effect.flip(open(connector, peer.address, { ...trusting, minVersion: "TLSv1.3" }))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
    })
  )

  it.live("fails with a server that does not speak TLS", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ greeting: { send: { latin1: "220 mail.test\r\n" } } })
      const error = yield* Effect.flip(open(yield* makeConnector(), peer.address, trusting))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.include(error.message, "wrong version number")
    })
  )

  it.live("tells a server that ends it from one that resets it", () =>
    Effect.gen(function* () {
      const ending = yield* makePeer({ greeting: { onceSpokenTo: "end" } })
      const resetting = yield* makePeer({ greeting: { onceSpokenTo: "reset" } })
      const connector = yield* makeConnector()
      const end = yield* Effect.flip(open(connector, ending.address, trusting))
      assert.strictEqual(end.reason, "PeerClosed")
      assert.strictEqual(end.phase, "tls")
      const reset = yield* Effect.flip(open(connector, resetting.address, trusting))
      assert.strictEqual(reset.reason, "Reset")
      assert.strictEqual(reset.phase, "tls")
    })
  )
})

describe("the end of a TLS connection", () => {
  /** What the client sends last before the end, as the type of its TLS 1.2 record (RFC 5246 section 6.2.1). */
  const lastRecordType = (finish: (connection: Connection) => void) =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, maxVersion: "TLSv1.2" } })
      const relay = yield* makePeer({ relayTo: peer.port })
      const connection = yield* open(yield* makeConnector(), relay.address, trusting)
      yield* exchange(connection, yield* peer.accept)
      finish(connection)
      const bytes = yield* relay.wire
      let type = 0
      for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) type = bytes.readUInt8(at)
      return type
    })

  const alertRecord = 21
  const dataRecord = 23

  it.live("is told to the peer by a close_notify when we close", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* lastRecordType((connection) => connection.close()), alertRecord)
    })
  )

  it.live("is not told to the peer when we reset, so that it cannot take it for an orderly one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* lastRecordType((connection) => connection.reset()), dataRecord)
    })
  )

  it.live("by the peer's reset is told as a reset", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const relay = yield* makePeer({ relayTo: peer.port })
      const connection = yield* open(yield* makeConnector(), relay.address, trusting)
      // The handshake's last flight has left; Node would take a reset that meets it for an end.
      yield* exchange(connection, yield* peer.accept)
      const reader = new Reader()
      connection.attach(reader)
      yield* relay.resetClients
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(reader.heard, ["close"])
      assert.strictEqual(reader.error?.reason, "Reset")
      assert.strictEqual(reader.error?.code, "ECONNRESET")
    })
  )
})
