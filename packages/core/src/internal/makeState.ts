/**
 * A new pool's state, wired to its clocks, its fibers and its listeners.
 */
import { type Cause, Clock, Context, Effect, Fiber, Queue, Random, Scope } from "effect"
import { ConnectionBudget } from "../ConnectionBudget.ts"
import type { ConnectionFactory } from "../ConnectionFactory.ts"
import { toCount } from "../Limit.ts"
import type { ParsedPoolConfig } from "../PoolConfig.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import { resolvePool, toMillis } from "../Settings.ts"
import { Alarm } from "./Alarm.ts"
import { Counters, Histograms } from "./Counters.ts"
import { exactGuarantees } from "./guarantees.ts"
import { IdleList } from "./IdleList.ts"
import { type HeldLease, LeaseList, type LeaseOwner } from "./Lease.ts"
import { leakTimes } from "./leakTimes.ts"
import { endLease } from "./leasing.ts"
import { Permits } from "./Permits.ts"
import type { PoolState } from "./PoolState.ts"
import { pump } from "./pumping.ts"
import { TimeHeap } from "./TimeHeap.ts"
import { tracerOf } from "./tracing.ts"
import { ringUpkeep, ringUrgent } from "./upkeep.ts"

/** A slow listener loses the oldest events beyond this many; the pool never waits for it. */
const eventsKeptMax = 4096

export interface MadeState<C> {
  readonly state: PoolState<C>
  /** Hears what happens from now on, until the scope ends or the pool has shut down. */
  readonly listen: Effect.Effect<Queue.Dequeue<PoolEvent, Cause.Done>, never, Scope.Scope>
}

export const makeState = <C>(
  factory: ConnectionFactory<C>,
  config: ParsedPoolConfig,
  options: {
    readonly backgroundClock: Clock.Clock | undefined
    readonly onRouteAdded?: PoolState<C>["onRouteAdded"]
    readonly onRouteForgotten: PoolState<C>["onRouteForgotten"]
  }
): Effect.Effect<MadeState<C>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Scope.Scope>()
    const scope = Context.get(context, Scope.Scope)
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const tracer = yield* Effect.withFiber((fiber) => Effect.succeed(tracerOf(fiber)))
    const settings = resolvePool(config)
    const budget = yield* (yield* ConnectionBudget).make(settings.name, toCount(settings.connectionsMax))
    const listeners = new Set<Queue.Queue<PoolEvent, Cause.Done>>()
    const runFork = Effect.runForkWith(context)

    const fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => Fiber.runIn(runFork(effect), scope)
    const onDefect = (defect: unknown): void => {
      runFork(Effect.logError("weir: a defect in or under the connection pool was contained", defect))
    }
    const madeAtMillis = clock.currentTimeMillisUnsafe()
    const wallMillis = forwardOnly(() => clock.currentTimeMillisUnsafe() - madeAtMillis)
    const monotonicMillis = () => Math.floor(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
    const leaseOwner: LeaseOwner<C> = {
      endLease: (lease: HeldLease<C>, reason) => {
        endLease(state, lease, reason)
      }
    }
    const state: PoolState<C> = {
      config,
      settings,
      factory,
      budget,
      diallingPermits: new Permits(toCount(settings.diallingMax)),
      scope,
      phase: "open",
      isPaused: false,
      routes: new Map(),
      idle: new IdleList<C>("pool"),
      emptyRoutes: new Set(),
      leases: new LeaseList<C>(),
      reportedLeases: new LeaseList<C>(),
      ...leakTimes(settings),
      routeIdleMillis: toMillis(settings.routeIdleTimeout),
      leaseOwner,
      openCount: 0,
      returningCount: 0,
      pendingCount: 0,
      uncoveredCount: 0,
      activeCount: 0,
      nextConnectionId: 1,
      nextSequence: 1,
      counters: new Counters(),
      histograms: new Histograms(),
      dirty: new Set(),
      starving: new Set(),
      diallingBlocked: new Set(),
      activeBlocked: new Set(),
      roomBlocked: new Set(),
      roomSeenCount: 0,
      minimumBlocked: new Set(),
      isPumping: false,
      releasedAtMillis: undefined,
      dialSpans: new Map(),
      tracer,
      guarantees: exactGuarantees(config),
      urgent: new TimeHeap(),
      urgentAlarm: new Alarm({
        fork,
        clock,
        nowMillis: monotonicMillis,
        ring: (nowMillis) => ringUrgent(state, nowMillis),
        onDefect
      }),
      upkeep: new TimeHeap(),
      upkeepAlarm: new Alarm({
        fork,
        clock: options.backgroundClock ?? clock,
        nowMillis: wallMillis,
        ring: (nowMillis) => ringUpkeep(state, nowMillis),
        onDefect
      }),
      clock,
      wallMillis,
      monotonicMillis,
      random: () => random.nextDoubleUnsafe(),
      fork,
      forkDetached: (effect) => runFork(effect),
      pump: (releasedAtMillis) => {
        pump(state, releasedAtMillis)
      },
      hasListeners: () => listeners.size > 0,
      // A queue wakes its taker on a turn of its own: a listener never runs in the middle of the pool's work.
      emit: (event) => {
        const dated = { ...event, atMillis: madeAtMillis + event.atMillis }
        for (const queue of listeners) {
          Queue.offerUnsafe(queue, dated)
          if (event._tag === "ShutDown") Queue.endUnsafe(queue)
        }
      },
      onDefect,
      onRouteAdded: options.onRouteAdded,
      onRouteForgotten: options.onRouteForgotten,
      onEmpty: undefined
    }
    budget.onAvailable(() => {
      pump(state)
    })
    const listen = Effect.acquireRelease(
      Effect.map(Queue.sliding<PoolEvent, Cause.Done>(eventsKeptMax), (queue) => {
        if (state.phase === "closed") Queue.endUnsafe(queue)
        else listeners.add(queue)
        return queue
      }),
      (queue) => Effect.sync(() => listeners.delete(queue))
    )
    return { state, listen }
  })

/**
 * The same clock, except that it stands still where the other is set back: no age is negative, and nothing lives longer
 * than its time because somebody corrected the clock. Set forward, it follows: a machine may have slept.
 */
const forwardOnly = (readMillis: () => number): (() => number) => {
  let lastMillis = Number.NEGATIVE_INFINITY
  let setBackMillis = 0
  return () => {
    const nowMillis = readMillis()
    if (nowMillis < lastMillis) setBackMillis += lastMillis - nowMillis
    lastMillis = nowMillis
    return nowMillis + setBackMillis
  }
}
