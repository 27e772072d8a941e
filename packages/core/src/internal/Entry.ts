/**
 * One pooled connection and what the pool knows of it.
 */
import type { Fiber, Scope } from "effect"
import type { ConnectionState } from "../ConnectionState.ts"
import { assertTransition } from "../ConnectionState.ts"
import type { CloseReason } from "../PoolReason.ts"
import type { RoutePool } from "./RoutePool.ts"

export class Entry<C> {
  readonly id: number
  readonly route: RoutePool<C>
  /** Holds whatever the connection acquired; closing the connection is closing it. */
  readonly scope: Scope.Closeable
  readonly createdAtMillis: number
  state: ConnectionState = "connecting"
  /** Set when the dial succeeds. */
  connection: C | undefined
  /** The dial, the probe or the ping that runs; at most one does. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  connectPhase = "start"
  usesCount = 0
  usesMax: number
  slotsInUse = 0
  /** What the connection itself offers; the route's limit applies as well. */
  slotsOffered: number
  idleSinceMillis: number
  /** When it was last known to be good: connected, returned or probed. */
  verifiedAtMillis: number
  /** The end of its life, whatever it does. */
  diesAtMillis = Number.POSITIVE_INFINITY
  /** While idle: when it has to be closed, and why. */
  expiresAtMillis = Number.POSITIVE_INFINITY
  expiryReason: CloseReason = "idle-timeout"
  /** What the peer announced, less the margin. */
  idleHintMillis = Number.POSITIVE_INFINITY
  pingAtMillis = Number.POSITIVE_INFINITY
  /** When the upkeep will next look at it; it looks no later than needed, and may look too early. */
  upkeepAtMillis = Number.POSITIVE_INFINITY
  /** Set once it takes no new lease; why it will be closed. Once set it stays. */
  closeReason: CloseReason | undefined
  /** The bucket of partly used connections that it stands in, or -1. */
  bucketIndex = -1
  isIdleListed = false
  // Links of the two idle lists, so that leaving them costs O(1): the route's, and the pool's over all routes.
  routeOlder: Entry<C> | undefined
  routeNewer: Entry<C> | undefined
  poolOlder: Entry<C> | undefined
  poolNewer: Entry<C> | undefined

  constructor(fields: {
    readonly id: number
    readonly route: RoutePool<C>
    readonly scope: Scope.Closeable
    readonly nowMillis: number
    readonly usesMax: number
    readonly slotsOffered: number
  }) {
    this.id = fields.id
    this.route = fields.route
    this.scope = fields.scope
    this.createdAtMillis = fields.nowMillis
    this.idleSinceMillis = fields.nowMillis
    this.verifiedAtMillis = fields.nowMillis
    this.usesMax = fields.usesMax
    this.slotsOffered = fields.slotsOffered
  }

  /** The slots it has, by its own word and by the route's limit. */
  get slotsMax(): number {
    return Math.min(this.slotsOffered, this.route.limits.slotsMax)
  }

  get hasFreeSlot(): boolean {
    return this.closeReason === undefined && this.slotsInUse < this.slotsMax && this.usesCount < this.usesMax
  }

  moveTo(state: ConnectionState): void {
    assertTransition(this.state, state)
    this.state = state
  }
}
