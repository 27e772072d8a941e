/**
 * How far a run has come, on a terminal's stderr; nothing where stderr is a file or a pipe.
 *
 * The bar counts calls where their number is given, and time where it is not. A run without an end has no bar.
 */
import { Presets, SingleBar } from "cli-progress"
import { Effect, type Scope } from "effect"
import type { LoadProgress } from "./LoadOptions.ts"

export interface ProgressBar {
  readonly update: (progress: LoadProgress) => void
  /** Clears the bar's line for a line of text; the next update draws it again. */
  readonly clearLine: () => void
}

/** The bar stays until its scope closes, and leaves no trace. Undefined: there is none. */
export const makeProgressBar = (
  requestCount: number | undefined,
  durationMillis: number
): Effect.Effect<ProgressBar | undefined, never, Scope.Scope> => {
  const isCounting = requestCount !== undefined
  const size = requestCount ?? durationMillis / 1e3
  if (!process.stderr.isTTY || size === Number.POSITIVE_INFINITY) return Effect.undefined
  const open = Effect.sync(() => {
    const bar = new SingleBar(
      {
        format: isCounting ? "{bar} {value}/{total} calls, {eta_formatted} left" : "{bar} {value} of {total} s",
        clearOnComplete: true,
        // An interrupt ends the run, and the run's end stops the bar.
        gracefulExit: false
      },
      Presets.shades_classic
    )
    bar.start(size, 0)
    return bar
  })
  return Effect.map(
    Effect.acquireRelease(open, (bar) => Effect.sync(() => bar.stop())),
    (bar) => ({
      update: ({ elapsedMillis, finishedCount }) =>
        bar.update(isCounting ? finishedCount : Math.min(size, Math.floor(elapsedMillis / 1e3))),
      clearLine: () => process.stderr.write("\r\u001b[K")
    })
  )
}
