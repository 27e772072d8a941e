/**
 * `https:` through Node's sockets: who is trusted, and that connections of different trust are never shared.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ClientConfig, ClientError, WeirClientService } from "@weir/client"
import { emptyBody } from "@weir/client"
import { TransportError } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { makeOrigin } from "../src/Origin.ts"
import { makeCertificates } from "./support/Certificates.ts"
import { makeRawServer, type RawServer } from "./support/RawServer.ts"
import { withClient } from "./support/world.ts"

expectNothingLeft()

const certificates = makeCertificates()

const withTls = (
  tls: ClientConfig["tls"],
  steps: (world: {
    readonly client: WeirClientService
    readonly server: RawServer
    /** The text that an `https:` GET brings. */
    readonly get: (path: string) => Effect.Effect<string, ClientError>
  }) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>
): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* makeRawServer({
        tls: { ...certificates.server, ALPNProtocols: ["http/1.1"] },
        onConnection: (connection) =>
          Effect.forever(
            Effect.map(connection.request, ({ line }) => connection.answer(`${connection.number} ${line}`))
          )
      })
      yield* withClient(tls === undefined ? {} : { tls }, ({ client }) => {
        const get = (target: string) =>
          Effect.gen(function* () {
            const origin = yield* client.origin(new URL(`https://127.0.0.1:${server.port}/`))
            const response = yield* client.execute({ origin, method: "GET", target, headers: [], body: emptyBody })
            return yield* response.text
          })
        return steps({ client, server, get })
      })
    })
  )

describe("https", () => {
  it.live("is spoken with a server whose authority is trusted, and its connection used again", () =>
    withTls({ ca: [certificates.ca] }, function* ({ client, get }) {
      assert.strictEqual(yield* get("/a"), "1 GET /a HTTP/1.1")
      assert.strictEqual(yield* get("/b"), "1 GET /b HTTP/1.1")
      assert.strictEqual((yield* client.pool.stats).createdCount, 1)
    })
  )

  it.live("says in its answer how it was secured", () =>
    withTls({ ca: [certificates.ca] }, function* ({ client, server }) {
      const origin = yield* client.origin(new URL(`https://127.0.0.1:${server.port}/`))
      const response = yield* client.execute({ origin, method: "GET", target: "/", headers: [], body: emptyBody })
      yield* response.text
      assert.include(response.connection.tls, { protocol: "TLSv1.3", isVerified: true })
      assert.strictEqual(response.connection.alpn, "http/1.1")
    })
  )

  for (const [what, tls] of [
    ["of another authority than the trusted", { ca: [certificates.otherCa] }],
    ["of no authority that the system trusts", undefined],
    ["of another name", { ca: [certificates.ca], serverName: "b.test" }]
  ] as const) {
    it.live(`is refused with a certificate ${what}, and nothing is sent`, () =>
      withTls(tls, function* ({ get, server }) {
        const error = yield* Effect.flip(get("/"))
        assert.strictEqual(error.reason._tag, "NoConnection")
        assert.strictEqual(error.retry, "always")
        const pool = error.reason._tag === "NoConnection" ? error.reason.error : undefined
        assert.deepInclude(pool?.reason, { _tag: "ConnectFailed", phase: "tls" })
        assert.instanceOf(pool?.cause, TransportError)
        assert.include(pool?.cause, { reason: "CertificateRejected", phase: "tls" })
        for (const connection of server.connections) assert.strictEqual(connection.receivedByteCount, 0)
      })
    )
  }

  it.live("is spoken under another name when that is asked for", () =>
    withTls({ ca: [certificates.ca], serverName: "a.test" }, function* ({ get }) {
      assert.strictEqual(yield* get("/"), "1 GET / HTTP/1.1")
    })
  )

  it.live("without verification is spoken only by name, and says so", () =>
    withTls({ verification: "unverified" }, function* ({ client, get, server }) {
      assert.strictEqual(yield* get("/"), "1 GET / HTTP/1.1")
      const origin = yield* client.origin(new URL(`https://127.0.0.1:${server.port}/`))
      const response = yield* client.execute({ origin, method: "GET", target: "/", headers: [], body: emptyBody })
      yield* response.text
      assert.strictEqual(response.connection.tls?.isVerified, false)
    })
  )
})

describe("the route", () => {
  const keyOf = (isSecure: boolean, tls: ClientConfig["tls"], localAddress?: string): string =>
    makeOrigin(isSecure, "a.test", 443, "a.test", { tls, localAddress }).route.key

  it("is different for every difference that a connection may have, and the same for none", () => {
    const certificate = { chain: "chain", key: "key" }
    const keys = [
      keyOf(false, undefined),
      keyOf(true, undefined),
      keyOf(true, { verification: "unverified" }),
      keyOf(true, { ca: ["a"] }),
      keyOf(true, { ca: ["b"] }),
      keyOf(true, { ca: ["a", "b"] }),
      keyOf(true, { ca: [] }),
      keyOf(true, { serverName: "b.test" }),
      keyOf(true, { minVersion: "TLSv1.3" }),
      keyOf(true, { certificate }),
      keyOf(true, { certificate: { ...certificate, key: "other" } }),
      keyOf(true, undefined, "127.0.0.2")
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(keyOf(true, { verification: "full" }), keyOf(true, {}))
  })

  it("is the same for all origins of a client's settings", () => {
    const options = { tls: { ca: ["a"] }, localAddress: undefined }
    const keys = [1, 2].map(() => makeOrigin(true, "a.test", 443, "a.test", options).route.key)
    assert.strictEqual(keys[0], keys[1])
  })

  it("tells the kind of its settings in messages, and no key and no certificate", () => {
    const { label } = makeOrigin(true, "a.test", 443, "a.test", {
      tls: { certificate: { chain: "CHAIN", key: "SECRET" }, ca: ["AUTHORITY"] },
      localAddress: undefined
    }).route
    assert.match(label, /^https:\/\/a\.test:443 \[alpn http\/1\.1, tls own CA and client certificate, settings \d+\]$/)
  })
})
