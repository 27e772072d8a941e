/**
 * Interrupting a caller at every operation of acquiring, dialling, hand-over, use and release: nothing is lost. After
 * each run the route's only connection can be had again, and `withPool` finds nothing leaked.
 */
import { Effect, Fiber } from "effect"
import { assert, describe, it } from "vitest"
import type { ConnectionPool, PoolConfig } from "../src/index.ts"
import type { FakeConnection } from "./support/ScriptedFactory.ts"
import { interruptEverywhere } from "./support/stepping.ts"
import { a, b, type SpecOptions, type World, withPool } from "./support/withPool.ts"

type Pool = ConnectionPool.ConnectionPool<FakeConnection>

const busy = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

/** Every way to have a connection and give it back. */
const callers: Readonly<Record<string, (pool: Pool) => Effect.Effect<unknown, unknown>>> = {
  use: (pool) => pool.use(a, () => busy),
  "use that fails": (pool) => pool.use(a, () => Effect.andThen(busy, Effect.fail("mine"))),
  acquire: (pool) => Effect.scoped(Effect.andThen(pool.acquire(a), busy)),
  "lease in a bracket": (pool) =>
    Effect.acquireUseRelease(
      pool.lease(a),
      () => busy,
      (lease) => Effect.sync(() => lease.release())
    ),
  "two uses": (pool) =>
    Effect.andThen(
      pool.use(a, () => busy),
      () => pool.use(a, () => busy)
    )
}

interface Scenario {
  readonly config: PoolConfig
  readonly options?: SpecOptions
  /** Prepares the pool, before the caller begins; the result is what happens besides, while it runs. */
  readonly prepare: (world: World) => () => Generator<Effect.Effect<unknown>, void>
}

const one = { connectionsPerRouteMax: 1 } as const
const manual = { factory: { dials: "manual" } } as const

/** Answers every dial under way, now and from now on. */
const answerDials = ({ factory }: World, isGood: boolean): void => {
  factory.isAutomatic = true
  for (const dial of factory.dials) {
    if (dial.isEnded) continue
    if (isGood) dial.succeed()
    else dial.fail("no")
  }
}

const scenarios: Readonly<Record<string, Scenario>> = {
  "with an idle connection": {
    config: one,
    prepare: ({ touch }) => {
      touch(a)
      return function* () {
        yield* busy
      }
    }
  },
  "while a dial for it succeeds": {
    config: one,
    options: manual,
    prepare: (world) =>
      function* () {
        yield* busy
        answerDials(world, true)
      }
  },
  "while a dial for it fails": {
    config: { ...one, surplusDial: "cancel" },
    options: manual,
    prepare: (world) =>
      function* () {
        yield* busy
        answerDials(world, false)
      }
  },
  "while it waits behind one caller and before another": {
    config: one,
    prepare: ({ ask, take }) => {
      const held = take(a)
      const second = ask(a)
      return function* () {
        yield* busy
        const last = ask(a)
        held.release()
        second.release()
        while (last.isWaiting) yield* busy
        last.release()
      }
    }
  },
  "while an idle connection is probed for it": {
    config: { ...one, validateAfterInactivity: 0 },
    options: { factory: { probes: "automatic" } },
    prepare: ({ touch }) => {
      touch(a)
      return function* () {
        yield* busy
      }
    }
  },
  "while the probe for it fails": {
    config: { ...one, validateAfterInactivity: 0 },
    options: { factory: { probes: "manual" } },
    prepare: ({ factory, touch }) => {
      touch(a)
      return function* () {
        yield* busy
        factory.probe = undefined
        for (const probe of factory.probes) probe.fail("stale")
      }
    }
  },
  "while another route's connection closes for it": {
    config: { ...one, connectionsMax: 1 },
    options: { factory: { closes: "manual" } },
    prepare: ({ factory, touch }) => {
      touch(b)
      return function* () {
        yield* busy
        factory.finishCloses()
      }
    }
  },
  "while it shares a connection that is drained": {
    config: { ...one, slotsPerConnectionMax: 2 },
    prepare: ({ take }) => {
      const fellow = take(a)
      return function* () {
        yield* busy
        fellow.connection.control.drain()
        fellow.release()
      }
    }
  },
  "while its connection is lost": {
    config: one,
    prepare: ({ touch }) => {
      const connection = touch(a)
      return function* () {
        yield* busy
        connection.end()
      }
    }
  }
}

const run = (caller: (pool: Pool) => Effect.Effect<unknown, unknown>, scenario: Scenario, operationsPerTurn: number) =>
  interruptEverywhere(operationsPerTurn, (stepper) =>
    withPool(
      scenario.config,
      function* (world) {
        const meanwhile = scenario.prepare(world)
        const victim = yield* Effect.forkChild(caller(world.pool))
        stepper.aimAt(victim)
        yield* meanwhile()
        yield* Fiber.await(victim)
        assert.strictEqual(world.state.activeCount, 0)
        assert.strictEqual(world.state.pendingCount, 0)
        // What the caller had can be had again.
        yield* world.pool.use(a, () => Effect.void)
        yield* world.pool.use(b, () => Effect.void)
      },
      scenario.options
    )
  )

describe("a caller interrupted at any operation", () => {
  for (const [situation, scenario] of Object.entries(scenarios)) {
    for (const [name, caller] of Object.entries(callers)) {
      // Go net/http: ContextLeakMaxConnsPerHost.
      // hyper-util: dropped_ready_slot_returns_idle_service.
      // reactor-pool, reactor-netty: allocatedReleasedOrAbortedIfCancelRequestRace.
      // Effect's Pool, RcMap, semaphores: interrupts pending gets without leaking usage.
      it(`by \`${name}\`, ${situation}, loses nothing`, async () => {
        const counts = [await run(caller, scenario, 2048), await run(caller, scenario, 3)]
        // Otherwise nothing was tried.
        assert.isTrue(
          counts.every((count) => count > 10),
          String(counts)
        )
      }, 180_000)
    }
  }
})
