/**
 * Waiting: order, leaving, and callers that throw.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { a, b, type Caller, spec } from "./support/withPool.ts"

const one = { connectionsPerRouteMax: 1 } as const

/** Releases the lease and each one that it leads to; says in which order the callers were served. */
const order = (callers: ReadonlyArray<Caller>, held: { release(): void }): ReadonlyArray<number> => {
  const served: Array<number> = []
  held.release()
  for (let turn = 0; turn < callers.length; turn++) {
    const index = callers.findIndex((caller, index) => !caller.isWaiting && !served.includes(index))
    if (index < 0) break
    served.push(index)
    callers[index]?.release()
  }
  return served
}

describe("the order of waiters", () => {
  // hyper: test_waiters_woken_in_fifo_order. Effect's Pool: FIFO waiters.
  spec("is that of their arrival", one, ({ ask, take }) => {
    const held = take(a)
    assert.deepStrictEqual(order([ask(a), ask(a), ask(a)], held), [0, 1, 2])
  })

  spec("is the reverse of their arrival under `waitOrder: lifo`", { ...one, waitOrder: "lifo" }, ({ ask, take }) => {
    const held = take(a)
    assert.deepStrictEqual(order([ask(a), ask(a), ask(a)], held), [2, 1, 0])
  })

  // generic-pool: priority order.
  spec("puts each class of priority before the next, and keeps arrival within it", one, ({ ask, take }) => {
    const held = take(a)
    const callers = (["background", "normal", "urgent", "background", "normal", "urgent"] as const).map((priority) =>
      ask(a, { priority })
    )
    assert.deepStrictEqual(order(callers, held), [2, 5, 1, 4, 0, 3])
  })

  spec("knows a caller that names no priority as `normal`", one, ({ ask, take }) => {
    const held = take(a)
    const callers = [ask(a, { priority: "background" }), ask(a), ask(a, { priority: "urgent" })]
    assert.deepStrictEqual(order(callers, held), [2, 1, 0])
  })

  spec("can be changed while they wait", one, function* ({ ask, pool, take }) {
    const held = take(a)
    const callers = [ask(a), ask(a), ask(a)]
    yield* pool.configure({ ...one, waitOrder: "lifo" })
    assert.deepStrictEqual(order(callers, held), [2, 1, 0])
    const heldAgain = take(a)
    const more = [ask(a), ask(a), ask(a)]
    yield* pool.configure(one)
    assert.deepStrictEqual(order(more, heldAgain), [0, 1, 2])
  })

  // hyper's cache: an idle item is not given to a newcomer while waiters exist. Hikari's #2192.
  // hyper-util: clone_readiness_reserves_idle_service, idle_return_wakes_pending_poll_ready.
  spec("lets no newcomer pass, not even one that comes while a waiter is being served", one, ({ ask, pool, take }) => {
    const held = take(a)
    const waiter = ask(a)
    assert.isUndefined(pool.leaseIdleUnsafe(a))
    const order: Array<string> = []
    pool.leaseUnsafe(a, undefined, (lease) => {
      order.push("second")
      if ("release" in lease) lease.release()
    })
    held.release()
    assert.isUndefined(pool.leaseIdleUnsafe(a))
    order.push("first")
    waiter.release()
    assert.deepStrictEqual(order, ["first", "second"])
  })

  // Apache: a blocked route does not head-of-line-block others.
  spec("of one route holds nobody up on another", one, ({ ask, take }) => {
    const heldA = take(a)
    const waiter = ask(a)
    const other = ask(b)
    assert.strictEqual(other.connection.route, b)
    other.release()
    heldA.release()
    waiter.release()
  })

  spec(
    "is kept over a chain of a hundred thousand callers that hand over from one to the next",
    {
      ...one,
      pendingPerRouteMax: "unlimited",
      pendingMax: "unlimited"
    },
    ({ pool, take }) => {
      const held = take(a)
      let servedCount = 0
      for (let index = 0; index < 100_000; index++) {
        pool.leaseUnsafe(a, { timeout: "never" }, (lease) => {
          assert.strictEqual(servedCount++, index)
          if ("release" in lease) lease.release()
        })
      }
      held.release()
      assert.strictEqual(servedCount, 100_000)
    }
  )

  spec(
    "is kept over a chain of fibers that hand over from one to the next",
    { ...one, pendingPerRouteMax: "unlimited" },
    function* ({ pool }) {
      const served: Array<number> = []
      const held = yield* pool.lease(a)
      const fibers = yield* Effect.forEach(
        Array.from({ length: 3000 }, (_, index) => index),
        (index) =>
          Effect.forkChild(
            pool.use(a, () => Effect.sync(() => served.push(index))),
            { startImmediately: true }
          )
      )
      held.release()
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        served,
        Array.from({ length: 3000 }, (_, index) => index)
      )
    }
  )
})

