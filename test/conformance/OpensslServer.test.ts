/**
 * TLS with a peer that shares no code with any runtime: `openssl s_server`.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert, describe, it } from "@effect/vitest"
import { Target } from "@weir/transport"
import { Effect } from "effect"
import type { Identity } from "./Certificates.ts"
import { expectNoSocketsTo } from "./openSockets.ts"
import { Reader } from "./Reader.ts"
import { makeConnector } from "./runtime.ts"
import { certificates, open, trusting } from "./secured.ts"

/** The port of a server that reverses each line it gets, until the scope closes. */
const opensslServer = (identity: Identity, settings: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "weir-openssl-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true }))
    )
    const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")]
    writeFileSync(cert, identity.chain)
    writeFileSync(key, identity.key)
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const files = ["-cert", cert, "-cert_chain", cert, "-key", key]
        return spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", "-rev", ...files, ...settings])
      }),
      (running) =>
        Effect.callback<void>((resume) => {
          running.once("close", () => resume(Effect.void))
          running.kill("SIGKILL")
        })
    )
    server.stderr.resume()
    const port = yield* Effect.callback<number>((resume) => {
      createInterface({ input: server.stdout }).on("line", (line) => {
        const found = /^ACCEPT .*:(\d+)$/.exec(line)?.[1]
        if (found !== undefined) resume(Effect.succeed(Number(found)))
      })
    })
    yield* Effect.addFinalizer(() => expectNoSocketsTo(port))
    return Target.tcp("localhost", port)
  })

describe("OpenSSL's server", () => {
  for (const version of ["1_2", "1_3"]) {
    it.live(`is understood in TLS ${version.replace("_", ".")}`, () =>
      Effect.gen(function* () {
        const address = yield* opensslServer(certificates.server, [`-tls${version}`, "-alpn", "reversed"])
        const connection = yield* open(yield* makeConnector(), address, { ...trusting, alpn: ["other", "reversed"] })
        assert.strictEqual(connection.info.tls?.protocol, `TLSv${version.replace("_", ".")}`)
        assert.strictEqual(connection.info.alpn, "reversed")
        const reader = new Reader()
        connection.attach(reader)
        connection.write("weir\n")
        yield* reader.untilText("riew\n")
      })
    )
  }

  it.live("is refused when it knows nothing newer than TLS 1.1", () =>
    Effect.gen(function* () {
      const old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]
      const error = yield* Effect.flip(
        open(yield* makeConnector(), yield* opensslServer(certificates.server, old), {
          ...trusting,
          verification: "unverified"
        })
      )
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.strictEqual(error.phase, "tls")
    })
  )

  const rejected: ReadonlyArray<readonly [string, Identity, Target.TlsOptions]> = [
    ["whose time is over", certificates.expired, trusting],
    ["for another name", certificates.server, { ...trusting, serverName: "other.test" }],
    ["of an unknown CA", certificates.server, { ca: [certificates.otherCa] }]
  ]
  for (const [what, identity, tls] of rejected) {
    it.live(`is refused with a certificate ${what}, unless nothing is verified`, () =>
      Effect.gen(function* () {
        const address = yield* opensslServer(identity)
        const connector = yield* makeConnector()
        const error = yield* Effect.flip(open(connector, address, tls))
        assert.strictEqual(error.reason, "CertificateRejected")
        const { info } = yield* open(connector, address, { ...tls, verification: "unverified" })
        assert.isFalse(info.tls?.isVerified)
      })
    )
  }
})
