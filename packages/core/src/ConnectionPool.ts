/**
 * A pool of connections to any number of routes, over anything that connects.
 *
 * What it promises, whatever callers do and whenever they are interrupted:
 *
 * - an idle connection is leased synchronously; otherwise the caller waits its turn, up to a deadline that nothing moves;
 * - every waiter settles once: with a lease, or with a `PoolError` that says why and what the pool looked like;
 * - limits hold for sockets, not for books: a connection has its permits before it is dialled, and gives them back, once,
 *   when it is closed;
 * - a connection that spoke, ended or failed while idle, or whose user failed, is never leased again.
 */
import { type Clock, type Context, type Duration, Effect, Layer, Scope, type Stream } from "effect"
import type { ConnectionFactory } from "./ConnectionFactory.ts"
import { handleOf } from "./internal/handle.ts"
import type { Lease } from "./internal/Lease.ts"
import { makeState } from "./internal/makeState.ts"
import type { Priority } from "./internal/Waiter.ts"
import { type PoolConfig, type PoolConfigError, parse } from "./PoolConfig.ts"
import type { PoolError } from "./PoolError.ts"
import type { PoolEvent } from "./PoolEvent.ts"
import { type RouteSeries, registerMetrics } from "./PoolMetrics.ts"
import type { PoolStats } from "./PoolStats.ts"
import type { Route } from "./Route.ts"
import type { RouteReport } from "./RouteReport.ts"

/** What can be said of one acquire. */
export interface AcquireOptions {
  /** From the call to the lease. Default: the route's `acquireTimeout`. `"never"`: wait without end. */
  readonly timeout?: Duration.Input | "never"
  /** The class in which to wait; a class is served while every class before it is empty. Default `normal`. */
  readonly priority?: Priority
  /** Names the caller in `explain`, events and leak reports. */
  readonly holder?: string
}

export interface ConnectionPool<in out C> {
  readonly name: string
  /** Leases a slot for as long as the scope lasts. It is returned if the scope ends well, and closed if it does not. */
  readonly acquire: (route: Route, options?: AcquireOptions) => Effect.Effect<Lease<C>, PoolError, Scope.Scope>
  /**
   * Leases a slot for one effect: the cheapest way. The connection is returned when the effect succeeds; when it fails
   * or is interrupted it is closed, unless the factory's `isReusableAfter` says otherwise.
   */
  readonly use: <A, E, R>(
    route: Route,
    body: (connection: C, lease: Lease<C>) => Effect.Effect<A, E, R>,
    options?: AcquireOptions
  ) => Effect.Effect<A, E | PoolError, R>
  /**
   * Leases a slot that the caller has to release. Only its waiting can be interrupted, so that
   * `Effect.acquireUseRelease(pool.lease(route), …)` loses nothing; run bare, an interruption right after it loses the
   * lease.
   */
  readonly lease: (route: Route, options?: AcquireOptions) => Effect.Effect<Lease<C>, PoolError>
  /** Leases an idle connection now, or returns `undefined`. For callers outside Effect. */
  readonly leaseIdleUnsafe: (route: Route, holder?: string) => Lease<C> | undefined
  /**
   * Joins the queue; `settle` gets the lease or the error, once, possibly before this returns. The result withdraws:
   * after it `settle` is not called, and a lease that was on its way stays in the pool.
   */
  readonly leaseUnsafe: (
    route: Route,
    options: AcquireOptions | undefined,
    settle: (result: Lease<C> | PoolError) => void
  ) => () => void
  /** Opens connections until `count` of the route are open, as far as limits allow; returns how many it opened. */
  readonly warm: (route: Route, count: number) => Effect.Effect<number, PoolError>
  /** Closes the route's connections as they fall idle; new calls dial new ones. */
  readonly drainRoute: (route: Route) => Effect.Effect<void>
  readonly drainAll: Effect.Effect<void>
  /** Closes idle connections: of one route, or of all. */
  readonly closeIdle: (route?: Route) => Effect.Effect<void>
  /** Lets callers wait, within their deadlines, until `resume`: for one route, or for all. */
  readonly pause: (route?: Route) => Effect.Effect<void, PoolError>
  readonly resume: (route?: Route) => Effect.Effect<void>
  /**
   * Replaces the configuration. Raised limits wake waiters at once; lowered ones close idle connections at once and
   * leased ones as they come back. A configuration that cannot be used changes nothing.
   */
  readonly configure: (config: PoolConfig) => Effect.Effect<void, PoolConfigError>
  /**
   * Refuses new calls, fails waiters, lets leases end until the timeout (default `shutdownTimeout`), then closes what is
   * left. Done when every connection is closed. The pool's scope does it as well.
   */
  readonly shutdown: (timeout?: Duration.Input) => Effect.Effect<void>
  /** Why a call to this route would wait now, in one sentence. */
  readonly explain: (route: Route) => Effect.Effect<string>
  /** The same as numbers. */
  readonly report: (route: Route) => Effect.Effect<RouteReport, PoolError>
  readonly stats: Effect.Effect<PoolStats>
  /** What happens from now on. A listener slower than the pool loses the oldest events. */
  readonly events: Stream.Stream<PoolEvent>
}

/** What a pool takes from the runtime that it is on. */
export interface MakeOptions {
  /**
   * The clock that upkeep sleeps by, where that has to differ from the ambient one: the runtime layers have one whose
   * timers do not keep the process alive.
   */
  readonly backgroundClock?: Clock.Clock
}

/** Makes a pool that lives as long as the scope. */
export const make = <C>(
  factory: ConnectionFactory<C>,
  config: PoolConfig = {},
  options: MakeOptions = {}
): Effect.Effect<ConnectionPool<C>, PoolConfigError, Scope.Scope> =>
  Effect.gen(function* () {
    const parsed = yield* parse(config)
    // The pool's fibers and connections live in a scope of their own, closed after the shutdown has waited for leases.
    const inner = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
    let metrics: RouteSeries<C> | undefined
    const made = yield* makeState(factory, parsed, {
      backgroundClock: options.backgroundClock,
      onRouteAdded: (route) => metrics?.routeAdded(route),
      onRouteForgotten: (route) => metrics?.routeForgotten(route)
    }).pipe(Scope.provide(inner))
    metrics = yield* registerMetrics(made.state)
    const pool = handleOf(made)
    yield* Effect.addFinalizer(() => pool.shutdown())
    return pool
  })

/** A layer for a pool under a tag of the user's: `class Redis extends Context.Service<Redis, ConnectionPool<Client>>()("Redis") {}`. */
export const layer = <I, C>(
  tag: Context.Key<I, ConnectionPool<C>>,
  factory: ConnectionFactory<C>,
  config: PoolConfig = {},
  options: MakeOptions = {}
): Layer.Layer<I, PoolConfigError> => Layer.effect(tag, make(factory, config, options))