describe("leaving the queue", () => {
  // hyper: dropped_racing_future_cancels_waiter, test_pool_checkout_drop_cleans_up_waiters. Apache: testLeaseRequestCanceled.
  // undici: request abort in queue. Go's #76784: cancelled waiters are pruned from the front only.
  for (const [place, index] of [
    ["the front", 0],
    ["the middle", 1],
    ["the end", 2]
  ] as const) {
    for (const waitOrder of ["fifo", "lifo"] as const) {
      // undici: pool: request abort in queue.
      spec(
        `is possible from ${place} (${waitOrder}): the others are served as if it had never been there`,
        {
          ...one,
          waitOrder
        },
        ({ ask, state, take }) => {
          const held = take(a)
          const callers = [ask(a), ask(a), ask(a)]
          callers[index]?.withdraw()
          assert.strictEqual(state.pendingCount, 2)
          const rest = callers.filter((_, at) => at !== index)
          assert.deepStrictEqual(order(rest, held), waitOrder === "fifo" ? [0, 1] : [1, 0])
        }
      )
    }
  }

  spec("frees its place in the bound at once", { ...one, pendingPerRouteMax: 1 }, ({ ask, take }) => {
    const held = take(a)
    const first = ask(a)
    assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
    first.withdraw()
    const third = ask(a)
    held.release()
    third.release()
  })

  spec(
    "costs no memory for those who left, however many they were",
    { ...one, pendingPerRouteMax: "unlimited" },
    ({ ask, state, take }) => {
      const held = take(a)
      const stays = ask(a)
      for (let count = 0; count < 5000; count++) ask(a).withdraw()
      const last = ask(a)
      assert.isAtMost(state.urgent.size, 200)
      assert.deepStrictEqual(order([stays, last], held), [0, 1])
    }
  )

  // reactor-pool: pendingTimeoutDoesntCauseExtraReleasePostTimeout. Apache: an expired waiter is skipped.
  // Effect's Pool, RcMap, semaphores: does not re-wake waiters.
  spec("twice, or after being served, does nothing", one, ({ ask, state, take }) => {
    const held = take(a)
    const waiter = ask(a)
    waiter.withdraw()
    waiter.withdrawNow()
    assert.strictEqual(state.pendingCount, 0)
    const served = ask(a)
    held.release()
    served.withdrawNow()
    assert.isTrue(served.lease.isLive)
    served.release()
    assert.strictEqual(state.counters.cancelledCount, 1)
  })

  // Envoy: VerifyCancelInCallback.
  spec(
    "may be asked for by another's callback, of one that would be served next",
    { connectionsPerRouteMax: 2 },
    ({ ask, pool, take }) => {
      const held = [take(a), take(a)]
      let second: Caller | undefined
      pool.leaseUnsafe(a, undefined, (lease) => {
        second?.withdraw()
        if ("release" in lease) lease.release()
      })
      second = ask(a)
      const third = ask(a)
      held[0]?.release()
      assert.isTrue(third.lease.isLive)
      third.release()
      held[1]?.release()
    }
  )

  // Apache HttpClient: LeaseRequestInterrupted, Canceled.
  spec("by an interrupt withdraws the caller", one, function* ({ pool, state, take }) {
    const held = take(a)
    const fiber = yield* Effect.forkChild(pool.lease(a), { startImmediately: true })
    assert.strictEqual(state.pendingCount, 1)
    yield* Fiber.interrupt(fiber)
    assert.strictEqual(state.pendingCount, 0)
    held.release()
  })
})

describe("a caller whose callback throws", () => {
  spec("keeps nobody behind it from being served", one, ({ ask, pool, state, take, takeDefects }) => {
    const held = take(a)
    pool.leaseUnsafe(a, undefined, (lease) => {
      if ("release" in lease) lease.release()
      throw new Error("bad caller")
    })
    const next = ask(a)
    held.release()
    assert.strictEqual(next.connection.id, 1)
    next.release()
    assert.strictEqual(state.activeCount, 0)
    assert.strictEqual(takeDefects().length, 1)
  })

  spec("after a failed dial keeps the next dial from nothing", one, ({ ask, factory, pool, takeDefects }) => {
    factory.isAutomatic = false
    pool.leaseUnsafe(a, undefined, () => {
      throw new Error("bad caller")
    })
    const next = ask(a)
    factory.dial(1).fail("no")
    factory.dial(2).succeed()
    next.release()
    assert.strictEqual(takeDefects().length, 1)
  })
})
