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
import { expectNoSocketsTo } from "../support/openSockets.ts"
import type { Identity } from "./Certificates.ts"
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
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    }
    const [leaf = "", ...authorities] = identity.chain.split(/(?<=-----END CERTIFICATE-----\n)/)
    const files = ["-cert", file("cert.pem", leaf), "-key", file("key.pem", identity.key)]
    if (authorities.length > 0) files.push("-cert_chain", file("chain.pem", authorities.join("")))
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", "-rev", ...files, ...settings])),
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

  for (const version of ["1", "1_1"]) {
    it.live(`is refused when it knows nothing newer than TLS ${version === "1" ? "1.0" : "1.1"}`, () =>
      Effect.gen(function* () {
        const address = yield* opensslServer(certificates.server, [`-tls${version}`, "-cipher", "DEFAULT:@SECLEVEL=0"])
        const tls: Target.TlsOptions = { ...trusting, verification: "unverified" }
        const error = yield* Effect.flip(open(yield* makeConnector(), address, tls))
        assert.strictEqual(error.reason, "TlsHandshakeFailed")
        assert.strictEqual(error.phase, "tls")
      })
    )
  }

  it.live("is refused when it knows nothing newer than TLS 1.2 and the target asks for TLS 1.3", () =>
    Effect.gen(function* () {
      const address = yield* opensslServer(certificates.server, ["-tls1_2"])
      const error = yield* Effect.flip(open(yield* makeConnector(), address, { ...trusting, minVersion: "TLSv1.3" }))
      assert.strictEqual(error.reason, "TlsHandshakeFailed")
      assert.strictEqual(error.phase, "tls")
    })
  )

  for (const [what, identity] of [
    ["in order", certificates.chained],
    ["out of order", certificates.disordered]
  ] as const) {
    it.live(`is trusted by a chain of authorities that it sends ${what}`, () =>
      Effect.gen(function* () {
        const { info } = yield* open(yield* makeConnector(), yield* opensslServer(identity), trusting)
        assert.isTrue(info.tls?.isVerified)
      })
    )
  }

  const rejected: ReadonlyArray<readonly [string, Identity, Target.TlsOptions]> = [
    ["whose time is over", certificates.expired, trusting],
    ["for another name", certificates.server, { ...trusting, serverName: "other.test" }],
    ["of an unknown CA", certificates.server, { ca: [certificates.otherCa] }],
    ["signed by itself", certificates.selfSigned, trusting],
    ["whose authorities it does not send", certificates.incomplete, trusting]
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
