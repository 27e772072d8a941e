/**
 * Many deadlines on one armed timer.
 *
 * A timer per call halves the throughput of a fast client; here a deadline costs a push on a heap, and nothing more if
 * it is never reached.
 */
import { Clock, Effect, Fiber, type Scope } from "effect"
import { Alarm } from "./internal/Alarm.ts"
import { TimeHeap } from "./internal/TimeHeap.ts"

/** Something that must be told when its time has come. */
export interface Deadline {
  /** False once there is nothing left to time out; the deadline is forgotten. */
  readonly isPending: boolean
  /** The time has come. Returns when to look again, if the deadline has moved; `Infinity` for never. */
  onDue(nowMillis: number): number
}

export class Deadlines {
  private readonly heap = new TimeHeap<Deadline>()
  private readonly alarm: Alarm
  /** The monotonic clock, in milliseconds. */
  readonly nowMillis: () => number

  constructor(
    clock: Clock.Clock,
    fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
    onDefect: (defect: unknown) => void
  ) {
    this.nowMillis = () => Math.floor(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
    this.alarm = new Alarm({
      fork,
      clock,
      nowMillis: this.nowMillis,
      ring: (nowMillis) => this.ring(nowMillis),
      onDefect
    })
  }

  add(atMillis: number, deadline: Deadline): void {
    if (atMillis === Number.POSITIVE_INFINITY) return
    this.heap.add(atMillis, deadline)
    this.alarm.armBy(atMillis)
  }

  /** One deadline that was added is no longer pending. */
  forget(): void {
    this.heap.forget(isPending)
  }

  private ring(nowMillis: number): number | undefined {
    for (let due = this.heap.takeDue(nowMillis); due !== undefined; due = this.heap.takeDue(nowMillis)) {
      if (!due.isPending) continue
      const againMillis = due.onDue(nowMillis)
      if (due.isPending && againMillis !== Number.POSITIVE_INFINITY) this.heap.add(againMillis, due)
    }
    return this.heap.nextMillis
  }
}

const isPending = (deadline: Deadline): boolean => deadline.isPending

/** Deadlines whose timer lives in the scope. */
export const makeDeadlines: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  return new Deadlines(
    clock,
    (effect) => Fiber.runIn(runFork(effect), scope),
    (defect) => runFork(Effect.logError("weir: a defect in a deadline was contained", defect))
  )
})
