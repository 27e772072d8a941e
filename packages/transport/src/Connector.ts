/**
 * The service that opens connections: one layer per runtime, and one in the simulator.
 */
import type { Clock, Effect } from "effect"
import { Context } from "effect"
import type { Connection } from "./Connection.ts"
import type { Target } from "./Target.ts"
import type { ConnectPhase, TransportError } from "./TransportError.ts"

/** What a layer can do. Asking for what it cannot fails with reason `Unsupported`, never silently. */
export interface Capabilities {
  readonly unixSockets: boolean
  readonly tls: boolean
  /** SNI that differs from the host that is dialled. */
  readonly serverName: boolean
  readonly clientCertificates: boolean
  readonly unverifiedTls: boolean
  readonly sessionResumption: boolean
  readonly localAddress: boolean
  /** `reset` sends RST on plain TCP; where false it is the same as `close`. */
  readonly reset: boolean
  readonly unref: boolean
  /** Tunnels through HTTP proxies (CONNECT) and SOCKS5 proxies. */
  readonly proxies: boolean
  /** A TLS connection in the tunnel of a proxy that is itself spoken to over TLS. */
  readonly tlsInTls: boolean
}

/** What the caller of a connect wants to hear while it lasts. */
export interface ConnectObserver {
  /** The connect has entered this phase; called in order, at least for `"tcp"`. */
  enterPhase(phase: ConnectPhase): void
}

export class Connector extends Context.Service<
  Connector,
  {
    /** `node`, `bun`, `deno`, `simulated`. */
    readonly runtime: string
    readonly capabilities: Capabilities
    /**
     * A clock whose sleeps do not keep the process alive, for upkeep that nobody waits for. Under the simulator it is
     * the simulated clock.
     */
    readonly backgroundClock: Clock.Clock
    /**
     * Opens a connection. It has no timeout of its own: interrupt it, at any moment, and whatever was opened is closed
     * before the interruption returns. The connection is the caller's to close, from the moment this effect has ended:
     * who may be interrupted right then runs it alone in a fiber and takes the connection from the fiber's exit.
     */
    readonly connect: (target: Target, observer?: ConnectObserver) => Effect.Effect<Connection, TransportError>
    /**
     * Calls `onWithdrawn`, once, when the name that the connection was dialled for no longer has the connection's
     * address. From the first watched connection of a name to the last, its addresses are looked up again whenever their
     * time to live is over. Never for a connection that was dialled by address. The result ends it: call it when the
     * connection is closed. Absent: the layer resolves no names.
     */
    readonly watch?: (connection: Connection, onWithdrawn: () => void) => () => void
  }
>()("@weir/transport/Connector") {}
