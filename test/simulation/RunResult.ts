/**
 * What a run of a world comes to.
 */
import type { Simulation } from "@weir/testkit"
import { countMovesInto } from "./connectionMoves.ts"
import type { Judge, Violation } from "./Violation.ts"

export interface RunResult {
  readonly violation: (Violation & { readonly stepCount: number; readonly atMillis: number }) | undefined
  readonly stepCount: number
  readonly elapsedMillis: number
  /** How often each thing happened: outcomes, events, faults, rules asked. */
  readonly tally: ReadonlyMap<string, number>
}

export interface RunOptions {
  /** Hears every thing that happens, a line each. */
  readonly trace?: ((line: string) => void) | undefined
}

/** Ends a run whose moves were counted: its verdict, with the rules that were asked added to what was tallied. */
export const resultOf = (judge: Judge, simulation: Simulation, tally: Map<string, number>): RunResult => {
  countMovesInto(undefined)
  for (const [rule, count] of judge.askedCounts) tally.set(`rule ${rule}`, count)
  const { violation } = judge
  const { stepCount } = simulation
  const { elapsedMillis } = simulation.clock
  return {
    violation: violation === undefined ? undefined : { ...violation, stepCount, atMillis: elapsedMillis },
    stepCount,
    elapsedMillis,
    tally
  }
}
