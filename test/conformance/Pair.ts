/**
 * Both ends of a connection, for the suites about what connections promise.
 */
import { createHash } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import { assert } from "@effect/vitest"
import type { Connection } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { makeCertificates } from "./Certificates.ts"
import { makePeer, type PeerSocket } from "./peer/Peer.ts"
import type { Greeting, Payload, Received } from "./peer/Protocol.ts"
import { Reader, watched } from "./Reader.ts"
import { makeConnector } from "./runtime.ts"

const certificates = makeCertificates()
export const kinds = ["tcp", "unix", "tls"] as const

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
export const connect = (kind: (typeof kinds)[number], greeting?: Greeting): Effect.Effect<Pair, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* makePeer({
      listen: kind === "unix" ? "unix" : "tcp",
      ...(kind === "tls" ? { tls: { cert: certificates.server.chain, key: certificates.server.key } } : {}),
      ...(greeting === undefined ? {} : { greeting })
    })
    const connector = yield* makeConnector()
    const reader = new Reader()
    const connection = yield* Effect.acquireRelease(
      connector.connect({ address: server.address, ...(kind === "tls" ? { tls: { ca: [certificates.ca] } } : {}) }),
      (opened) =>
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

/** So many bytes that repeat nowhere soon, for the peer to send or, by `bytesOf`, for us. */
export const pattern = (patternByteCount: number, seed = 0): Payload => ({ patternByteCount, seed })
