/**
 * Connections to nginx: what it agrees on with us, and what it says of us, in its own words.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Target } from "@weir/transport"
import { Effect } from "effect"
import type { Identity } from "./Certificates.ts"
import { mebibyte, pattern, receipt } from "./Pair.ts"
import { bytesOf } from "./peer/Protocol.ts"
import { Reader } from "./Reader.ts"
import { capabilities, makeConnector } from "./runtime.ts"
import { get, type Places, startServer, tlsFiles } from "./ServerProcess.ts"
import { certificates, open, trusting } from "./secured.ts"

const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
const large = bytesOf(pattern(8 * mebibyte))

interface NginxOptions {
  /** Lines of its `server` block. */
  readonly settings?: string
  readonly identity?: Identity
}

/** It listens by TLS on its port and on the Unix socket `tls`, in plain text on the Unix socket `plain`. */
const startNginx = ({ identity = certificates.server, settings = "" }: NginxOptions) =>
  startServer({
    program: "nginx",
    unixSockets: ["tls", "plain"],
    argumentsAt: ({ directory }) => ["-c", `${directory}/nginx.conf`, "-p", directory, "-e", `${directory}/error.log`],
    filesAt: ({ directory, port }) => ({
      ...tlsFiles(identity),
      "ca.pem": certificates.ca,
      "large.bin": large,
      "nginx.conf": `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(" ")}
  ssl_certificate ${directory}/server.pem;
  ssl_certificate_key ${directory}/server.key;
  server {
    listen unix:${directory}/tls ssl;
    listen unix:${directory}/plain;
    listen 127.0.0.1:${port} ssl http2;
    root ${directory};
    ${settings}
    location = / { return 200 "$ssl_protocol|$ssl_server_name|$ssl_alpn_protocol|$ssl_client_s_dn|$ssl_session_reused"; }
  }
}
`
    })
  })

const connectTo = ({ port }: Places, tls: Target.TlsOptions) =>
  Effect.flatMap(makeConnector(), (connector) => open(connector, Target.tcp("localhost", port), tls))

/** What nginx says of a connection: version, SNI, ALPN, the client's name, resumption. */
const told = (answer: { readonly status: number; readonly body: Buffer }) => {
  assert.strictEqual(answer.status, 200)
  const [protocol, serverName, alpn, clientName, isReused] = answer.body.toString().split("|")
  return { protocol, serverName, alpn, clientName, isReused }
}

