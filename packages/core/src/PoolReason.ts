/**
 * The closed sets of reasons. The same word stands in the error, the event, the metric's label and the test.
 */

/** Why a connection was closed. */
export type CloseReason =
  /** Idle for longer than `idleTimeout`, the server's hint, or what was learned of the peer. */
  | "idle-timeout"
  | "idle-hint"
  | "idle-learned"
  /** Older than `lifetime`. */
  | "lifetime"
  /** Leased as often as `usesPerConnectionMax` or the peer allows. */
  | "uses"
  /** Surplus: `idleMax`, `idlePerRouteMax`, or a limit that was lowered. */
  | "idle-limit"
  | "over-limit"
  /** The least recently used idle connection, closed so that another route could dial. */
  | "evicted-for-other-route"
  /** Returned by a route with more than its share of the total, for one that had waited longer with less. */
  | "yielded-to-other-route"
  /** The mode `disabled` keeps no connection. */
  | "not-pooled"
  /** It spoke, ended or failed while idle. */
  | "peer-data"
  | "peer-closed"
  | "peer-error"
  /** The validation or the keep-alive ping failed. */
  | "validation-failed"
  /** Its holder said so. */
  | "discarded"
  /** The holder failed or was interrupted, so the connection's state is unknown. */
  | "use-failed"
  | "use-interrupted"
  /** Held for longer than `leakReclaimAfter`. */
  | "reclaimed"
  /** `drainRoute`, `drainAll`, `closeIdle`, or the connection's own word (GOAWAY). */
  | "drained"
  | "closed-idle"
  /** Its factory said that it leads where the route no longer leads: the name has lost the address. */
  | "withdrawn"
  /** A finished dial that nobody needed, under `surplusDial: "cancel"`. */
  | "surplus"
  /** The route was dropped to keep `routesMax`. */
  | "route-evicted"
  | "shutdown"
  | "shutdown-deadline"

/** Why an acquire was refused without waiting. */
export type RefusalReason =
  /** `pendingPerRouteMax` or `pendingMax` waiters wait already. */
  | "pending-route-limit"
  | "pending-total-limit"
  /** `activePerRouteMax` or `activeMax` leases are out, and `activeOverflow` says to refuse. */
  | "active-route-limit"
  | "active-total-limit"
  /** `routesMax` routes are in use. */
  | "routes-limit"
  /** By the observed service time it could not have been served before its deadline. */
  | "deadline-hopeless"
  | "pool-closed"

/** The phase that a deadline ran out in. The connector names the parts of a connect: `dns`, `tcp`, `tls`. */
export type TimeoutPhase = "queue" | "validation" | `connect:${string}`
