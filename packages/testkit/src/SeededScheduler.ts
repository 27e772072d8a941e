/**
 * An Effect scheduler whose order is chosen by a seed.
 *
 * Everything that is ready stands in one list, whichever fiber it belongs to; the simulation takes one thing at a time
 * out of it. Nothing goes through microtasks, `setImmediate` or any other queue of the runtime, so a run is the same on
 * every runtime. `random` takes any ready task; `in-order` the oldest, as Effect's own scheduler does.
 *
 * A fiber yields after 2048 operations, as in Effect, and beyond that in `yieldRatio` of all operations: every place
 * where a real fiber might be suspended is tried.
 */
import type { Fiber, Scheduler } from "effect"
import type { Chance } from "./Chance.ts"

/** What runs next of what is ready: any of it, or the oldest. */
export type Interleaving = "random" | "in-order"

interface Task {
  readonly run: () => void
  readonly priority: number
}

export class SeededScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly interleaving: Interleaving
  readonly yieldRatio: number
  private readonly chance: Chance
  private readonly tasks: Array<Task> = []
  /** Tasks of a priority other than the usual 0. */
  private unusualCount = 0

  constructor(chance: Chance, interleaving: Interleaving, yieldRatio: number) {
    this.chance = chance
    this.interleaving = interleaving
    this.yieldRatio = yieldRatio
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return (
      fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield ||
      (this.yieldRatio > 0 && this.chance.isHit(this.yieldRatio))
    )
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task, priority) => {
        this.add(task, priority)
      },
      flush: () => {
        while (this.runOne()) {
          // Each turn runs one task.
        }
      }
    }
  }

  get readyCount(): number {
    return this.tasks.length
  }

  add(run: () => void, priority = 0): void {
    this.tasks.push({ run, priority })
    if (priority !== 0) this.unusualCount++
  }

  /** Runs one ready task; false when there is none. */
  runOne(): boolean {
    const task = this.take()
    if (task === undefined) return false
    task.run()
    return true
  }

  private take(): Task | undefined {
    const { tasks } = this
    if (this.unusualCount > 0) return this.takeByPriority()
    if (this.interleaving === "in-order" || tasks.length < 2) return tasks.shift()
    const index = this.chance.below(tasks.length)
    const task = tasks[index]
    const last = tasks.pop()
    // The last takes the place of the one taken: the order of the rest does not matter.
    if (last !== undefined && index < tasks.length) tasks[index] = last
    return task
  }

  /** Lower numbers first, as Effect's own scheduler does. */
  private takeByPriority(): Task | undefined {
    const least = this.tasks.reduce((found, { priority }) => Math.min(found, priority), Number.POSITIVE_INFINITY)
    const candidates = this.tasks.filter(({ priority }) => priority === least)
    const task = candidates[this.interleaving === "in-order" ? 0 : this.chance.below(candidates.length)]
    if (task === undefined) return undefined
    this.tasks.splice(this.tasks.indexOf(task), 1)
    if (task.priority !== 0) this.unusualCount--
    return task
  }
}
