/**
 * A new pool's state, wired to its clocks, its fibers and its event hub.
 */
import { Clock, Context, Effect, Fiber, PubSub, Random, Scope } from "effect"
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
import { ringUpkeep, ringUrgent } from "./upkeep.ts"

/** A slow listener loses the oldest events beyond this many; the pool never waits for it. */
const eventsKeptMax = 4096

export interface MadeState<C> {
  readonly state: PoolState<C>
  readonly events: PubSub.PubSub<PoolEvent>
  /** Somebody has begun or ceased to listen. */
  readonly countListener: (change: 1 | -1) => void
}

export const makeState = <C>(
  factory: ConnectionFactory<C>,
  config: ParsedPoolConfig,
  options: {
    readonly backgroundClock: Clock.Clock | undefined
    readonly onRouteForgotten: PoolState<C>["onRouteForgotten"]
  }
): Effect.Effect<MadeState<C>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Scope.Scope>()
    const scope = Context.get(context, Scope.Scope)
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const settings = resolvePool(config)
    const budget = yield* (yield* ConnectionBudget).make(settings.name, toCount(settings.connectionsMax))
    const events = yield* PubSub.sliding<PoolEvent>(eventsKeptMax)
    const runFork = Effect.runForkWith(context)
    let listenerCount = 0

    const fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => Fiber.runIn(runFork(effect), scope)
    const onDefect = (defect: unknown): void => {
      runFork(Effect.logError("weir: a defect in or under the connection pool was contained", defect))
    }
    const wallMillis = () => clock.currentTimeMillisUnsafe()
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
      pendingCount: 0,
      activeCount: 0,
      nextConnectionId: 1,
      nextSequence: 1,
      counters: new Counters(),
      histograms: new Histograms(),
      dirty: new Set(),
      starving: new Set(),
      diallingBlocked: new Set(),
      activeBlocked: new Set(),
      isPumping: false,
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
      pump: () => {
        pump(state)
      },
      hasListeners: () => listenerCount > 0,
      emit: (event) => {
        PubSub.publishUnsafe(events, event)
      },
      onDefect,
      onRouteForgotten: options.onRouteForgotten,
      onEmpty: undefined
    }
    budget.onAvailable(() => {
      pump(state)
    })
    return {
      state,
      events,
      countListener: (change) => {
        listenerCount += change
      }
    }
  })
