/**
 * The pool as its users see it: effects around the synchronous core.
 */
import { Context, Duration, Effect, Exit, type Fiber, Stream, Tracer } from "effect"
import type { AcquireOptions, ConnectionPool } from "../ConnectionPool.ts"
import { parse } from "../PoolConfig.ts"
import { PoolError } from "../PoolError.ts"
import type { Route } from "../Route.ts"
import { sentence } from "../RouteReport.ts"
import { type JoinOptions, join, leaseIdle } from "./acquiring.ts"
import { reconfigure } from "./configuring.ts"
import { isReusableAfter } from "./factoryHooks.ts"
import type { Lease } from "./Lease.ts"
import type { MadeState } from "./makeState.ts"
import { closeIdle, drain, pause, pauseAll, resume, warm } from "./operating.ts"
import { reportOf, statsOf } from "./report.ts"
import { shutdown } from "./shuttingDown.ts"
import { abandon } from "./upkeep.ts"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const handleOf = <C>({ listen, state }: MadeState<C>): ConnectionPool<C> => {
  const leaseUnsafe: ConnectionPool<C>["leaseUnsafe"] = (route, options, settle) => {
    const waiter = join(state, route, joinOptions(options), settle)
    if (waiter instanceof PoolError) {
      settle(waiter)
      return () => {}
    }
    return () => {
      abandon(state, waiter)
    }
  }

  /** The slow way. A lease delivered to a fiber that is being interrupted goes back before the fiber ends. */
  const wait = (
    restore: Restore,
    route: Route,
    options: AcquireOptions | undefined
  ): Effect.Effect<Lease<C>, PoolError> => {
    let delivered: Lease<C> | undefined
    const waiting = Effect.callback<Lease<C>, PoolError>((resume) => {
      const withdraw = leaseUnsafe(route, options, (result) => {
        if (result instanceof PoolError) {
          resume(Effect.fail(result))
        } else {
          delivered = result
          resume(Effect.succeed(result))
        }
      })
      return Effect.sync(withdraw)
    })
    return Effect.onExitPrimitive(
      restore(waiting),
      (exit) => {
        if (Exit.isFailure(exit)) delivered?.release()
        return undefined
      },
      true
    )
  }

  /** How a lease ends with what its user did. */
  const finish = (lease: Lease<C>, exit: Exit.Exit<unknown, unknown>): void => {
    if (isReusableAfter(state, lease.connection, exit)) lease.release()
    else lease.discard(Exit.hasInterrupts(exit) ? "use-interrupted" : "use-failed")
  }

  const lease: ConnectionPool<C>["lease"] = (route, options) =>
    named(options, (named) =>
      Effect.uninterruptibleMask((restore) => {
        const idle = leaseIdle(state, route, named?.holder)
        return idle === undefined ? wait(restore, route, named) : Effect.succeed(idle)
      })
    )

  const acquire: ConnectionPool<C>["acquire"] = (route, options) =>
    named(options, (named) =>
      Effect.uninterruptibleMask((restore) => {
        const idle = leaseIdle(state, route, named?.holder)
        return Effect.tap(idle === undefined ? wait(restore, route, named) : Effect.succeed(idle), (lease) =>
          Effect.addFinalizer((exit) =>
            Effect.sync(() => {
              finish(lease, exit)
            })
          )
        )
      })
    )

  const use: ConnectionPool<C>["use"] = (route, body, options) =>
    named(options, (named) =>
      Effect.uninterruptibleMask((restore) => {
        const bracket = (lease: Lease<C>) =>
          Effect.onExitPrimitive(
            // `body` is the user's code and may throw before it returns an effect.
            Effect.suspend(() => restore(body(lease.connection, lease))),
            (exit) => {
              finish(lease, exit)
              return undefined
            },
            true
          )
        const idle = leaseIdle(state, route, named?.holder)
        return idle === undefined ? Effect.flatMap(wait(restore, route, named), bracket) : bracket(idle)
      })
    )

  /** While leaks are looked for, a caller that gave no name goes by the span it is in. */
  const named = <A, E, R>(
    options: AcquireOptions | undefined,
    body: (options: AcquireOptions | undefined) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> => {
    if (state.leakMillis === Number.POSITIVE_INFINITY || options?.holder !== undefined) return body(options)
    return Effect.withFiber((fiber) => {
      const holder = spanName(fiber)
      return body(holder === undefined ? options : { ...options, holder })
    })
  }

  return {
    name: state.settings.name,
    acquire,
    use,
    lease,
    leaseIdleUnsafe: (route, holder) => leaseIdle(state, route, holder),
    leaseUnsafe,
    warm: (route, count) => warm(state, route, count),
    drainRoute: (route) => Effect.sync(() => drain(state, route)),
    drainAll: Effect.sync(() => drain(state, undefined)),
    closeIdle: (route) => Effect.sync(() => closeIdle(state, route)),
    pause: (route) => (route === undefined ? Effect.sync(() => pauseAll(state)) : pause(state, route)),
    resume: (route) => Effect.sync(() => resume(state, route)),
    configure: (config) => Effect.map(parse(config), (parsed) => reconfigure(state, parsed)),
    shutdown: (timeout) => shutdown(state, timeout === undefined ? undefined : millisOf(timeout)),
    explain: (route) => Effect.sync(() => `${route.label}: ${sentence(reportOf(state, route))}`),
    report: (route) => Effect.sync(() => reportOf(state, route)),
    stats: Effect.sync(() => statsOf(state)),
    events: Stream.unwrap(Effect.map(listen, Stream.fromQueue))
  }
}

const millisOf = (duration: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

const joinOptions = (options: AcquireOptions | undefined): JoinOptions => ({
  timeoutMillis:
    options?.timeout === undefined
      ? undefined
      : options.timeout === "never"
        ? Number.POSITIVE_INFINITY
        : millisOf(options.timeout),
  priority: options?.priority ?? "normal",
  holder: options?.holder
})

const spanName = (fiber: Fiber.Fiber<unknown, unknown>): string | undefined => {
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  return span?._tag === "Span" ? span.name : undefined
}
