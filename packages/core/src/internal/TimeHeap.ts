/**
 * A binary heap of things by the time at which they are due.
 *
 * Removal is by forgetting: the owner says when an entry is taken out whether it still counts. That makes cancelling
 * free, and `forget` rebuilds the heap once more than half of it is dead, so that a cancelled entry costs O(1)
 * amortised and memory stays within twice the live entries.
 *
 * Times and things stand in two arrays side by side: 16 bytes for each instead of an object of their own.
 */
export class TimeHeap<A> {
  private times: Array<number> = []
  private values: Array<A> = []
  private deadCount = 0

  get size(): number {
    return this.values.length
  }

  /** When the first entry, dead or alive, is due; `undefined` when there is none. */
  get nextMillis(): number | undefined {
    return this.times[0]
  }

  add(atMillis: number, value: A): void {
    this.times.push(atMillis)
    this.values.push(value)
    this.raise(this.values.length - 1, atMillis, value)
  }

  /** Takes out the first entry if it is due. */
  takeDue(nowMillis: number): A | undefined {
    const atMillis = this.times[0]
    if (atMillis === undefined || atMillis > nowMillis) return undefined
    const first = this.values[0]
    this.removeFirst()
    return first
  }

  /** One entry has died; `isLive` tells the dead from the living when the heap is rebuilt. */
  forget(isLive: (value: A) => boolean): void {
    this.deadCount++
    if (this.deadCount < 64 || this.deadCount * 2 < this.values.length) return
    const { times, values } = this
    this.deadCount = 0
    let liveCount = 0
    for (let index = 0; index < values.length; index++) {
      const value = values[index]
      const atMillis = times[index]
      if (value === undefined || atMillis === undefined || !isLive(value)) continue
      // Most were added in order, and stay in order here, where each costs one comparison.
      this.raise(liveCount++, atMillis, value)
    }
    values.length = liveCount
    times.length = liveCount
  }

  clear(): void {
    this.times = []
    this.values = []
    this.deadCount = 0
  }

  /** Moves what stands at `index` up to where it belongs. */
  private raise(from: number, atMillis: number, value: A): void {
    const { times, values } = this
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parentMillis = times[parentIndex]
      const parent = values[parentIndex]
      if (parentMillis === undefined || parent === undefined || parentMillis <= atMillis) break
      times[index] = parentMillis
      values[index] = parent
      index = parentIndex
    }
    times[index] = atMillis
    values[index] = value
  }

  private removeFirst(): void {
    const { times, values } = this
    const lastMillis = times.pop()
    const last = values.pop()
    if (lastMillis === undefined || last === undefined || values.length === 0) return
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      let childMillis = times[childIndex]
      if (childMillis === undefined) break
      const rightMillis = times[childIndex + 1]
      if (rightMillis !== undefined && rightMillis < childMillis) {
        childMillis = rightMillis
        childIndex++
      }
      const child = values[childIndex]
      if (child === undefined || childMillis >= lastMillis) break
      times[index] = childMillis
      values[index] = child
      index = childIndex
    }
    times[index] = lastMillis
    values[index] = last
  }
}
