/**
 * Connections to HAProxy: TLS that it ends itself, and bytes that it passes on.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Target } from "@weir/transport"
import { Effect } from "effect"
import { mebibyte, pattern, receipt } from "./Pair.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { bytesOf } from "./peer/Protocol.ts"
import { Reader } from "./Reader.ts"
import { makeConnector } from "./runtime.ts"
import { get, startServer, tlsFiles } from "./ServerProcess.ts"
import { certificates, open, trusting } from "./secured.ts"

usePeers()

/** Answers with what it knows of the connection: version, SNI, ALPN, the client's name. */
const telling = `
  mode http
  http-request return status 200 content-type text/plain lf-string "%[ssl_fc_protocol]|%[ssl_fc_sni]|%[ssl_fc_alpn]|%[ssl_c_s_dn(cn)]"
`

interface HaproxyOptions {
  /** Lines of its proxy; the default tells about the connection. */
  readonly settings?: string
  /** Further words of its `bind` by TLS. */
  readonly bind?: string
}

/** It listens by TLS on its port and in plain text on the Unix socket `plain`. */
const startHaproxy = ({ bind = "", settings = telling }: HaproxyOptions = {}) =>
  startServer({
    program: "haproxy",
    unixSockets: ["plain"],
    argumentsAt: ({ directory }) => ["-db", "-f", `${directory}/haproxy.cfg`],
    filesAt: ({ directory, port }) => ({
      ...tlsFiles(certificates.server),
      "ca.pem": certificates.ca,
      "haproxy.cfg": `
global
  maxconn 64
defaults
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen front
  bind 127.0.0.1:${port} ssl crt ${directory}/server.both ${bind.replaceAll("DIRECTORY", directory)}
  bind unix@${directory}/plain
  ${settings}
`
    })
  })

const connectTo = ({ port }: { readonly port: number }, tls: Target.TlsOptions = trusting) =>
  Effect.flatMap(makeConnector(), (connector) => open(connector, Target.tcp("localhost", port), tls))

describe("HAProxy", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"]) {
    it.live(`is understood in ${version}, and hears the server name`, () =>
      Effect.gen(function* () {
        const haproxy = yield* startHaproxy({ bind: `ssl-min-ver ${version} ssl-max-ver ${version}` })
        const connection = yield* connectTo(haproxy)
        assert.strictEqual(connection.info.tls?.protocol, version)
        const { body, error } = yield* get(connection)
        assert.strictEqual(body.toString(), `${version}|localhost||`)
        assert.isUndefined(error)
      })
    )
  }

  it.live("chooses among the protocols we offer, and tells us which", () =>
    Effect.gen(function* () {
      const haproxy = yield* startHaproxy({ bind: "alpn h2,http/1.1" })
      const one = yield* connectTo(haproxy, { ...trusting, alpn: ["http/1.1"] })
      assert.strictEqual(one.info.alpn, "http/1.1")
      assert.strictEqual((yield* get(one)).body.toString().split("|")[2], "http/1.1")
      const both = yield* connectTo(haproxy, { ...trusting, alpn: ["http/1.1", "h2"] })
      assert.strictEqual(both.info.alpn, "h2")
      assert.isUndefined((yield* connectTo(haproxy)).info.alpn)
    })
  )

  it.live("knows us by our certificate", () =>
    Effect.gen(function* () {
      const haproxy = yield* startHaproxy({ bind: "ca-file DIRECTORY/ca.pem verify required" })
      const connection = yield* connectTo(haproxy, { ...trusting, certificate: certificates.client })
      assert.strictEqual((yield* get(connection)).body.toString(), "TLSv1.3|localhost||client")
    })
  )

  it.live("refuses a client without a certificate in the handshake of TLS 1.2", () =>
    Effect.gen(function* () {
      const bind = "ca-file DIRECTORY/ca.pem verify required ssl-max-ver TLSv1.2"
      const error = yield* Effect.flip(connectTo(yield* startHaproxy({ bind })))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.strictEqual(error.phase, "tls")
    })
  )

  it.live("refuses a client without a certificate after the handshake of TLS 1.3", () =>
    Effect.gen(function* () {
      const haproxy = yield* startHaproxy({ bind: "ca-file DIRECTORY/ca.pem verify required" })
      const connection = yield* connectTo(haproxy)
      const reader = new Reader()
      connection.attach(reader)
      yield* reader.untilHeard("close")
      assert.strictEqual(reader.error?.reason, "TlsHandshakeFailed")
      assert.strictEqual(reader.error?.phase, "io")
    })
  )

  it.live("that hangs up as soon as it has accepted ends the handshake", () =>
    Effect.gen(function* () {
      const haproxy = yield* startHaproxy({ settings: "mode tcp\n  tcp-request connection reject" })
      const error = yield* Effect.flip(connectTo(haproxy))
      // Which of the two depends on whether our first words had reached it.
      assert.oneOf(error.reason, ["PeerClosed", "Reset"])
    })
  )

  it.live("passes 8 MiB on in each direction, and the end of each when it comes", () =>
    Effect.gen(function* () {
      const upstream = yield* makePeer()
      const settings = `mode tcp\n  server upstream 127.0.0.1:${upstream.port}`
      const connection = yield* connectTo(yield* startHaproxy({ settings }))
      const reader = new Reader()
      connection.attach(reader)
      const sent = bytesOf(pattern(8 * mebibyte, 1))
      const answer = pattern(8 * mebibyte, 2)
      connection.write(sent)
      connection.end()
      const peer = yield* upstream.accept
      assert.deepStrictEqual(yield* peer.received(), receipt(sent))
      yield* peer.end(answer)
      yield* reader.untilHeard("close")
      assert.deepStrictEqual(receipt(reader.bytes), receipt(bytesOf(answer)))
      assert.isUndefined(reader.error)
    })
  )

  it.live("is reached by a Unix socket", () =>
    Effect.gen(function* () {
      const { directory } = yield* startHaproxy()
      const connector = yield* makeConnector()
      const connection = yield* Effect.acquireRelease(
        connector.connect({ address: Target.unix(join(directory, "plain")) }),
        (opened) => Effect.sync(() => opened.close())
      )
      assert.strictEqual((yield* get(connection)).body.toString(), "|||")
    })
  )
})
