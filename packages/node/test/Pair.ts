/**
 * Both ends of a connection, for the suites about what connections promise.
 */
import { createHash } from "node:crypto"
import type { Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import { assert } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import type { Connection } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { makeCertificates } from "./Certificates.ts"
import { makePeer } from "./Peer.ts"
import { Reader, watched } from "./Reader.ts"

const certificates = makeCertificates()
export const kinds = ["tcp", "unix", "tls"] as const

export interface Pair {
  /** Ours, not attached yet. */
  readonly connection: Connection
  readonly reader: Reader
  /** The peer's, paused. */
  readonly peer: Socket
}

/**
 * A connection to a peer. When the scope closes, it is closed, has said so once and last, and has called
 * no handler too early.
 */
export const connect = (
  kind: (typeof kinds)[number],
  onAccept?: (socket: Socket) => void
): Effect.Effect<Pair, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* makePeer({
      listen: kind === "unix" ? "unix" : "tcp",
      ...(kind === "tls" ? { tls: { cert: certificates.server.chain, key: certificates.server.key } } : {}),
      ...(onAccept === undefined ? {} : { onAccept })
    })
    const connector = yield* NodeConnector.make()
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
    return { connection: watched(connection, reader), reader, peer: yield* server.accept }
  })

/** Long enough for anything that is under way on loopback to arrive: nothing is waited for but that nothing comes. */
export const someTurns = Effect.promise(async () => {
  for (let turn = 0; turn < 50; turn++) await setImmediate()
})

export const write = (socket: Socket, bytes: Uint8Array | string) =>
  Effect.callback<void>((resume) => {
    socket.write(bytes, () => resume(Effect.void))
  })

/** Bytes that repeat nowhere soon, so that any two pieces exchanged would show. */
export const patterned = (byteCount: number): Buffer => {
  const bytes = Buffer.alloc(byteCount)
  for (let i = 0; i + 4 <= byteCount; i += 4) bytes.writeUInt32LE((i * 2_654_435_761) >>> 0, i)
  return bytes
}

export const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

export const mebibyte = 1024 * 1024
