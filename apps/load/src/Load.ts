/**
 * Runs a load: the callers in plain callbacks, around them one scope that owns their dials, their waits and the sweep
 * for calls that take too long.
 *
 * When the run has ended, failed or been interrupted, every connection it opened is closed.
 */
import { type Connection, Connector, type TransportError } from "@weir/transport"
import { Cause, Clock, Deferred, Effect, Exit, type Fiber, FiberSet, Option } from "effect"
import { Caller, type CallerHost } from "./Caller.ts"
import { LoadError } from "./LoadError.ts"
import type { LoadOptions } from "./LoadOptions.ts"
import { planLoad } from "./LoadPlan.ts"
import type { LoadReport } from "./LoadReport.ts"
import { Measurements } from "./Measurements.ts"

/** Between two looks at calls that take too long, and between two words of progress. */
const sweepMillis = 50

/** Makes the calls and says what was measured. Fails only where there was nothing to measure. */
export const runLoad = (options: LoadOptions): Effect.Effect<LoadReport, LoadError, Connector> =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* Effect.fromResult(planLoad(options))
      const connector = yield* Connector
      if (plan.target.tls !== undefined && !connector.capabilities.tls) {
        const detail = `${plan.url} needs TLS, which the ${connector.runtime} socket layer does not have: give an http:// URL`
        return yield* new LoadError({ reason: "Unsupported", detail })
      }
      const clock = yield* Clock.Clock
      const fork = yield* FiberSet.makeRuntime<never, void, never>()
      const measurements = new Measurements()
      const noticed = new Set<string>()
      const originNanos = clock.monotonicTimeNanosUnsafe()
      const nowNanos = () => Number(clock.monotonicTimeNanosUnsafe() - originNanos)
      let activeCount = plan.pacings.length
      const ended = yield* Deferred.make<LoadReport, LoadError>()
      // The first end counts: a run that failed may still hear of callers that are done.
      const end = (result: Exit.Exit<LoadReport, LoadError>) => Deferred.doneUnsafe(ended, result)

      const host: CallerHost = {
        head: plan.head,
        timeoutNanos: plan.timeoutMillis * 1e6,
        measurements,
        nowNanos,
        dial: makeDial(connector.connect(plan.target), fork, (cause) => end(Exit.failCause(cause))),
        wait: (delayNanos, onTime) => {
          const fiber = fork(Effect.andThen(Effect.sleep(Math.ceil(delayNanos / 1e6)), Effect.sync(onTime)))
          return () => fiber.interruptUnsafe()
        },
        notice: (key, level, message) => {
          if (options.observer?.onNotice === undefined || noticed.has(key)) return
          noticed.add(key)
          options.observer.onNotice({ level, message: message() })
        },
        onUnreachable: (detail, cause) =>
          end(
            Exit.fail(
              new LoadError({ reason: "ConnectFailed", detail: `cannot connect to ${plan.url}: ${detail}`, cause })
            )
          ),
        onInvalidRequest: (cause) =>
          end(
            Exit.fail(
              new LoadError({ reason: "InvalidRequest", detail: `cannot send the request: ${cause.detail}`, cause })
            )
          ),
        onCallerDone: () => {
          activeCount--
          if (activeCount === 0) end(Exit.succeed(measurements.report(plan.url, plan.pacings.length, nowNanos())))
        }
      }
      const callers = plan.pacings.map((pacing) => new Caller(host, pacing))
      const forEachCaller = (act: (caller: Caller) => void) => Effect.sync(() => callers.forEach(act))

      // Closed before the fibers of the set are interrupted: what a caller dials or waits for then means nothing to it.
      yield* Effect.addFinalizer(() => forEachCaller((caller) => caller.close()))
      const sweep = Effect.sync(() => {
        const now = nowNanos()
        for (const caller of callers) caller.giveUpIfOverdue(now)
        options.observer?.onProgress?.({ finishedCount: measurements.finishedCount, elapsedMillis: now / 1e6 })
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(sweepMillis), sweep)))
      if (options.stop !== undefined) {
        yield* Effect.forkScoped(
          Effect.andThen(
            options.stop,
            forEachCaller((caller) => caller.stop())
          )
        )
      }
      for (const caller of callers) caller.advance(0)
      return yield* Deferred.await(ended)
    })
  )

/** The dials of all callers, each in a fiber of its own that dies with the run. */
const makeDial =
  (
    connect: Effect.Effect<Connection, TransportError>,
    fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
    onDefect: (cause: Cause.Cause<never>) => void
  ): CallerHost["dial"] =>
  (onOpen, onFailed) => {
    let isWanted = true
    const settle = (exit: Exit.Exit<Connection, TransportError>): void => {
      if (Exit.isSuccess(exit)) {
        // It may have come through in the moment it was given up.
        if (isWanted) onOpen(exit.value)
        else exit.value.close()
      } else if (isWanted) {
        const error = Cause.findErrorOption(exit.cause)
        if (Option.isSome(error)) onFailed(error.value)
        else onDefect(Cause.die(Cause.squash(exit.cause)))
      }
    }
    const fiber = fork(
      Effect.uninterruptibleMask((restore) =>
        // It yields first: a socket layer that fails at once must not make the callers' loop recursive.
        Effect.map(Effect.exit(restore(Effect.andThen(Effect.yieldNow, connect))), settle)
      )
    )
    return () => {
      isWanted = false
      fiber.interruptUnsafe()
    }
  }
