/**
 * Whom TLS trusts, where the runtime has been told of one more CA.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { firstLineOf, runtimeCommand } from "./programs.ts"
import { runtime } from "./runtime.ts"
import { certificates, serverTls } from "./secured.ts"

usePeers()

const rootsVariable = runtime === "deno" ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS"
const program = fileURLToPath(new URL("TrustingProcess.ts", import.meta.url))
const [command, ...commandArguments] = runtimeCommand

/** What comes of a connect, in a process whose runtime trusts the server's CA. */
const connectTrusting = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const peer = yield* makePeer({ tls: serverTls })
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "weir-trust-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true }))
    )
    const path = join(directory, "ca.pem")
    writeFileSync(path, certificates.ca)
    return yield* firstLineOf(command, [...commandArguments, program, String(peer.port)], {
      [rootsVariable]: path,
      ...env
    })
  })

describe("a CA that the runtime trusts", () => {
  it.live("is trusted by a target that names none", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* connectTrusting({}), "verified")
    })
  )

  it.live("is not trusted by a target that names another", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* connectTrusting({ CA: certificates.otherCa }), "CertificateRejected")
    })
  )
})
