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
        this.liveCount--
        return waiter
      }
    }
    return undefined
  }

  /** A waiter has left by itself: its state is no longer `waiting`. */
  left(waiter: Waiter<C>): void {
    this.liveCount--
    this.lanes[priorities.indexOf(waiter.priority)]?.left()
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
  // Bounded by `pendingPerRouteMax` live waiters and as many dead ones: the check is made before a waiter is added.
  private readonly queue: Queue.Queue<Waiter<C>> = Effect.runSync(Queue.unbounded<Waiter<C>>())
  /** Taken from the queue to be looked at, and not yet served. */
  private head: Waiter<C> | undefined
  private deadCount = 0

  push(waiter: Waiter<C>): void {
    Queue.offerUnsafe(this.queue, waiter)
  }

  peek(): Waiter<C> | undefined {
    for (;;) {
      if (this.head === undefined) {
        const exit = Queue.takeUnsafe(this.queue)
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
    const heldCount = Queue.sizeUnsafe(this.queue)
    if (this.deadCount <= deadCountKept || this.deadCount * 2 <= heldCount) return
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
