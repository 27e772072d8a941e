/**
 * Both ends of a connection, for the suites about what connections promise.
 */
import { createHash } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import { afterAll, assert, beforeAll } from "@effect/vitest"
import type { Connection, HttpProxy } from "@weir/transport"
import { Effect, Exit, Scope } from "effect"
import { expectNoSocketsTo } from "../support/openSockets.ts"
import { makeCertificates } from "./Certificates.ts"
import { makePeer, type PeerSocket } from "./peer/Peer.ts"
import type { Greeting, Payload, Received } from "./peer/Protocol.ts"
import { makeProxy, type TestProxy } from "./proxy/TestProxy.ts"
import { Reader, watched } from "./Reader.ts"
import { makeConnector } from "./runtime.ts"

const certificates = makeCertificates()

/** Through the tunnel of a proxy, a connection is spoken to as any other is. */
export const kinds = ["tcp", "unix", "tls", "a tunnel", "tls in a tunnel"] as const
type Kind = (typeof kinds)[number]

const isSecure = (kind: Kind): boolean => kind.startsWith("tls")
const isProxied = (kind: Kind): boolean => kind.includes("tunnel")

let proxy: TestProxy | undefined

/** Gives the suite in whose file it is called the proxy that its tunnels go through. */
export const useTunnels = (): void => {
  const scope = Scope.makeUnsafe()
  beforeAll(async () => {
    proxy = await Effect.runPromise(makeProxy({ protocol: "http" }).pipe(Scope.provide(scope)))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
}

/** When the scope closes, no connection to the proxy is left. */
const tunnel: Effect.Effect<HttpProxy, never, Scope.Scope> = Effect.suspend(() => {
  assert.isDefined(proxy, "call useTunnels() in this file")
  const { address } = proxy
  return Effect.as(
    Effect.addFinalizer(() => expectNoSocketsTo(address.port)),
    { _tag: "Http", address }
  )
})

export interface Pair {
  /** Ours, not attached yet. */
  readonly connection: Connection
  readonly reader: Reader
  readonly peer: PeerSocket
  /** Where the peer listens; 0 for a Unix socket. */
  readonly port: number
}

/**
 * A connection to a peer. When the scope closes, it is closed, has said so once and last, and has called
 * no handler too early.
 */
export const connect = (kind: Kind, greeting?: Greeting): Effect.Effect<Pair, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* makePeer({
      listen: kind === "unix" ? "unix" : "tcp",
      ...(isSecure(kind) ? { tls: { cert: certificates.server.chain, key: certificates.server.key } } : {}),
      ...(greeting === undefined ? {} : { greeting })
    })
    const connector = yield* makeConnector()
    const reader = new Reader()
    const target = {
      address: server.address,
      ...(isSecure(kind) ? { tls: { ca: [certificates.ca] } } : {}),
      ...(isProxied(kind) ? { proxy: yield* tunnel } : {})
    }
    const connection = yield* Effect.acquireRelease(connector.connect(target), (opened) =>
      Effect.gen(function* () {
        opened.close()
        assert.deepStrictEqual(reader.heardTooEarly, [])
        if (reader.heard.length === 0) return
        yield* reader.untilHeard("close")
        assert.strictEqual(reader.heard.indexOf("close"), reader.heard.length - 1)
      })
    )
    return { connection: watched(connection, reader), reader, peer: yield* server.accept, port: server.port }
  })

export const turns = (count: number) =>
  Effect.promise(async () => {
    for (let turn = 0; turn < count; turn++) await setImmediate()
  })

/** Long enough for anything that is under way on loopback to arrive: nothing is waited for but that nothing comes. */
export const someTurns = turns(50)

/** What a peer that has received these bytes says of them. */
export const receipt = (sent: Uint8Array | string): Received => {
  const bytes = Buffer.from(sent)
  return { byteCount: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }
}

export const mebibyte = 1024 * 1024

/** So many bytes that they do not all leave while the peer reads none: a proxy holds two systems' buffers full. */
export const overfill = (kind: Kind): number => (isProxied(kind) ? 48 : 8) * mebibyte

/** So many bytes that repeat nowhere soon, for the peer to send or, by `bytesOf`, for us. */
export const pattern = (patternByteCount: number, seed = 0): Payload => ({ patternByteCount, seed })
