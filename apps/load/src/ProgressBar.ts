/**
 * How far a run has come, as a bar on a terminal, with lines of text above it; in a file or a pipe the lines only.
 *
 * The bar counts calls where their number is given, and seconds where it is not. A run without an end has no bar.
 */
import { Presets, SingleBar } from "cli-progress"
import { Effect, type Scope } from "effect"
import { constVoid } from "effect/Function"
import type { LoadProgress } from "./LoadOptions.ts"

export interface ProgressBar {
  readonly update: (progress: LoadProgress) => void
  readonly writeLine: (line: string) => void
}

/** The bar stays until its scope closes, and leaves no trace. */
export const makeProgressBar = (
  stream: NodeJS.WritableStream,
  requestCount: number | undefined,
  durationMillis: number
): Effect.Effect<ProgressBar, never, Scope.Scope> => {
  const total = requestCount ?? durationMillis / 1e3
  const writeLine = (line: string): void => {
    stream.write(`${line}\n`)
  }
  if (total === Number.POSITIVE_INFINITY) return Effect.succeed({ update: constVoid, writeLine })
  // It draws nothing where `stream.isTTY` is not true.
  const bar = new SingleBar(
    {
      stream,
      format:
        requestCount === undefined ? "{bar} {value} of {total} s" : "{bar} {value}/{total} calls, {eta_formatted} left",
      clearOnComplete: true,
      // An interrupt ends the run, and the run's end stops the bar.
      gracefulExit: false
    },
    Presets.shades_classic
  )
  let value = 0
  const start = () => bar.start(total, value)
  const stop = () => bar.stop()
  return Effect.as(
    Effect.acquireRelease(Effect.sync(start), () => Effect.sync(stop)),
    {
      update: ({ elapsedMillis, finishedCount }) => {
        value = requestCount === undefined ? Math.min(total, Math.floor(elapsedMillis / 1e3)) : finishedCount
        bar.update(value)
      },
      // A bar goes back, when stopped, to where it was started: a line written meanwhile would be lost.
      writeLine: (line) => {
        stop()
        writeLine(line)
        start()
      }
    }
  )
}
