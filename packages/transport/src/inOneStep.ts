/**
 * A connect of several steps whose connection is never lost between two of them.
 */
import { Effect, Fiber } from "effect"
import type { TransportError } from "./TransportError.ts"

/**
 * Runs the steps in a fiber of their own and gives what they give in a single step, as `Connector.connect` promises. In one
 * fiber an interruption could come after the last step has opened the connection and before the whole has ended: a fiber
 * may yield at every step. Interrupted, it ends when `close` has; `close` closes what the steps had opened by then, if
 * they had opened anything.
 */
export const inOneStep = <A>(
  steps: Effect.Effect<A, TransportError>,
  close: Effect.Effect<void>
): Effect.Effect<A, TransportError> =>
  Effect.withFiber((parent) =>
    Effect.callback<A, TransportError>((resume) => {
      const fiber = Effect.runForkWith(parent.context)(steps)
      fiber.addObserver(resume)
      return Effect.andThen(Fiber.interrupt(fiber), close)
    })
  )
