/**
 * A binary heap of things by the time at which they are due.
 *
 * Removal is by forgetting: the owner says when an entry is taken out whether it still counts. That makes cancelling
 * free, and `forget` rebuilds the heap once more than half of it is dead, so that a cancelled entry costs O(1)
 * amortised and memory stays within twice the live entries.
 */

interface Due<A> {
  readonly atMillis: number
  readonly value: A
}

export class TimeHeap<A> {
  private readonly entries: Array<Due<A>> = []
  private deadCount = 0

  get size(): number {
    return this.entries.length
  }

  /** When the first entry, dead or alive, is due; `undefined` when there is none. */
  get nextMillis(): number | undefined {
    return this.entries[0]?.atMillis
  }

  add(atMillis: number, value: A): void {
    const entries = this.entries
    const entry = { atMillis, value }
    let index = entries.length
    entries.push(entry)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = entries[parentIndex]
      if (parent === undefined || parent.atMillis <= atMillis) break
      entries[index] = parent
      index = parentIndex
    }
    entries[index] = entry
  }

  /** Takes out the first entry if it is due. */
  takeDue(nowMillis: number): A | undefined {
    const first = this.entries[0]
    if (first === undefined || first.atMillis > nowMillis) return undefined
    this.removeFirst()
    return first.value
  }

  /** One entry has died; `isLive` tells the dead from the living when the heap is rebuilt. */
  forget(isLive: (value: A) => boolean): void {
    this.deadCount++
    if (this.deadCount < 64 || this.deadCount * 2 < this.entries.length) return
    const live = this.entries.filter((entry) => isLive(entry.value))
    this.deadCount = 0
    // A sorted array is a heap; rebuilding is rare enough for the plain way.
    live.sort((a, b) => a.atMillis - b.atMillis)
    this.entries.length = 0
    for (const entry of live) this.entries.push(entry)
  }

  clear(): void {
    this.entries.length = 0
    this.deadCount = 0
  }

  private removeFirst(): void {
    const entries = this.entries
    const last = entries.pop()
    if (last === undefined || entries.length === 0) return
    const count = entries.length
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      let child = entries[childIndex]
      if (child === undefined) break
      const right = childIndex + 1 < count ? entries[childIndex + 1] : undefined
      if (right !== undefined && right.atMillis < child.atMillis) {
        child = right
        childIndex++
      }
      if (child.atMillis >= last.atMillis) break
      entries[index] = child
      index = childIndex
    }
    entries[index] = last
  }
}
