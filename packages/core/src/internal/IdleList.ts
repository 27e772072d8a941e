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
  private readonly older: "routeOlder" | "poolOlder"
  private readonly newer: "routeNewer" | "poolNewer"

  constructor(link: Link) {
    this.older = link === "route" ? "routeOlder" : "poolOlder"
    this.newer = link === "route" ? "routeNewer" : "poolNewer"
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
      next = next[this.newer]
    }
    this.insertAfter(entry, before)
  }

  remove(entry: Entry<C>): void {
    const older = entry[this.older]
    const newer = entry[this.newer]
    if (older === undefined) this.oldest = newer
    else older[this.newer] = newer
    if (newer === undefined) this.newest = older
    else newer[this.older] = older
    entry[this.older] = undefined
    entry[this.newer] = undefined
    this.size--
  }

  newerThan(entry: Entry<C>): Entry<C> | undefined {
    return entry[this.newer]
  }

  private insertAfter(entry: Entry<C>, before: Entry<C> | undefined): void {
    const after = before === undefined ? this.oldest : before[this.newer]
    entry[this.older] = before
    entry[this.newer] = after
    if (before === undefined) this.oldest = entry
    else before[this.newer] = entry
    if (after === undefined) this.newest = entry
    else after[this.older] = entry
    this.size++
  }
}