describe("nginx", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"]) {
    it.live(`is understood in ${version}, and understands us, to the orderly end`, () =>
      Effect.gen(function* () {
        const nginx = yield* startNginx({ settings: `ssl_protocols ${version};` })
        const connection = yield* connectTo(nginx, trusting)
        assert.strictEqual(connection.info.tls?.protocol, version)
        const answer = yield* get(connection)
        assert.strictEqual(told(answer).protocol, version)
        assert.isUndefined(answer.error)
      })
    )
  }

  it.live("is refused when it knows nothing newer than TLS 1.1", () =>
    Effect.gen(function* () {
      const nginx = yield* startNginx({ settings: "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT:@SECLEVEL=0;" })
      const error = yield* Effect.flip(connectTo(nginx, { ...trusting, verification: "unverified" }))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.strictEqual(error.phase, "tls")
    })
  )

  it.live("chooses among the protocols we offer, and tells us which", () =>
    Effect.gen(function* () {
      const nginx = yield* startNginx({})
      const one = yield* connectTo(nginx, { ...trusting, alpn: ["http/1.1"] })
      assert.strictEqual(one.info.alpn, "http/1.1")
      assert.strictEqual(told(yield* get(one)).alpn, "http/1.1")
      const both = yield* connectTo(nginx, { ...trusting, alpn: ["http/1.1", "h2"] })
      assert.strictEqual(both.info.alpn, "h2")
      const none = yield* connectTo(nginx, trusting)
      assert.isUndefined(none.info.alpn)
      const error = yield* Effect.flip(connectTo(nginx, { ...trusting, alpn: ["other"] }))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
    })
  )

  it.live("hears the server name, whatever address was dialled", () =>
    Effect.gen(function* () {
      const { port } = yield* startNginx({})
      const connector = yield* makeConnector()
      const tls = { ...trusting, serverName: "localhost" }
      const connection = yield* open(connector, Target.tcp("127.0.0.1", port), tls)
      assert.strictEqual(told(yield* get(connection)).serverName, "localhost")
    })
  )

  it.live("knows us by our certificate, and by no other", () =>
    Effect.gen(function* () {
      const { directory, port } = yield* startNginx({
        settings: "ssl_verify_client on; ssl_client_certificate ca.pem;"
      })
      const places = { directory, port }
      const known = yield* connectTo(places, { ...trusting, certificate: certificates.client })
      assert.strictEqual(told(yield* get(known)).clientName, "CN=client")
      // It accepts the connection, and says no to the request.
      const anonymous = yield* get(yield* connectTo(places, trusting))
      assert.strictEqual(anonymous.status, 400)
      assert.include(anonymous.body.toString(), "No required SSL certificate was sent")
      const stranger = yield* get(yield* connectTo(places, { ...trusting, certificate: certificates.selfSigned }))
      assert.strictEqual(stranger.status, 400)
      assert.include(stranger.body.toString(), "The SSL certificate error")
    })
  )

  it.live("is refused with a certificate whose authorities it does not send", () =>
    Effect.gen(function* () {
      const incomplete = yield* startNginx({ identity: certificates.incomplete })
      assert.strictEqual((yield* Effect.flip(connectTo(incomplete, trusting))).reason, "CertificateRejected")
      const chained = yield* startNginx({ identity: certificates.chained })
      assert.isTrue((yield* connectTo(chained, trusting)).info.tls?.isVerified)
    })
  )

  it.live("agrees with us whether the second connection resumes the session of the first", () =>
    Effect.gen(function* () {
      const nginx = yield* startNginx({ settings: "ssl_session_cache shared:tls:1m;" })
      const connector = yield* makeConnector()
      const visit = Effect.scoped(
        Effect.gen(function* () {
          const connection = yield* open(connector, Target.tcp("localhost", nginx.port), trusting)
          const { isReused } = told(yield* get(connection))
          assert.strictEqual(connection.info.tls?.isResumed, isReused === "r")
          return isReused
        })
      )
      assert.strictEqual(yield* visit, ".")
      assert.strictEqual(yield* visit, capabilities.sessionResumption ? "r" : ".")
    })
  )

  it.live("sends a file of 8 MiB whole to a reader that pauses after each piece", () =>
    Effect.gen(function* () {
      const connection = yield* connectTo(yield* startNginx({}), trusting)
      const reader = new Reader()
      reader.afterData = () => {
        connection.pause()
        setImmediate(() => connection.resume())
      }
      connection.attach(reader)
      connection.write("GET /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      yield* reader.untilHeard("end")
      const body = reader.bytes.subarray(reader.bytes.indexOf("\r\n\r\n") + 4)
      assert.deepStrictEqual(receipt(body), receipt(large))
    })
  )

  it.live("answers one request after the other on a connection, and ends it when it has had enough", () =>
    Effect.gen(function* () {
      const connection = yield* connectTo(yield* startNginx({ settings: "keepalive_requests 3;" }), trusting)
      const reader = new Reader()
      connection.attach(reader)
      for (let count = 1; count <= 3; count++) {
        connection.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield* reader.until(({ text }) => text.split("TLSv1.").length > count)
      }
      yield* reader.untilHeard("end")
      assert.isFalse(connection.isOpen)
      assert.strictEqual(reader.text.split("HTTP/1.1 200").length, 4)
    })
  )

  it.live("that closes without an answer is heard to end, without an error", () =>
    Effect.gen(function* () {
      const connection = yield* connectTo(yield* startNginx({ settings: "location = /no { return 444; }" }), trusting)
      const { body, error } = yield* get(connection, "/no")
      assert.strictEqual(body.length, 0)
      assert.isUndefined(error)
    })
  )

  it.live("is reached by a Unix socket, in plain text and by TLS", () =>
    Effect.gen(function* () {
      const { directory } = yield* startNginx({})
      const connector = yield* makeConnector()
      const plain = yield* Effect.acquireRelease(
        connector.connect({ address: Target.unix(join(directory, "plain")) }),
        (connection) => Effect.sync(() => connection.close())
      )
      assert.strictEqual(told(yield* get(plain)).protocol, "")
      const tls = { ...trusting, serverName: "localhost" }
      const secure = yield* open(connector, Target.unix(join(directory, "tls")), tls)
      assert.strictEqual(told(yield* get(secure)).serverName, "localhost")
    })
  )
})
