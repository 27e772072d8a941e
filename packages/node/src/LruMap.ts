/**
 * A map that holds at most so many entries and lets go of the one that was read or written longest ago.
 */
export class LruMap<K, V> {
  readonly #countMax: number
  // Insertion order is the order of use: every use takes its entry out and puts it back at the end.
  readonly #entries = new Map<K, V>()

  /** `countMax` 0: nothing is ever kept. */
  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#countMax) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest)
        return
      }
    }
  }

  delete(key: K): void {
    this.#entries.delete(key)
  }
}
