/**
 * Random operations on a pool beside a plain model of what callers may expect of it.
 *
 * The model knows who asked when, until when, for which route, and who holds what; of the connections it knows what the
 * factory counted. From that it says what must not be after any step: a limit exceeded, a caller passed over, one that
 * waits while it could be served or dialled for, one that outlives its deadline or is failed before it, a refusal
 * without a full queue. That each caller is answered once, and that the books close in the end, `withPool` sees to.
 */
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { PoolConfig, Route } from "../src/index.ts"
import type { FakeConnection } from "./support/ScriptedFactory.ts"
import { a, b, type Caller, c, settled, type World, withPool } from "./support/withPool.ts"

const routes = [a, b, c]

interface Setup {
  readonly total: number
  readonly perRoute: number
  readonly pending: number
  readonly slots: number
  readonly active: number
  readonly dialling: number
  readonly leaseOrder: "lifo" | "fifo"
  readonly surplusDial: "keep" | "cancel"
  readonly dials: "automatic" | "manual"
  readonly closes: "automatic" | "manual"
}

const setups: fc.Arbitrary<Setup> = fc.record({
  total: fc.integer({ min: 1, max: 5 }),
  perRoute: fc.integer({ min: 1, max: 3 }),
  pending: fc.integer({ min: 0, max: 6 }),
  slots: fc.constantFrom(1, 1, 1, 3),
  active: fc.constantFrom(100, 100, 1, 2, 3),
  dialling: fc.constantFrom(100, 100, 1, 2),
  leaseOrder: fc.constantFrom("lifo", "fifo"),
  surplusDial: fc.constantFrom("keep", "cancel"),
  dials: fc.constantFrom("automatic", "manual", "manual"),
  closes: fc.constantFrom("automatic", "manual")
})

/** `at` picks one of whatever there is to do it to. */
type Step =
  | { readonly do: "ask"; readonly route: number; readonly timeoutMillis: number }
  | {
      readonly do:
        | "release"
        | "discard"
        | "withdraw"
        | "dial succeeds"
        | "dial fails"
        | "close ends"
        | "peer leaves"
        | "pass"
      readonly at: number
    }

const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("ask" as const),
        route: fc.nat(routes.length - 1),
        timeoutMillis: fc.integer({ min: 1, max: 200 })
      })
    },
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constantFrom(
          "release",
          "release",
          "release",
          "discard",
          "withdraw",
          "dial succeeds",
          "dial succeeds",
          "dial fails",
          "close ends",
          "peer leaves",
          "pass"
        ),
        at: fc.nat(100)
      })
    }
  ),
  { minLength: 1, maxLength: 80 }
)

interface Asked {
  readonly number: number
  readonly route: Route.Route
  readonly caller: Caller
  readonly deadlineMillis: number
  hasWithdrawn: boolean
  hasReturned: boolean
}

class Model {
  readonly asked: Array<Asked> = []
  nowMillis = 0
  private readonly setup: Setup
  private readonly world: World

  constructor(setup: Setup, world: World) {
    this.setup = setup
    this.world = world
  }

  ask(route: Route.Route, timeoutMillis: number): void {
    const waitingBefore = this.waiting(route).length
    const caller = this.world.ask(route, { timeout: timeoutMillis })
    this.asked.push({
      number: this.asked.length,
      route,
      caller,
      deadlineMillis: this.nowMillis + timeoutMillis,
      hasWithdrawn: false,
      hasReturned: false
    })
    if (!caller.isWaiting && isFailed(caller) && caller.failure === "Refused pending-route-limit") {
      assert.isAtLeast(waitingBefore, this.setup.pending, "refused though the queue had room")
    }
  }

  waiting(route?: Route.Route): ReadonlyArray<Asked> {
    return this.asked.filter((one) => one.caller.isWaiting && (route === undefined || one.route === route))
  }

  holding(): ReadonlyArray<Asked> {
    return this.asked.filter(
      (one) => !one.caller.isWaiting && !one.hasWithdrawn && !one.hasReturned && !isFailed(one.caller)
    )
  }

  /** What must hold whenever the pool is at rest. */
  check(): void {
    const { factory, state } = this.world
    const openCount = factory.open.size + factory.connectingCount
    assert.isAtMost(openCount, this.setup.total, "the total")
    assert.strictEqual(state.openCount, openCount, "permits for what is open, and for nothing else")
    const leasesByConnection = new Map<FakeConnection, number>()
    for (const { caller } of this.holding()) {
      leasesByConnection.set(caller.connection, (leasesByConnection.get(caller.connection) ?? 0) + 1)
    }
    assert.isAtMost(this.holding().length, this.setup.active, "active leases")
    assert.isAtMost(factory.connectingCount, this.setup.dialling, "dials at once")
    for (const count of leasesByConnection.values()) assert.isAtMost(count, this.setup.slots, "leases of a connection")
    for (const route of routes) this.checkRoute(route, leasesByConnection, openCount)
    for (const one of this.asked) this.checkCaller(one)
    this.world.assertSound()
  }

