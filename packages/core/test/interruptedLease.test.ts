/**
 * A caller interrupted at each of its operations, one run for each: whichever way it takes a lease, and wherever the
 * interruption falls, the lease ends with it.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Scheduler, type Scope } from "effect"
import type { ConnectionPool } from "../src/index.ts"
import type { FakeConnection } from "./support/ScriptedFactory.ts"
import { a, settled, spec } from "./support/withPool.ts"

type Pool = ConnectionPool.ConnectionPool<FakeConnection>

const work = Effect.andThen(Effect.yieldNow, Effect.void)

const ways: ReadonlyArray<readonly [name: string, take: (pool: Pool) => Effect.Effect<void, unknown, Scope.Scope>]> = [
  ["use", (pool) => pool.use(a, () => work)],
  ["a scope's only lease", (pool) => Effect.scoped(Effect.andThen(pool.acquire(a), work))],
  [
    "a scope's second finalizer",
    (pool) =>
      Effect.scoped(Effect.addFinalizer(() => Effect.void).pipe(Effect.andThen(pool.acquire(a)), Effect.andThen(work)))
  ],
  [
    "a bracket around a bare lease",
    (pool) =>
      Effect.acquireUseRelease(
        pool.lease(a),
        () => work,
        (lease) => Effect.sync(() => lease.release())
      )
  ]
]

/** Interrupts the fiber that runs on it at its nth operation: at once, or while it has yielded there. */
class InterruptingScheduler extends Scheduler.MixedScheduler {
  private readonly atOperation: number
  private readonly isYielding: boolean
  private operationCount = 0

  constructor(atOperation: number, isYielding: boolean) {
    super()
    this.atOperation = atOperation
    this.isYielding = isYielding
  }

  get hasInterrupted(): boolean {
    return this.operationCount >= this.atOperation
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (++this.operationCount !== this.atOperation) return super.shouldYield(fiber)
    if (!this.isYielding) fiber.interruptUnsafe()
    else queueMicrotask(() => fiber.interruptUnsafe())
    return this.isYielding
  }
}

describe("a caller interrupted at any operation leaves nothing behind", () => {
  for (const [way, take] of ways) {
    for (const isYielding of [false, true]) {
      const when = isYielding ? "while it has yielded" : "while it runs"

      spec(`with an idle connection, by ${way}, ${when}`, {}, function* ({ factory, pool, state, touch }) {
        for (let atOperation = 1; ; atOperation++) {
          if (factory.open.size === 0) touch(a)
          const scheduler = new InterruptingScheduler(atOperation, isYielding)
          const exit = yield* Fiber.await(Effect.runFork(Effect.scoped(take(pool)), { scheduler }))
          assert.strictEqual(state.activeCount, 0, `interrupted at operation ${atOperation}`)
          if (!scheduler.hasInterrupted) {
            assert.isTrue(Exit.isSuccess(exit))
            return
          }
        }
      })

      spec(
        `waiting for one, by ${way}, ${when}`,
        { connectionsPerRouteMax: 1 },
        function* ({ pool, state, take: hold }) {
          for (let atOperation = 1; ; atOperation++) {
            const held = hold(a)
            const scheduler = new InterruptingScheduler(atOperation, isYielding)
            const fiber = Effect.runFork(Effect.scoped(take(pool)), { scheduler })
            yield* settled
            held.release()
            yield* Fiber.await(fiber)
            assert.strictEqual(state.activeCount, 0, `interrupted at operation ${atOperation}`)
            assert.strictEqual(state.pendingCount, 0, `interrupted at operation ${atOperation}`)
            if (!scheduler.hasInterrupted) return
          }
        }
      )
    }
  }
})
