/**
 * Spans of what takes time: `weir.acquire` for a caller that waits, `weir.connect` for a dial.
 *
 * Tracing is on where a fiber has a tracer (any but Effect's native one, whose spans nobody sees) and
 * `References.TracerEnabled` is not false. Where it is off no span is made and none is asked for, and a caller served at
 * once pays nothing either way: there is nothing to see in it. No stack is ever captured.
 *
 * A caller's span is a child of the caller's own. A dial outlives the caller that caused it and may serve another, so
 * it is a trace of its own, linked to the span of that caller; one that nobody waits for belongs to the span that the
 * pool was made in.
 */
import { Effect, type Fiber, Tracer } from "effect"
import type { PoolError } from "../PoolError.ts"
import type { Route } from "../Route.ts"
import type { Entry } from "./Entry.ts"
import type { Lease } from "./Lease.ts"
import type { PoolState } from "./PoolState.ts"
import type { RoutePool } from "./RoutePool.ts"
import type { Waiter } from "./Waiter.ts"

/** The span of a caller that waits, and what makes spans for it. */
export interface Trace {
  readonly span: Tracer.Span
  readonly tracer: Tracer.Tracer
}

/** The tracer of a fiber for which tracing is on. */
export const tracerOf = ({ cache }: Fiber.Fiber<unknown, unknown>): Tracer.Tracer | undefined =>
  cache.tracerEnabled && cache.tracer !== Tracer.nativeTracer ? cache.tracer : undefined

/** Waits under a span that says for which route, how long, and whether the connection had been used before. */
export const traceWait = <C>(
  state: PoolState<C>,
  fiber: Fiber.Fiber<unknown, unknown>,
  route: Route,
  wait: (trace: Trace | undefined) => Effect.Effect<Lease<C>, PoolError>
): Effect.Effect<Lease<C>, PoolError> => {
  const tracer = tracerOf(fiber)
  if (tracer === undefined) return wait(undefined)
  return Effect.useSpan("weir.acquire", { attributes: { route: route.label } }, (span) => {
    const begunAtMillis = state.monotonicMillis()
    return Effect.onExitPrimitive(wait({ span, tracer }), (exit) => {
      span.attribute("waitedMillis", state.monotonicMillis() - begunAtMillis)
      if (exit._tag === "Success") span.attribute("reused", exit.value.isReused)
      return undefined
    })
  })
}

/** The waiter that a dial is begun for: the one that is just joining, or later the first in line. */
const causeOf = <C>(route: RoutePool<C>): Waiter<C> | undefined => route.joining ?? route.pending.peek()

/** Dials under a span whose events are the phases of the connect. */
export const traceDial = <C, E>(
  state: PoolState<C>,
  entry: Entry<C>,
  dialling: Effect.Effect<C, E>
): Effect.Effect<C, E> => {
  const cause = entry.isSpare ? undefined : causeOf(entry.route)?.trace
  const tracer = cause?.tracer ?? state.tracer
  if (tracer === undefined) return dialling
  const options: Tracer.SpanOptionsNoTrace = {
    kind: "client",
    attributes: { route: entry.route.route.label, connectionId: entry.id },
    ...(cause === undefined ? {} : { root: true, links: [{ span: cause.span, attributes: {} }] })
  }
  return Effect.useSpan("weir.connect", options, (span) => {
    state.dialSpans.set(entry, span)
    return Effect.withParentSpan(dialling, span, { captureStackTrace: false })
  }).pipe(Effect.withTracer(tracer), Effect.withTracerEnabled(true))
}

/** The connect has come to a phase. */
export const tracePhase = <C>(state: PoolState<C>, entry: Entry<C>, phase: string): void => {
  state.dialSpans.get(entry)?.event(phase, state.clock.currentTimeNanosUnsafe())
}
