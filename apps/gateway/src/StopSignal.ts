/**
 * Being told to stop: Ctrl-C or SIGTERM.
 *
 * The first signal asks for a clean end. At Ctrl-C in a terminal a process under npm gets SIGINT twice, from the
 * terminal and from npm, so a second one means "now" only when it comes later than npm's can.
 */
import { Clock, Effect } from "effect"

const signals = ["SIGINT", "SIGTERM"] as const

/** A second signal within this time is the first one's echo. */
const echoMillisMax = 1_000

/**
 * Done at the first signal. A later one ends the process as if nobody listened. To be run once in a process: the
 * listeners stay, so that an echo after the clean end does not turn it into a death by signal.
 */
export const stopSignal: Effect.Effect<void> = Effect.flatMap(Clock.Clock, (clock) =>
  Effect.callback<void>((resume) => {
    let firstAtMillis: number | undefined
    const onSignal = (signal: (typeof signals)[number]): void => {
      const nowMillis = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      if (firstAtMillis === undefined) {
        firstAtMillis = nowMillis
        resume(Effect.void)
      } else if (nowMillis - firstAtMillis > echoMillisMax) {
        for (const name of signals) process.off(name, onSignal)
        process.kill(process.pid, signal)
      }
    }
    for (const name of signals) process.on(name, onSignal)
  })
)
