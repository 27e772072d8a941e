/**
 * Connections over TLS, for the suites about it.
 */
import type { Connection, Connector, ConnectPhase, Target } from "@weir/transport"
import { Effect } from "effect"
import { makeCertificates } from "./Certificates.ts"
import type { Peer, PeerSocket } from "./peer/Peer.ts"
import { Reader } from "./Reader.ts"

export const certificates = makeCertificates()
export const serverTls = { cert: certificates.server.chain, key: certificates.server.key }
export const trusting: Target.TlsOptions = { ca: [certificates.ca] }

/** A connection that is closed with the scope. */
export const open = (
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
export const exchange = (connection: Connection, peer: PeerSocket) =>
  Effect.gen(function* () {
    const reader = new Reader()
    connection.attach(reader)
    connection.write("?")
    yield* peer.nextText
    yield* peer.write("!")
    yield* reader.untilText("!")
  })

/** Connects, exchanges a word, and closes. `front` is dialled instead of `peer`. */
export const visit = (connector: Connector["Service"], peer: Peer, tls: Target.TlsOptions, front = peer) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* open(connector, front.address, tls)
      yield* exchange(connection, yield* peer.accept)
      return connection.info
    })
  )
