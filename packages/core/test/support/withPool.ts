/**
 * The frame of nearly every spec: a pool over a scripted factory, on a virtual clock, and the proof afterwards that
 * nothing leaked: no lease, waiter, permit, list entry, scope, fiber or connection is left, and every caller has been
 * answered exactly once.
 */
import { it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Logger, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { assert } from "vitest"
import type { ConnectionPool, Lease, PoolConfig, PoolEvent } from "../../src/index.ts"
import { PoolError, Route } from "../../src/index.ts"
import { handleOf } from "../../src/internal/handle.ts"
import { makeState } from "../../src/internal/makeState.ts"
import type { PoolState } from "../../src/internal/PoolState.ts"
import { parse } from "../../src/PoolConfig.ts"
import { fibersOf, violations } from "./invariants.ts"
import { type FakeConnection, ScriptedFactory, type ScriptedOptions } from "./ScriptedFactory.ts"

export const a = Route.of("test", "a", 1)
export const b = Route.of("test", "b", 1)
export const c = Route.of("test", "c", 1)

/** One caller outside Effect, and what has become of it. */
export class Caller {
  private readonly results: Array<Lease<FakeConnection> | PoolError> = []
  private hasWithdrawn = false
  withdrawNow: () => void = () => {}

  settle(result: Lease<FakeConnection> | PoolError): void {
    assert.isFalse(this.hasWithdrawn, "a caller that had withdrawn was answered")
    this.results.push(result)
    assert.strictEqual(this.results.length, 1, "a caller was answered twice")
  }

  get isWaiting(): boolean {
    return this.results.length === 0 && !this.hasWithdrawn
  }

  get isFailure(): boolean {
    return this.results[0] instanceof PoolError
  }

  get lease(): Lease<FakeConnection> {
    const result = this.results[0]
    if (result === undefined) throw new Error("the caller still waits")
    if (result instanceof PoolError) throw result
    return result
  }

  get connection(): FakeConnection {
    return this.lease.connection
  }

  get error(): PoolError {
    const result = this.results[0]
    if (!(result instanceof PoolError))
      throw new Error(result === undefined ? "the caller still waits" : "it was served")
    return result
  }

  /** The tag of the error, with its reason or phase: `Refused pending-route-limit`. */
  get failure(): string {
    const { reason } = this.error
    return `${reason._tag} ${reason._tag === "Refused" ? reason.reason : reason.phase}`
  }

  release(): void {
    this.lease.release()
  }

  withdraw(): void {
    this.hasWithdrawn = true
    this.withdrawNow()
  }
}

export interface World {
  readonly pool: ConnectionPool.ConnectionPool<FakeConnection>
  readonly factory: ScriptedFactory
  readonly state: PoolState<FakeConnection>
  /** Asks as a caller outside Effect does: at once if there is an idle connection, through the queue otherwise. */
  readonly ask: (route: Route.Route, options?: ConnectionPool.AcquireOptions) => Caller
  /** Asks, and is sure to be served at once. */
  readonly take: (route: Route.Route, options?: ConnectionPool.AcquireOptions) => Lease<FakeConnection>
  /** Takes and returns: afterwards the route has an idle connection. */
  readonly touch: (route: Route.Route) => FakeConnection
  readonly pass: (millis: number) => Effect.Effect<void>
  readonly idleIds: (route: Route.Route) => ReadonlyArray<number>
  readonly closedBy: (reason: string) => number
  readonly refusedBy: (reason: string) => number
  /** What the pool has contained and logged so far; a spec that causes defects takes them out. */
  readonly takeDefects: () => ReadonlyArray<unknown>
  /** Listens from now on; what was heard is read when the pool's fibers have had their turn. */
  readonly listen: Effect.Effect<Effect.Effect<ReadonlyArray<PoolEvent>>, never, Scope.Scope>
  readonly assertSound: () => void
}

type Body = (world: World) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, unknown> | void

export interface SpecOptions {
  readonly factory?: ScriptedOptions
  /** The pool's own shutdown timeout in virtual time passes at the end, for specs that leave leases behind. */
  readonly leavesLeases?: boolean
}

/** Runs a scenario on a pool and checks what is left of it. */
export const withPool = (config: PoolConfig, body: Body, options: SpecOptions = {}): Effect.Effect<void> =>
  Effect.gen(function* () {
    const defects: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ message }) => {
      defects.push(message)
    })
    const factory = new ScriptedFactory(options.factory)
    const callers: Array<Caller> = []
    const inner = yield* Scope.make()
    const made = yield* makeState(factory, yield* parse(config), {
      backgroundClock: undefined,
      onRouteForgotten: () => {}
    }).pipe(Scope.provide(inner), Effect.provide(Logger.layer([logger])))
    const pool = handleOf(made)
    const { state } = made
    const world = worldOf(pool, factory, state, callers, defects)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const run = body(world)
        if (run !== undefined) yield* Effect.gen(() => run)
      })
    )
    // The pool may have woken this fiber in the middle of its work.
    yield* settled
    world.assertSound()
    assert.deepStrictEqual(world.takeDefects(), [])
    if (options.leavesLeases !== true) assert.strictEqual(state.activeCount, 0, "leases left by the spec")
    yield* close(world, inner)
    for (const caller of callers) assert.isFalse(caller.isWaiting, "a caller was never answered")
  }).pipe(Effect.orDie)

