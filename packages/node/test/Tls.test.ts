/**
 * TLS: whom it trusts, what it agrees on, what it resumes.
 */
import { connect, type Socket } from "node:net"
import { createServer as createTlsServer, TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import { type Connection, type Connector, type ConnectPhase, Target } from "@weir/transport"
import { Deferred, Effect, Queue } from "effect"
import { makeCertificates } from "./Certificates.ts"
import { expectNoSocketsLeft } from "./Leaks.ts"
import { makePeer, nextBytes } from "./Peer.ts"
import { Reader } from "./Reader.ts"

const certificates = makeCertificates()
const serverTls = { cert: certificates.server.chain, key: certificates.server.key }
const trusting = { ca: [certificates.ca] }

const open = (
  connector: Connector["Service"],
  address: Target.Address,
  tls: Target.TlsOptions,
  phases: Array<ConnectPhase> = []
) =>
  Effect.acquireRelease(
    connector.connect({ address, tls }, { enterPhase: (phase) => phases.push(phase) }),
    (connection) => Effect.sync(() => connection.close())
  )

/** Asks the peer for a word, so that all that the handshake left behind (sessions, a refusal) has arrived too. */
const exchange = (connection: Connection, peer: Socket) =>
  Effect.gen(function* () {
    const reader = new Reader()
    connection.attach(reader)
    connection.write("?")
    yield* nextBytes(peer)
    peer.write("!")
    yield* reader.untilText("!")
  })

/** Connects, exchanges a word, and closes. */
const visit = (
  connector: Connector["Service"],
  peer: { readonly address: Target.Address; readonly accept: Effect.Effect<Socket> },
  tls: Target.TlsOptions
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* open(connector, peer.address, tls)
      yield* exchange(connection, yield* peer.accept)
      return connection.info
    })
  )

describe("verification", () => {
  expectNoSocketsLeft()

  it.live("accepts a certificate of a trusted CA for the right name", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const phases: Array<ConnectPhase> = []
      const { info } = yield* open(yield* NodeConnector.make(), peer.address, trusting, phases)
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
      const { info } = yield* open(yield* NodeConnector.make(), Target.tcp("127.0.0.1", peer.port), trusting)
      assert.isTrue(info.tls?.isVerified)
      const accepted = yield* peer.accept
      assert.isTrue(accepted instanceof TLSSocket && !accepted.servername)
    })
  )

  it.live("sends and checks the server name instead of the host, without its trailing dot", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const tls = { ...trusting, serverName: "localhost." }
      yield* open(yield* NodeConnector.make(), Target.tcp("127.0.0.1", peer.port), tls)
      const accepted = yield* peer.accept
      assert.strictEqual(accepted instanceof TLSSocket && accepted.servername, "localhost")
    })
  )

  it.live("works over a Unix socket for a given name, and asks for one that is missing", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ listen: "unix", tls: serverTls })
      const connector = yield* NodeConnector.make()
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
        const connector = yield* NodeConnector.make()
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
        Effect.sync(() => {
          process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
        }),
        () =>
          Effect.sync(() => {
            delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]
          })
      )
      const error = yield* Effect.flip(open(yield* NodeConnector.make(), peer.address, {}))
      assert.strictEqual(error.reason, "CertificateRejected")
    })
  )
})

describe("a client certificate", () => {
  expectNoSocketsLeft()

  const asking = { ...serverTls, ca: certificates.ca, requestCert: true, rejectUnauthorized: true }

  it.live("is shown to a server that asks for it", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: asking })
      const connector = yield* NodeConnector.make()
      yield* open(connector, peer.address, { ...trusting, certificate: certificates.client })
      const accepted = yield* peer.accept
      assert.isTrue(accepted instanceof TLSSocket && accepted.authorized)
      assert.strictEqual(accepted instanceof TLSSocket && accepted.getPeerCertificate().subject["CN"], "client")
    })
  )

  it.live("that is missing fails the handshake of TLS 1.2", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...asking, maxVersion: "TLSv1.2" } })
      const error = yield* Effect.flip(open(yield* NodeConnector.make(), peer.address, trusting))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.strictEqual(error.phase, "tls")
    })
  )

  it.live("that is missing breaks a connection of TLS 1.3 with the server's refusal", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: asking })
      const connection = yield* open(yield* NodeConnector.make(), peer.address, trusting)
      const reader = new Reader()
      connection.attach(reader)
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.error?.reason, "TlsHandshakeFailed")
      assert.strictEqual(reader.error?.phase, "io")
      assert.strictEqual(reader.error?.code, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")
    })
  )

  it.live("that cannot be read fails before anything is dialled", () =>
    Effect.gen(function* () {
      const phases: Array<ConnectPhase> = []
      const tls = { ...trusting, certificate: { chain: "no certificate", key: "no key" } }
      const error = yield* Effect.flip(open(yield* NodeConnector.make(), Target.tcp("127.0.0.1", 1), tls, phases))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.include(error.message, "CA, certificate or key cannot be used")
      assert.deepStrictEqual(phases, [])
    })
  )
})

