/**
 * One pooled connection and what the pool knows of it.
 */
import type { Fiber, Scope } from "effect"
import type { ConnectionState } from "../ConnectionState.ts"
import { assertTransition } from "../ConnectionState.ts"
import type { CloseReason } from "../PoolReason.ts"
import type { RoutePool } from "./RoutePool.ts"

/**
 * What few connections have: the peer's word on slots, uses and idle time, an end of their life, a time to be pinged.
 * One record without any of it serves all the others, since numbers like these take 24 bytes each.
 */
class Terms {
  slotsOffered = Number.POSITIVE_INFINITY
  usesOffered = Number.POSITIVE_INFINITY
  idleHintMillis = Number.POSITIVE_INFINITY
  diesAtMillis = Number.POSITIVE_INFINITY
  pingAtMillis = Number.POSITIVE_INFINITY
}

const noTerms: Readonly<Terms> = new Terms()

export class Entry<C> {
  readonly id: number
  readonly route: RoutePool<C>
  /** Holds whatever the connection acquired; closing the connection is closing it. */
  readonly scope: Scope.Closeable
  readonly createdAtMillis: number
  /** Dialled for nobody in particular: to warm the pool, or to keep its minimum. */
  readonly isSpare: boolean
  state: ConnectionState = "connecting"
  /** Set when the dial succeeds. */
  connection: C | undefined
  /** The dial, the probe or the ping that runs; at most one does. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  connectPhase = "start"
  usesCount = 0
  slotsInUse = 0
  idleSinceMillis: number
  /** When it was last known to be good: connected, returned or probed. */
  verifiedAtMillis: number
  /** While idle: when it has to be closed, and why. */
  expiresAtMillis = Number.POSITIVE_INFINITY
  expiryReason: CloseReason = "idle-timeout"
  /** When the upkeep will next look at it; it looks no later than needed, and may look too early. */
  upkeepAtMillis = Number.POSITIVE_INFINITY
  /** Set once it takes no new lease; why it will be closed. Once set it stays. */
  closeReason: CloseReason | undefined
  /**
   * Set between the end of its dial or probe and the route's next look at its waiters. Meanwhile it is in no idle list:
   * nobody evicts or trims it, and no expiry closes it, before those had it that it was dialled or probed for.
   */
  freshness: "connected" | "verified" | undefined
  /** It is on its way out, and its permits are reckoned with. */
  isReturning = false
  /** The bucket of partly used connections that it stands in, or -1. */
  bucketIndex = -1
  isIdleListed = false
  private ownTerms: Terms | undefined
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
    readonly isSpare: boolean
  }) {
    this.id = fields.id
    this.route = fields.route
    this.scope = fields.scope
    this.isSpare = fields.isSpare
    this.createdAtMillis = fields.nowMillis
    this.idleSinceMillis = fields.nowMillis
    this.verifiedAtMillis = fields.nowMillis
  }

  /** What the connection itself offers; the route's limit applies as well. */
  get slotsOffered(): number {
    return this.terms.slotsOffered
  }

  set slotsOffered(count: number) {
    this.setTerm("slotsOffered", count)
  }

  /** Uses that the peer allows, from the first; the route's limit applies as well. */
  get usesOffered(): number {
    return this.terms.usesOffered
  }

  set usesOffered(count: number) {
    this.setTerm("usesOffered", count)
  }

  /** What the peer announced, less the margin. */
  get idleHintMillis(): number {
    return this.terms.idleHintMillis
  }

  set idleHintMillis(millis: number) {
    this.setTerm("idleHintMillis", millis)
  }

  /** The end of its life, whatever it does. */
  get diesAtMillis(): number {
    return this.terms.diesAtMillis
  }

  set diesAtMillis(atMillis: number) {
    this.setTerm("diesAtMillis", atMillis)
  }

  get pingAtMillis(): number {
    return this.terms.pingAtMillis
  }

  set pingAtMillis(atMillis: number) {
    this.setTerm("pingAtMillis", atMillis)
  }

  /** The slots it has, by its own word and by the route's limit. */
  get slotsMax(): number {
    return Math.min(this.slotsOffered, this.route.limits.slotsMax)
  }

  get usesMax(): number {
    return Math.min(this.usesOffered, this.route.limits.usesMax)
  }

  get isUsedUp(): boolean {
    return this.usesCount >= this.usesMax
  }

  get hasFreeSlot(): boolean {
    return this.closeReason === undefined && this.slotsInUse < this.slotsMax && !this.isUsedUp
  }

  private setTerm(term: keyof Terms, value: number): void {
    if (this.terms[term] === value) return
    this.ownTerms ??= new Terms()
    this.ownTerms[term] = value
  }

  private get terms(): Readonly<Terms> {
    return this.ownTerms ?? noTerms
  }

  moveTo(state: ConnectionState): void {
    assertTransition(this.state, state)
    this.state = state
  }
}
