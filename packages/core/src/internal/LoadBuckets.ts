/**
 * The partly used connections of a route, by the number of slots in use: the least loaded is found without a search.
 *
 * `least` is a lower bound that only a leave can make stale, and it moves up at most as far as moves brought it down, so
 * choosing costs O(1) amortised.
 */
import type { Entry } from "./Entry.ts"

export class LoadBuckets<C> {
  private readonly buckets: Array<Set<Entry<C>>> = []
  private least = 0

  add(entry: Entry<C>): void {
    const index = entry.slotsInUse
    while (this.buckets.length <= index) this.buckets.push(new Set())
    this.buckets[index]?.add(entry)
    entry.bucketIndex = index
    if (index < this.least) this.least = index
  }

  remove(entry: Entry<C>): void {
    this.buckets[entry.bucketIndex]?.delete(entry)
    entry.bucketIndex = -1
  }

  leastLoaded(): Entry<C> | undefined {
    while (this.least < this.buckets.length) {
      for (const entry of this.buckets[this.least] ?? []) return entry
      this.least++
    }
    this.least = this.buckets.length
    return undefined
  }
}
