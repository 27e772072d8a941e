/**
 * The exclusive right to one slot of one connection.
 *
 * Each lease is an object of its own and dies when it is released or revoked: whatever its holder does with it later, an
 * abort that comes late or a second release, touches nobody else's lease.
 */
import type { Route } from "../Route.ts"
import type { Entry } from "./Entry.ts"

/** Facts about the connection under a lease, at the time of the lease. */
export interface Lease<C> {
  readonly connection: C
  readonly route: Route
  /** Numbers the pool's connections in the order dialled. */
  readonly connectionId: number
  /** False for the first lease of a connection: nothing can have gone stale. */
  readonly isReused: boolean
  /** How long the connection had been idle. 0 for a new one, and for one that others use at the same time. */
  readonly idleMillis: number
  /** False once released or revoked. */
  readonly isLive: boolean
  /** Gives the slot back; the connection may be leased again at once. */
  release(): void
  /** Gives the slot back and lets the connection be closed: with its last slot, if it has several. */
  discard(reason?: "discarded" | "use-failed" | "use-interrupted"): void
}

/** What a lease calls when it ends. */
export interface LeaseOwner<C> {
  endLease(lease: HeldLease<C>, reason: "discarded" | "use-failed" | "use-interrupted" | undefined): void
}

export class HeldLease<C> implements Lease<C> {
  readonly connection: C
  readonly isReused: boolean
  readonly idleMillis: number
  readonly leasedAtMillis: number
  readonly holder: string | undefined
  /** The stack of the acquire, when leaks are being looked for. */
  readonly stack: string | undefined
  readonly entry: Entry<C>
  isLive = true
  isReported = false
  // Links of the pool's list of leases, oldest first.
  older: HeldLease<C> | undefined
  newer: HeldLease<C> | undefined
  private readonly owner: LeaseOwner<C>

  constructor(
    owner: LeaseOwner<C>,
    entry: Entry<C>,
    connection: C,
    nowMillis: number,
    holder: string | undefined,
    stack: string | undefined
  ) {
    this.owner = owner
    this.entry = entry
    this.connection = connection
    this.isReused = entry.usesCount > 1
    // Released while the pool was busy with a release before it, it has been idle since after that moment.
    this.idleMillis = this.isReused && entry.slotsInUse === 1 ? Math.max(0, nowMillis - entry.idleSinceMillis) : 0
    this.leasedAtMillis = nowMillis
    this.holder = holder
    this.stack = stack
  }

  get route(): Route {
    return this.entry.route.route
  }

  get connectionId(): number {
    return this.entry.id
  }

  release(): void {
    if (this.isLive) this.owner.endLease(this, undefined)
  }

  discard(reason: "discarded" | "use-failed" | "use-interrupted" = "discarded"): void {
    if (this.isLive) this.owner.endLease(this, reason)
  }
}

/** All leases of a pool, oldest first. Every change costs O(1). */
export class LeaseList<C> {
  oldest: HeldLease<C> | undefined
  private newest: HeldLease<C> | undefined

  add(lease: HeldLease<C>): void {
    const before = this.newest
    lease.older = before
    if (before === undefined) this.oldest = lease
    else before.newer = lease
    this.newest = lease
  }

  remove(lease: HeldLease<C>): void {
    const { newer, older } = lease
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    if (newer === undefined) this.newest = older
    else newer.older = older
    lease.older = undefined
    lease.newer = undefined
  }
}