  private checkRoute(
    route: Route.Route,
    leasesByConnection: ReadonlyMap<FakeConnection, number>,
    openCount: number
  ): void {
    const { factory } = this.world
    const openOfRoute = factory.countOf(route)
    assert.isAtMost(openOfRoute, this.setup.perRoute, `connections of ${route.label}`)
    const waiting = this.waiting(route)
    const [first] = waiting
    if (first === undefined) return
    // FIFO without barging: nobody who asked after the first who waits has been served.
    const servedLater = this.asked.find(
      (one) => one.route === route && one.number > first.number && !one.caller.isWaiting && !isFailed(one.caller)
    )
    assert.isUndefined(servedLater?.hasWithdrawn === false ? servedLater.number : undefined, "served before its turn")
    const room = this.setup.active - this.holding().length
    if (room === 0) return
    const closing = new Set(factory.closes.filter((close) => !close.isEnded).map((close) => close.connection))
    for (const connection of factory.open) {
      if (connection.route !== route || !connection.isOpen || closing.has(connection)) continue
      const count = leasesByConnection.get(connection) ?? 0
      assert.isAbove(count, 0, `connection ${connection.id} is idle while a caller waits for it`)
    }
    const dialling = factory.dials.filter((dial) => !dial.isEnded && dial.route === route).length
    const wanted = Math.min(waiting.length, room)
    if (dialling * this.setup.slots >= wanted || openOfRoute >= this.setup.perRoute) return
    if (factory.connectingCount >= this.setup.dialling) return
    assert.isAtLeast(openCount, this.setup.total, `${route.label} could dial for a caller that waits`)
  }

  private checkCaller({ caller, deadlineMillis, hasWithdrawn }: Asked): void {
    if (caller.isWaiting && !hasWithdrawn) assert.isBelow(this.nowMillis, deadlineMillis, "waits beyond its deadline")
    if (!isFailed(caller)) return
    const { reason } = caller.error
    if (reason._tag !== "AcquireTimeout") return
    assert.strictEqual(reason.waitedMillis, reason.timeoutMillis, "failed at another time than its deadline")
    assert.isAtLeast(this.nowMillis, deadlineMillis, "failed before its deadline")
  }
}

const isFailed = (caller: Caller): boolean => !caller.isWaiting && caller.isFailure

const pick = <A>(list: ReadonlyArray<A>, at: number): A | undefined => list[at % Math.max(1, list.length)]

const perform = function* (model: Model, { factory, pass }: World, step: Step) {
  switch (step.do) {
    case "ask": {
      const route = routes[step.route]
      if (route !== undefined) model.ask(route, step.timeoutMillis)
      return
    }
    case "release":
    case "discard": {
      const one = pick(model.holding(), step.at)
      if (one === undefined) return
      one.hasReturned = true
      if (step.do === "release") one.caller.release()
      else one.caller.lease.discard()
      return
    }
    case "withdraw": {
      const one = pick(model.waiting(), step.at)
      if (one === undefined) return
      one.hasWithdrawn = true
      one.caller.withdraw()
      return
    }
    case "dial succeeds":
      pick(
        factory.dials.filter((dial) => !dial.isEnded),
        step.at
      )?.succeed()
      return
    case "dial fails":
      pick(
        factory.dials.filter((dial) => !dial.isEnded),
        step.at
      )?.fail("no")
      return
    case "close ends":
      pick(
        factory.closes.filter((close) => !close.isEnded),
        step.at
      )?.succeed()
      return
    case "peer leaves":
      pick(
        Array.from(factory.open).filter((connection) => connection.isOpen),
        step.at
      )?.end()
      return
    case "pass":
      // Time moves before the pool acts on it: what it does at a deadline is judged by the new time.
      model.nowMillis += step.at
      yield* pass(step.at)
  }
}

const configOf = (setup: Setup): PoolConfig => ({
  connectionsMax: setup.total,
  connectionsPerRouteMax: setup.perRoute,
  pendingPerRouteMax: setup.pending,
  slotsPerConnectionMax: setup.slots,
  activeMax: setup.active,
  diallingMax: setup.dialling,
  leaseOrder: setup.leaseOrder,
  surplusDial: setup.surplusDial,
  // Nothing but the steps decides when connections end and dials begin.
  idleTimeout: "never",
  closeTimeout: "1 day",
  connectTimeout: "never",
  dialBackoffMax: 0,
  isIdleLearned: false
})

const run = (setup: Setup, todo: ReadonlyArray<Step>): Promise<void> =>
  withPool(
    configOf(setup),
    function* (world) {
      const model = new Model(setup, world)
      for (const step of todo) {
        yield* perform(model, world, step)
        yield* settled
        model.check()
      }
      // Everybody leaves: what is left in the end, `withPool` looks for.
      for (const one of model.waiting()) {
        one.hasWithdrawn = true
        one.caller.withdraw()
      }
      for (const one of model.holding()) {
        one.hasReturned = true
        one.caller.release()
      }
      yield* settled
      model.check()
    },
    { factory: { dials: setup.dials, closes: setup.closes } }
  ).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)

describe("whatever callers, peers and time do", () => {
  // Apache HttpClient: LeaseTimeoutDoesNotLeakLeasedEntries.
  // Apache HttpClient: fuzzSingleThreaded.
  // Ribbon, Zuul, Feign, Spring Cloud Gateway: MultiThreadedClient.
  // HikariCP: testMaximumPoolLimit.
  // HikariCP: saturatedPoolTest.
  it("the pool does what the model says it must", async () => {
    await fc.assert(fc.asyncProperty(setups, steps, run), { numRuns: 200 })
  }, 120_000)
})
