/**
 * A histogram of milliseconds with fixed boundaries: one array, no allocation per value. It is handed to Effect's
 * metrics when they are read.
 */

/** Upper boundaries, in milliseconds; the last bucket has none. */
export const boundariesMillis: ReadonlyArray<number> = [
  0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 3_600_000
]

export class Buckets {
  readonly counts: Array<number> = new Array<number>(boundariesMillis.length + 1).fill(0)
  count = 0
  sum = 0
  min = Number.POSITIVE_INFINITY
  max = 0

  record(millis: number): void {
    let index = 0
    while (millis > (boundariesMillis[index] ?? Number.POSITIVE_INFINITY)) index++
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.count++
    this.sum += millis
    if (millis < this.min) this.min = millis
    if (millis > this.max) this.max = millis
  }
}
