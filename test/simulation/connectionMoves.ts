/**
 * The moves that pooled connections make between their states, as the pool's own table has them: counted at the place
 * where the pool makes them, so that coverage is of the code that runs and not of a guess from outside.
 */
import { transitions } from "../../packages/core/src/ConnectionState.ts"
import { Entry } from "../../packages/core/src/internal/Entry.ts"

const keyOf = (from: string, to: string): string => `move ${from}→${to}`

/** Every move there is. */
export const connectionMoves: ReadonlyArray<string> = Object.entries(transitions).flatMap(([from, targets]) =>
  targets.map((to) => keyOf(from, to))
)

let counts: Map<string, number> | undefined
const { moveTo } = Entry.prototype
Entry.prototype.moveTo = function (this: Entry<unknown>, to) {
  if (counts !== undefined) {
    const key = keyOf(this.state, to)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  moveTo.call(this, to)
}

/** Counts the moves of all pools into `tally` until the next call. One run is judged at a time. */
export const countMovesInto = (tally: Map<string, number> | undefined): void => {
  counts = tally
}