/** A spec of one behaviour, as a scenario on a pool. */
export const spec = (name: string, config: PoolConfig, body: Body, options: SpecOptions = {}): void => {
  it.effect(name, () => withPool(config, body, options))
}

/** Shuts the pool down as its scope does, and looks for what is left. */
const close = ({ factory, pool, state }: World, inner: Scope.Closeable): Effect.Effect<void> =>
  Effect.gen(function* () {
    factory.finishCloses()
    const closing = yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
    if (closing.pollUnsafe() === undefined) yield* TestClock.adjust("31 seconds")
    const exit = yield* Fiber.await(closing)
    assert.isTrue(Exit.isSuccess(exit), Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "")
    assert.deepStrictEqual(violations(state), [])
    assert.deepStrictEqual(
      {
        open: factory.open.size,
        connecting: factory.connectingCount,
        held: state.budget.held,
        active: state.activeCount,
        pending: state.pendingCount,
        dialling: state.diallingPermits.held,
        deadlines: state.urgent.size,
        fibers: fibersOf(state)
      },
      { open: 0, connecting: 0, held: 0, active: 0, pending: 0, dialling: 0, deadlines: 0, fibers: 0 }
    )
    yield* Scope.close(inner, Exit.void)
  })

const worldOf = (
  pool: World["pool"],
  factory: ScriptedFactory,
  state: World["state"],
  callers: Array<Caller>,
  defects: Array<unknown>
): World => {
  const ask: World["ask"] = (route, options) => {
    const caller = new Caller()
    callers.push(caller)
    const idle = pool.leaseIdleUnsafe(route, options?.holder)
    if (idle !== undefined) caller.settle(idle)
    else {
      caller.withdrawNow = pool.leaseUnsafe(route, options, (result) => {
        caller.settle(result)
      })
    }
    return caller
  }
  const take: World["take"] = (route, options) => ask(route, options).lease
  return {
    pool,
    factory,
    state,
    ask,
    take,
    touch: (route) => {
      const lease = take(route)
      lease.release()
      return lease.connection
    },
    pass: (millis) => TestClock.adjust(millis),
    idleIds: (route) => {
      const ids: Array<number> = []
      const record = state.routes.get(route.key)
      for (let entry = record?.idle.oldest; entry !== undefined; entry = entry.routeNewer) ids.push(entry.id)
      return ids
    },
    closedBy: (reason) => countOf(state.counters.closedByReason, reason),
    refusedBy: (reason) => countOf(state.counters.refusedByReason, reason),
    takeDefects: () => defects.splice(0),
    listen: Effect.gen(function* () {
      const heard: Array<PoolEvent> = []
      yield* Effect.forkScoped(
        Stream.runForEach(pool.events, (event) => Effect.sync(() => heard.push(event))),
        { startImmediately: true }
      )
      return Effect.as(settled, heard)
    }),
    assertSound: () => {
      assert.deepStrictEqual(violations(state), [])
    }
  }
}

/** Lets every fiber that can go on go on. */
export const settled: Effect.Effect<void> = Effect.asVoid(Effect.all(Array.from({ length: 20 }, () => Effect.yieldNow)))

const countOf = (counts: ReadonlyMap<string, number>, reason: string): number => counts.get(reason) ?? 0
