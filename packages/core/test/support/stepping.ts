/**
 * Runs a scenario again and again, and interrupts one fiber of it at the first, the second, the third … operation that
 * any fiber makes after that one has been forked, until the scenario comes to its end undisturbed.
 */
import { Effect, type Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { assert } from "vitest"

export class Stepper extends Scheduler.MixedScheduler {
  private readonly interruptAt: number
  private readonly operationsPerTurn: number
  private victim: Fiber.Fiber<unknown, unknown> | undefined
  private operationCount = 0
  hasInterrupted = false

  constructor(interruptAt: number, operationsPerTurn: number) {
    super()
    this.interruptAt = interruptAt
    this.operationsPerTurn = operationsPerTurn
  }

  /** From now on operations count, and this is the fiber to be interrupted. */
  aimAt(victim: Fiber.Fiber<unknown, unknown>): void {
    this.victim = victim
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const { victim } = this
    // The pool is made, and looked at afterwards, in peace.
    if (victim === undefined || victim.pollUnsafe() !== undefined) return super.shouldYield(fiber)
    if (++this.operationCount === this.interruptAt) {
      this.hasInterrupted = true
      victim.interruptUnsafe()
    }
    return fiber.currentOpCount >= this.operationsPerTurn
  }
}

/** A run that does not end on its own has a fault of its own. */
const runsMax = 5000

/**
 * Node meets every operation. The pool knows no runtime, so Bun and Deno meet one in five, each others than the other,
 * unless EVERY_OPERATION is 1, as in `npm run test:runtimes`.
 */
const [first, stride] =
  process.env["EVERY_OPERATION"] === "1" || !("Bun" in globalThis || "Deno" in globalThis)
    ? [1, 1]
    : ["Bun" in globalThis ? 1 : 3, 5]

/** Gives the number of the last operation that there was to interrupt at. */
export const interruptEverywhere = async (
  operationsPerTurn: number,
  scenario: (stepper: Stepper) => Effect.Effect<void>
): Promise<number> => {
  for (let at = first; at <= runsMax; at += stride) {
    const stepper = new Stepper(at, operationsPerTurn)
    try {
      await Effect.runPromise(Effect.provide(scenario(stepper), TestClock.layer()), { scheduler: stepper })
    } catch (error) {
      throw new Error(`interrupted at operation ${at}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error
      })
    }
    if (!stepper.hasInterrupted) return at - stride
  }
  assert.fail(`the scenario has more than ${runsMax} operations`)
}
