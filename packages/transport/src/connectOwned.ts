/**
 * A connect whose connection is never lost, whenever the interruption comes.
 */
import { Effect, Exit, Fiber } from "effect"
import type { Connection } from "./Connection.ts"
import type { TransportError } from "./TransportError.ts"

/** What an `uninterruptibleMask` gives. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * For the uninterruptible part of an `uninterruptibleMask`, with its `restore`: the connection it gives is the caller's to
 * close, without a moment in between. The connect runs in a fiber of its own, whose exit tells for certain whether there is
 * a connection, also where the interruption comes just as it opens.
 */
export const connectOwned = (
  connect: Effect.Effect<Connection, TransportError>,
  restore: Restore
): Effect.Effect<Connection, TransportError> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const fiber = Effect.runForkWith(context)(connect)
    return Effect.onExitPrimitive(
      restore(Fiber.join(fiber)),
      (exit) => {
        if (Exit.isSuccess(exit)) return undefined
        return Effect.map(Fiber.interrupt(fiber), () => {
          const opened = fiber.pollUnsafe()
          if (opened !== undefined && Exit.isSuccess(opened)) opened.value.close()
        })
      },
      true
    )
  })
