/**
 * Runs Effect programs in virtual time, under an order of events that a seed chooses.
 *
 * A run is one plain synchronous call. Nothing in it waits for the event loop, so it takes as long as its computations,
 * and the same seed gives the same run on Node, Bun and Deno. Time moves only when nothing is left to do at the present
 * moment. What is simulated must take time, chance and input and output from Effect: a promise or a real timer never
 * comes to its end here, and the program that waits for one is reported as stuck.
 */
import { Clock, Context, Data, Effect, Exit, type Fiber, Metric, Random, Scheduler } from "effect"
import { Chance } from "./Chance.ts"
import { type Interleaving, SeededScheduler } from "./SeededScheduler.ts"
import { VirtualClock } from "./VirtualClock.ts"

/** What one run is made from. */
export interface SimulationOptions {
  /** A whole number from 0 to 2 ** 32 - 1. Default 0. */
  readonly seed?: number
  /** What runs next of what is ready: any of it (`random`, the default), or the oldest (`in-order`). */
  readonly interleaving?: Interleaving
  /** In how many of all operations a fiber yields, beyond Effect's own yields. 0 to 0.5, default 0.02. */
  readonly yieldRatio?: number
  /** A run of more steps than this is taken for endless. Default 1 000 000. */
  readonly stepCountMax?: number
}

/** The program can never end: nothing is ready, no timer is armed, or it goes round without an end. */
export class SimulationStuck extends Data.TaggedError("SimulationStuck")<{
  readonly seed: number
  readonly stepCount: number
  readonly elapsedMillis: number
  readonly reason: "nothing-left" | "too-many-steps"
}> {
  override get message(): string {
    const why =
      this.reason === "nothing-left"
        ? "nothing is ready and no timer is armed: it waits for ever, or for a promise or a timer of the real world"
        : "it takes no end"
    return `the simulation is stuck after ${this.stepCount} steps and ${this.elapsedMillis} ms (seed ${this.seed}): ${why}`
  }
}

export class Simulation {
  readonly seed: number
  readonly clock = new VirtualClock()
  readonly scheduler: SeededScheduler
  /** Drawn from by the world around the program; the program's own `Random` is another stream. */
  readonly chance: Chance
  /** With the clock, the scheduler and the randomness of the simulation. */
  readonly context: Context.Context<never>
  stepCount = 0
  /** Fibers that have begun and not ended. */
  liveFiberCount = 0
  private readonly stepCountMax: number

  constructor(options: SimulationOptions = {}) {
    this.seed = options.seed ?? 0
    const chance = new Chance(this.seed)
    this.chance = chance.fork("world")
    this.scheduler = new SeededScheduler(
      chance.fork("scheduler"),
      options.interleaving ?? "random",
      options.yieldRatio ?? 0.02
    )
    this.stepCountMax = options.stepCountMax ?? 1_000_000
    const fiberCounter: Metric.FiberRuntimeMetricsService = {
      recordFiberStart: () => {
        this.liveFiberCount++
      },
      recordFiberEnd: () => {
        this.liveFiberCount--
      }
    }
    this.context = Context.empty().pipe(
      Context.add(Clock.Clock, this.clock),
      Context.add(Scheduler.Scheduler, this.scheduler),
      Context.add(Random.Random, chance.fork("program").service),
      Context.add(Metric.FiberRuntimeMetrics, fiberCounter)
    )
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Calls `run` at a later time, as something that happens beside the program. */
  after(millis: number, run: () => void): () => void {
    return this.clock.schedule(millis, run)
  }

  /** Does one thing: a task that is ready, or else the step to the next timer's time. False: there is nothing to do. */
  step(): boolean {
    this.stepCount++
    if (this.scheduler.runOne()) return true
    if (this.clock.nextMillis === undefined) return false
    this.clock.advance((timer) => {
      this.scheduler.add(timer)
    })
    return true
  }

  /** Runs a program to its end. */
  run<A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E | SimulationStuck> {
    const fiber = this.fork(effect)
    for (;;) {
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return exit
      if (this.stepCount >= this.stepCountMax) return this.stuck("too-many-steps")
      if (!this.step()) return this.stuck("nothing-left")
    }
  }

  /** Lets what is still under way come to its end: bytes that travel, fibers left behind. False: it takes no end. */
  settle(): boolean {
    while (this.stepCount < this.stepCountMax) if (!this.step()) return true
    return false
  }

  private stuck(reason: SimulationStuck["reason"]): Exit.Exit<never, SimulationStuck> {
    const { seed, stepCount } = this
    return Exit.fail(new SimulationStuck({ seed, stepCount, elapsedMillis: this.clock.elapsedMillis, reason }))
  }
}

/** Runs a program in a simulation of its own. */
export const simulate = <A, E>(
  effect: Effect.Effect<A, E>,
  options?: SimulationOptions
): Exit.Exit<A, E | SimulationStuck> => new Simulation(options).run(effect)