describe("a handshake", () => {
  expectNoSocketsLeft()

  it.live("agrees on the protocol that both sides know", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, ALPNProtocols: ["http/1.1", "h2"] } })
      const connector = yield* NodeConnector.make()
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
      const connector = yield* NodeConnector.make()
      assert.isUndefined((yield* open(connector, knowing.address, trusting)).info.alpn)
      assert.isUndefined((yield* open(connector, unknowing.address, { ...trusting, alpn: ["h2"] })).info.alpn)
    })
  )

  it.live("fails when the server knows none of the protocols offered", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, ALPNProtocols: ["h2"] } })
      const tls = { ...trusting, alpn: ["http/1.1"] }
      const error = yield* Effect.flip(open(yield* NodeConnector.make(), peer.address, tls))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.include(error.message, "no application protocol")
    })
  )

  it.live("is not begun with an offer that does not fit TLS", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const tls = { ...trusting, alpn: ["x".repeat(256)] }
      const error = yield* Effect.flip(open(yield* NodeConnector.make(), peer.address, tls))
      assert.strictEqual(error.reason, "Other")
      assert.strictEqual(error.code, "ERR_OUT_OF_RANGE")
    })
  )

  it.live("fails with a server that is too old for us", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, maxVersion: "TLSv1.2" } })
      const connector = yield* NodeConnector.make()
      const { info } = yield* open(connector, peer.address, trusting)
      assert.strictEqual(info.tls?.protocol, "TLSv1.2")
      const error = yield* Effect.flip(open(connector, peer.address, { ...trusting, minVersion: "TLSv1.3" }))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
    })
  )

  it.live("fails with a server that does not speak TLS", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ onAccept: (socket) => socket.write("220 mail.test\r\n") })
      const error = yield* Effect.flip(open(yield* NodeConnector.make(), peer.address, trusting))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.include(error.message, "wrong version number")
    })
  )

  it.live("tells a server that ends it from one that resets it", () =>
    Effect.gen(function* () {
      const ending = yield* makePeer({ onAccept: (socket) => socket.once("data", () => socket.end()).resume() })
      const resetting = yield* makePeer({
        onAccept: (socket) => socket.once("data", () => socket.resetAndDestroy()).resume()
      })
      const connector = yield* NodeConnector.make()
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
  expectNoSocketsLeft()

  /** What the client sends last before the end, as the type of its TLS 1.2 record (RFC 5246 section 6.2.1). */
  const lastRecordType = (finish: (connection: Connection) => void) =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: { ...serverTls, maxVersion: "TLSv1.2" } })
      const wire: Array<Buffer> = []
      const left = yield* Deferred.make<void>()
      const relay = yield* makePeer({
        onAccept: (client) => {
          const upstream = connect(peer.port, "127.0.0.1")
          upstream.on("error", () => client.destroy())
          upstream.pipe(client)
          client.on("data", (chunk: Buffer) => {
            wire.push(chunk)
            upstream.write(chunk)
          })
          client.once("end", () => {
            upstream.destroy()
            Deferred.doneUnsafe(left, Effect.void)
          })
          client.resume()
        }
      })
      const connection = yield* open(yield* NodeConnector.make(), Target.tcp("localhost", relay.port), trusting)
      yield* exchange(connection, yield* peer.accept)
      finish(connection)
      yield* Deferred.await(left)
      const bytes = Buffer.concat(wire)
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
})

describe("sessions", () => {
  expectNoSocketsLeft()

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.live(`of ${version} are resumed, with their verification`, () =>
      Effect.gen(function* () {
        const peer = yield* makePeer({ tls: { ...serverTls, maxVersion: version } })
        const connector = yield* NodeConnector.make()
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
        const connector = yield* NodeConnector.make()
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
      const tls = { ...serverTls, ticketKeys: Buffer.alloc(48, 7) }
      const one = yield* makePeer({ tls })
      const other = yield* makePeer({ tls })
      const connector = yield* NodeConnector.make()
      yield* visit(connector, one, trusting)
      assert.isFalse((yield* visit(connector, other, trusting)).tls?.isResumed)
    })
  )

  it.live("of an unverified connection never stand in for verification", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const connector = yield* NodeConnector.make()
      yield* visit(connector, peer, { verification: "unverified" })
      const error = yield* Effect.flip(open(connector, peer.address, {}))
      assert.strictEqual(error.reason, "CertificateRejected")
    })
  )

  it.live("are kept up to the bound, the most recently used ones", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const one = yield* NodeConnector.make({ tlsSessionCountMax: 1 })
      const other = { ...trusting, alpn: ["h2"] }
      yield* visit(one, peer, trusting)
      assert.isTrue((yield* visit(one, peer, trusting)).tls?.isResumed)
      yield* visit(one, peer, other)
      assert.isFalse((yield* visit(one, peer, trusting)).tls?.isResumed)
      const none = yield* NodeConnector.make({ tlsSessionCountMax: 0 })
      yield* visit(none, peer, trusting)
      assert.isFalse((yield* visit(none, peer, trusting)).tls?.isResumed)
    })
  )

  it.live("are forgotten when a handshake fails", () =>
    Effect.gen(function* () {
      const accepted = yield* Queue.unbounded<Socket>()
      const secure = createTlsServer({ ...serverTls, pauseOnConnect: true }, (socket) => {
        Queue.offerUnsafe(accepted, socket)
      })
      let isBroken = false
      const front = yield* makePeer({
        onAccept: (socket) => (isBroken ? socket.destroy() : secure.emit("connection", socket))
      })
      const peer = { address: Target.tcp("localhost", front.port), accept: Queue.take(accepted) }
      const connector = yield* NodeConnector.make()
      yield* visit(connector, peer, trusting)
      assert.isTrue((yield* visit(connector, peer, trusting)).tls?.isResumed)
      isBroken = true
      yield* Effect.flip(open(connector, peer.address, trusting))
      isBroken = false
      assert.isFalse((yield* visit(connector, peer, trusting)).tls?.isResumed)
    })
  )
})
