/**
 * A counted limit on an Effect `Semaphore`. The semaphore counts and nobody waits inside it: who waits, and in which
 * order, is the queue's matter. (A contended release of a semaphore walks all its waiters, and `takeIfAvailable`
 * overtakes them.)
 *
 * Permits are taken for a dial and given back at a close, so the price of `runSync` (some 0.3 µs) does not matter. That there
 * is none costs less: while a queue waits at the limit, it is asked for one with every lease that ends.
 */
import { Effect, Semaphore } from "effect"

export class Permits {
  private limitCount: number
  private heldCount = 0
  private readonly semaphore: Semaphore.Semaphore

  constructor(limitCount: number) {
    this.limitCount = limitCount
    this.semaphore = Semaphore.makeUnsafe(finite(limitCount))
  }

  get held(): number {
    return this.heldCount
  }

  get limit(): number {
    return this.limitCount
  }

  /** Never negative, though more may be held than a lowered limit allows. */
  get free(): number {
    return Math.max(0, this.limitCount - this.heldCount)
  }

  /** Has the limit been lowered below what is held? */
  get isOver(): boolean {
    return this.heldCount > this.limitCount
  }

  take(): boolean {
    if (this.free === 0) return false
    const isTaken = Effect.runSync(this.semaphore.takeIfAvailable(1))
    if (isTaken) this.heldCount++
    return isTaken
  }

  give(): void {
    if (this.heldCount === 0) throw new Error("a permit was given back twice")
    this.heldCount--
    Effect.runSync(this.semaphore.release(1))
  }

  resize(limitCount: number): void {
    this.limitCount = limitCount
    Effect.runSync(this.semaphore.resize(finite(limitCount)))
  }
}

const finite = (limitCount: number): number => Math.min(limitCount, Number.MAX_SAFE_INTEGER)
