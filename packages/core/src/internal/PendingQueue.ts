/**
 * The waiters of one route, in the order in which they will be served.
 *
 * Each priority class is a lane: an Effect `Queue` for FIFO, a stack for LIFO. A waiter leaves from the middle by being
 * marked: it counts no more from that moment, and its place is cleared when it comes up, or when the lane is rebuilt
 * because more of it is dead than alive. So leaving costs O(1) amortised, and a lane never holds more than twice its
 * live waiters plus `deadCountKept`.
 */
import { Effect, Queue } from "effect"
import { priorities, type Waiter, type WaiterState } from "./Waiter.ts"

const deadCountKept = 32

export class PendingQueue<C> {
  /** Waiters that still wait. */
  liveCount = 0
  private readonly isLifo: boolean
  private readonly lanes: Array<Lane<C> | undefined> = []

  constructor(isLifo: boolean) {
    this.isLifo = isLifo
  }

  add(waiter: Waiter<C>): void {
    const index = priorities.indexOf(waiter.priority)
    let lane = this.lanes[index]
    if (lane === undefined) {
      lane = this.isLifo ? new Stack() : new Fifo()
      this.lanes[index] = lane
    }
    lane.push(waiter)
    this.liveCount++
  }

  /** The waiter to serve next. */
  peek(): Waiter<C> | undefined {
    if (this.liveCount === 0) return undefined
    for (const lane of this.lanes) {
      const waiter = lane?.peek()
      if (waiter !== undefined) return waiter
    }
    return undefined
  }

  /** Takes out the waiter to serve next. */
  take(): Waiter<C> | undefined {
    if (this.liveCount === 0) return undefined
    for (const lane of this.lanes) {
      const waiter = lane?.take()
      if (waiter !== undefined) {
        this.countDown()
        return waiter
      }
    }
    return undefined
  }

  /** A waiter has left by itself: its state is no longer `waiting`. */
  left(waiter: Waiter<C>): void {
    this.lanes[priorities.indexOf(waiter.priority)]?.left()
    this.countDown()
  }

  /** A route for which nobody waits keeps no lane: most routes are such, nearly always. */
  private countDown(): void {
    this.liveCount--
    if (this.liveCount === 0) this.lanes.length = 0
  }
}

interface Lane<C> {
  push(waiter: Waiter<C>): void
  peek(): Waiter<C> | undefined
  take(): Waiter<C> | undefined
  left(): void
}

const isLive = (waiter: { readonly state: WaiterState }): boolean => waiter.state === "waiting"

class Fifo<C> implements Lane<C> {
  /** The first in line: next to come, or looked at and not yet served. */
  private head: Waiter<C> | undefined
  /**
   * Those behind it, from the second on. Bounded by `pendingPerRouteMax` live waiters and as many dead ones: the check
   * is made before a waiter is added.
   */
  private queue: Queue.Queue<Waiter<C>> | undefined
  private deadCount = 0

  push(waiter: Waiter<C>): void {
    if (this.head === undefined && this.queue === undefined) {
      this.head = waiter
    } else {
      this.queue ??= Effect.runSync(Queue.unbounded<Waiter<C>>())
      Queue.offerUnsafe(this.queue, waiter)
    }
  }

  peek(): Waiter<C> | undefined {
    for (;;) {
      if (this.head === undefined) {
        const exit = this.queue === undefined ? undefined : Queue.takeUnsafe(this.queue)
        if (exit === undefined || exit._tag === "Failure") return undefined
        this.head = exit.value
      }
      if (isLive(this.head)) return this.head
      this.head = undefined
      this.deadCount--
    }
  }

  take(): Waiter<C> | undefined {
    const waiter = this.peek()
    this.head = undefined
    return waiter
  }

  left(): void {
    this.deadCount++
    if (this.queue === undefined || this.deadCount <= deadCountKept) return
    const heldCount = Queue.sizeUnsafe(this.queue)
    if (this.deadCount * 2 <= heldCount) return
    for (let index = 0; index < heldCount; index++) {
      const exit = Queue.takeUnsafe(this.queue)
      if (exit?._tag === "Success" && isLive(exit.value)) Queue.offerUnsafe(this.queue, exit.value)
    }
    this.deadCount = this.head !== undefined && !isLive(this.head) ? 1 : 0
  }
}

class Stack<C> implements Lane<C> {
  private waiters: Array<Waiter<C>> = []
  private deadCount = 0

  push(waiter: Waiter<C>): void {
    this.waiters.push(waiter)
  }

  peek(): Waiter<C> | undefined {
    for (;;) {
      const waiter = this.waiters.at(-1)
      if (waiter === undefined || isLive(waiter)) return waiter
      this.waiters.pop()
      this.deadCount--
    }
  }

  take(): Waiter<C> | undefined {
    this.peek()
    return this.waiters.pop()
  }

  left(): void {
    this.deadCount++
    if (this.deadCount <= deadCountKept || this.deadCount * 2 <= this.waiters.length) return
    this.waiters = this.waiters.filter(isLive)
    this.deadCount = 0
  }
}
