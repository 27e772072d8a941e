/**
 * A pool of HTTP/1.1 sessions: joins the pool, which knows no HTTP, with the codec, which knows no pool.
 */
import { type ConnectionControl, ConnectionPool, type PoolConfig, type PoolConfigError, type Route } from "@weir/core"
import { type Http1Limits, makeSession, type Session, type SessionOwner } from "@weir/http1"
import { type ConnectionInfo, Connector, connectOwned, type Target } from "@weir/transport"
import { Effect, type Scope } from "effect"

/** One pooled connection with its session. */
export class HttpPeer implements SessionOwner {
  readonly session: Session
  readonly info: ConnectionInfo
  readonly openedAtMillis: number
  /** The connection is gone, and has told so. */
  isClosed = false
  private readonly control: ConnectionControl

  constructor(session: (owner: SessionOwner) => Session, control: ConnectionControl, openedAtMillis: number) {
    this.control = control
    this.openedAtMillis = openedAtMillis
    this.session = session(this)
    this.info = this.session.connection.info
  }

  /** The server has said, with its last answer, how long and how often the connection may still be used. */
  limit(idleMillisMax: number | undefined, usesMax: number | undefined): void {
    if (idleMillisMax !== undefined) this.control.limitIdle(idleMillisMax)
    if (usesMax !== undefined) this.control.limitUses(usesMax)
  }

  onIdleEvent(event: "data" | "request-timeout-408" | "end" | "error"): void {
    // A 408 that nobody asked for is a server's way of closing an idle connection.
    if (event === "data") this.control.lost("peer-data")
    else this.control.lost(event === "error" ? "peer-error" : "peer-closed")
  }

  onClosed(error: unknown): void {
    this.isClosed = true
    this.control.lost(error === undefined ? "peer-closed" : "peer-error")
  }
}

export const makeHttpPool = (
  config: typeof PoolConfig.Encoded,
  limits: Http1Limits,
  targetOf: (route: Route.Route) => Target.Target,
  nowMillis: () => number
): Effect.Effect<ConnectionPool.ConnectionPool<HttpPeer>, PoolConfigError, Connector | Scope.Scope> =>
  Effect.gen(function* () {
    const connector = yield* Connector
    return yield* ConnectionPool.make<HttpPeer>(
      {
        connect: (route, control) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(connectOwned(connector.connect(targetOf(route), control), restore), (connection) => {
              const peer = new HttpPeer((owner) => makeSession(connection, owner, limits), control, nowMillis())
              // Told when the name no longer leads to this address: then new calls are to have another connection.
              const unwatch = connector.watch?.(connection, () => control.drain("withdrawn"))
              const close = Effect.suspend(() => {
                unwatch?.()
                connection.close()
                const { released } = connection
                return released === undefined ? Effect.void : Effect.promise(() => released)
              })
              return Effect.as(
                Effect.addFinalizer(() => close),
                peer
              )
            })
          ),
        isAlive: (peer) => peer.session.connection.isOpen,
        onIdle: (peer) => peer.session.connection.unref(),
        onLease: (peer) => peer.session.connection.ref()
      },
      config,
      { backgroundClock: connector.backgroundClock }
    )
  })
