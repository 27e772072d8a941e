/**
 * What the pool has to be told about the things that it pools: how to open one, and, if it can be known, whether one
 * is still good. The pool knows nothing else of them.
 */
import type { Effect, Exit, Scope } from "effect"
import type { Route } from "./Route.ts"

/**
 * What a connection, or the code that opens it, tells the pool. Every call is cheap, synchronous and safe at any time.
 * Call its functions as methods of it: taken out of it they have lost their connection.
 */
export interface ConnectionControl {
  /** The connect has come to a phase (`dns`, `tcp`, `tls`); it is named in errors. */
  enterPhase(phase: string): void
  /** How many leases the connection can carry at once now. It may rise and fall, below what is in use as well. */
  setSlots(count: number): void
  /** The peer has said how long it keeps an idle connection; the pool takes `idleHintMargin` off. */
  limitIdle(millis: number): void
  /** The peer has said how many uses are left, from now. */
  limitUses(count: number): void
  /**
   * It takes no new lease and is closed after the last one: `drained`, the default, for a GOAWAY or a deployment;
   * `withdrawn` when it leads where the route no longer leads. One that is still being opened counts as a failed dial
   * when it is drained; a withdrawn one is dialled again, since a new dial leads elsewhere.
   */
  drain(reason?: "drained" | "withdrawn"): void
  /**
   * It is of no use any more: it ended, failed, or said something nobody had asked for. An idle one is closed now; a
   * leased one when its last lease ends.
   */
  lost(reason: "peer-data" | "peer-closed" | "peer-error"): void
}

export interface ConnectionFactory<C> {
  /**
   * Opens a connection. What it acquires in its scope is what the pool closes: the scope is the connection's own.
   * Interrupted when it takes longer than `connectTimeout`, or is no longer wanted.
   */
  readonly connect: (route: Route, control: ConnectionControl) => Effect.Effect<C, unknown, Scope.Scope>
  /** Cheap and synchronous, asked before each reuse: has the connection's end been seen? */
  readonly isAlive?: ((connection: C) => boolean) | undefined
  /** Checks a connection that has been idle for longer than `validateAfterInactivity`. Failing closes it. */
  readonly probe?: ((connection: C, route: Route) => Effect.Effect<void, unknown>) | undefined
  /** Keeps an idle connection alive every `pingInterval`. Failing closes it. Default: the probe. */
  readonly ping?: ((connection: C, route: Route) => Effect.Effect<void, unknown>) | undefined
  /** The connection has become idle, or has been taken from among the idle: for `unref` and `ref`. */
  readonly onIdle?: ((connection: C) => void) | undefined
  readonly onLease?: ((connection: C) => void) | undefined
  /**
   * May a connection be reused after its user ended this way? Default: only after a success. A user that failed or was
   * interrupted in mid-exchange leaves bytes behind that the next user would take for its own.
   */
  readonly isReusableAfter?: ((connection: C, exit: Exit.Exit<unknown, unknown>) => boolean) | undefined
}
