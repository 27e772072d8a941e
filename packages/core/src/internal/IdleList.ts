/**
 * Idle connections from the least to the most recently used, linked through the entries themselves. Every change costs
 * O(1); the one exception, `insertByAge`, walks past the entries that are older than the one put back.
 */
import type { Entry } from "./Entry.ts"

type Link = "route" | "pool"

export class IdleList<C> {
  oldest: Entry<C> | undefined
  newest: Entry<C> | undefined
  size = 0
  private readonly link: Link

  constructor(link: Link) {
    this.link = link
  }

  push(entry: Entry<C>): void {
    this.insertAfter(entry, this.newest)
  }

  /** Puts an entry back where its idle time belongs: it had only been reserved for a probe. */
  insertByAge(entry: Entry<C>): void {
    let before: Entry<C> | undefined
    let next = this.oldest
    while (next !== undefined && next.idleSinceMillis <= entry.idleSinceMillis) {
      before = next
      next = this.newerThan(next)
    }
    this.insertAfter(entry, before)
  }

  remove(entry: Entry<C>): void {
    const older = this.olderThan(entry)
    const newer = this.newerThan(entry)
    if (older === undefined) this.oldest = newer
    else this.setNewer(older, newer)
    if (newer === undefined) this.newest = older
    else this.setOlder(newer, older)
    this.setOlder(entry, undefined)
    this.setNewer(entry, undefined)
    this.size--
  }

  // The fields are named in each branch: picked by a computed name, they cost a lookup at every lease and release.
  newerThan(entry: Entry<C>): Entry<C> | undefined {
    return this.link === "route" ? entry.routeNewer : entry.poolNewer
  }

  private olderThan(entry: Entry<C>): Entry<C> | undefined {
    return this.link === "route" ? entry.routeOlder : entry.poolOlder
  }

  private setNewer(entry: Entry<C>, newer: Entry<C> | undefined): void {
    if (this.link === "route") entry.routeNewer = newer
    else entry.poolNewer = newer
  }

  private setOlder(entry: Entry<C>, older: Entry<C> | undefined): void {
    if (this.link === "route") entry.routeOlder = older
    else entry.poolOlder = older
  }

  private insertAfter(entry: Entry<C>, before: Entry<C> | undefined): void {
    const after = before === undefined ? this.oldest : this.newerThan(before)
    this.setOlder(entry, before)
    this.setNewer(entry, after)
    if (before === undefined) this.oldest = entry
    else this.setNewer(before, entry)
    if (after === undefined) this.newest = entry
    else this.setOlder(after, entry)
    this.size++
  }
}
