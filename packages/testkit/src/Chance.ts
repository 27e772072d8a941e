/**
 * A stream of pseudo-random numbers that is the same on every runtime: 32-bit integer arithmetic only (the generator is
 * Chris Doty-Humphrey's sfc32, public domain). The seed is the only way in.
 */
import type { Random } from "effect"

/** FNV-1a: texts and numbers to a 32-bit seed. */
export const hash = (...parts: ReadonlyArray<string | number>): number => {
  let value = 0x811c9dc5
  for (const character of parts.join("\u0000")) {
    value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return value >>> 0
}

export class Chance {
  readonly seed: number
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(seed: number) {
    this.seed = seed
    this.a = seed | 0
    this.b = hash("b", seed) | 0
    this.c = hash("c", seed) | 0
    // The first outputs of similar seeds are similar.
    for (let round = 0; round < 12; round++) this.next()
  }

  /** 0 to 2 ** 32 - 1. */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number from 0 up to, and not including, `count`. */
  below(count: number): number {
    return this.next() % count
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in `ratio` of all cases. */
  isHit(ratio: number): boolean {
    return this.next() < ratio * 0x1_0000_0000
  }

  pick<const A>(choices: readonly [A, ...ReadonlyArray<A>]): A {
    return choices[this.below(choices.length)] ?? choices[0]
  }

  /** A stream of its own, so that drawing from one never moves another. */
  fork(...label: ReadonlyArray<string | number>): Chance {
    return new Chance(hash(this.seed, ...label))
  }

  /** The stream as Effect's `Random` service. */
  get service(): typeof Random.Random.Service {
    return {
      nextDoubleUnsafe: () => this.next() / 0x1_0000_0000,
      nextIntUnsafe: () => (this.next() - 0x8000_0000) * 0x20_0000 + (this.next() & 0x1f_ffff)
    }
  }
}
