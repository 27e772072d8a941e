/**
 * Waiting: order, bounds, deadlines, leaving.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { a, b, type Caller, settled, spec } from "./support/withPool.ts"

const manual = { factory: { dials: "manual" } } as const
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

  spec("by an interrupt withdraws the caller", one, function* ({ pool, state, take }) {
    const held = take(a)
    const fiber = yield* Effect.forkChild(pool.lease(a), { startImmediately: true })
    assert.strictEqual(state.pendingCount, 1)
    yield* Fiber.interrupt(fiber)
    assert.strictEqual(state.pendingCount, 0)
    held.release()
  })
})

describe("the bounds on waiters", () => {
  // Go has none; Envoy: MaxPendingRequests; reactor-pool: maxPendingZero, maxPendingOne. lightning-pool: max waiters.
  spec(
    "of 0 refuse a call that would have to wait for another's connection",
    { ...one, pendingPerRouteMax: 0 },
    ({ ask, take }) => {
      const held = take(a)
      const refused = ask(a)
      assert.strictEqual(refused.failure, "Refused pending-route-limit")
      const { reason, retry } = refused.error
      assert.deepStrictEqual(reason, {
        _tag: "Refused",
        reason: "pending-route-limit",
        limitCount: 0,
        usedCount: 0,
        source: "pool"
      })
      assert.strictEqual(retry, "always")
      held.release()
    }
  )

  // Envoy's #20817: max_pending_requests 0 rejects even the first request.
  spec(
    "of 0 let a call through for which a dial begins at once",
    { pendingPerRouteMax: 0, pendingMax: 0 },
    ({ ask }) => {
      ask(a).release()
    }
  )

  spec(
    "of 0 let each call have its own dial, and no more than that",
    { pendingPerRouteMax: 0, connectionsPerRouteMax: 2 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a)]
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      for (const dial of factory.dials) dial.succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec(
    "of 0 let a call have a dial that is under way for nobody",
    { ...one, pendingPerRouteMax: 0 },
    function* ({ ask, factory, pool }) {
      yield* Effect.forkChild(pool.warm(a, 1), { startImmediately: true })
      const caller = ask(a)
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      factory.dial(1).succeed()
      caller.release()
    },
    manual
  )

  spec(
    "of 0 let as many calls have a dial as it has slots",
    { ...one, pendingPerRouteMax: 0, slotsPerConnectionMax: 3 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      factory.dial(1).succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  // Envoy and Istio count a request that a connection is being opened for.
  spec(
    "count a waiter that a dial is under way for only under `pendingIncludesDialling`",
    { pendingPerRouteMax: 1, pendingIncludesDialling: true },
    function* ({ ask, factory, pool }) {
      const first = ask(a)
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      yield* pool.configure({ pendingPerRouteMax: 1 })
      const second = ask(a)
      for (const dial of factory.dials) dial.succeed()
      first.release()
      second.release()
    },
    manual
  )

  spec(
    "of a route and of the pool both hold, and say which it was",
    {
      ...one,
      pendingPerRouteMax: 2,
      pendingMax: 3
    },
    ({ ask, refusedBy, take }) => {
      const held = [take(a), take(b)]
      const waiting = [ask(a), ask(a), ask(b)]
      assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
      const refused = ask(b)
      assert.strictEqual(refused.failure, "Refused pending-total-limit")
      assert.strictEqual(
        refused.error.message,
        "test://b:1: refused (pending-total-limit): 3 callers wait for the pool already (pendingMax 3, from pool)"
      )
      assert.strictEqual(refusedBy("pending-route-limit"), 1)
      assert.strictEqual(refusedBy("pending-total-limit"), 1)
      for (const lease of held) lease.release()
      waiting[0]?.release()
      waiting[1]?.release()
      waiting[2]?.release()
    }
  )

  spec(
    "of the pool are not hidden by dials for other routes",
    { ...one, pendingMax: 1, connectionsMax: 10 },
    function* ({ ask, factory, pool, take }) {
      factory.isAutomatic = true
      const held = take(a)
      factory.isAutomatic = false
      yield* Effect.forkChild(pool.warm(b, 1), { startImmediately: true })
      const waiter = ask(a)
      assert.strictEqual(ask(a).failure, "Refused pending-total-limit")
      held.release()
      waiter.release()
      factory.dial(2).succeed()
    },
    manual
  )

  // reactor-netty: testIssue951_MaxPendingAcquire.
  spec(
    "make of three callers for one connection one that is served, one that times out and one refused",
    {
      ...one,
      pendingPerRouteMax: 1,
      acquireTimeout: 10
    },
    function* ({ ask, pass }) {
      const callers = [ask(a), ask(a), ask(a)]
      yield* pass(10)
      assert.isTrue(callers[0]?.lease.isLive)
      assert.strictEqual(callers[1]?.failure, "AcquireTimeout queue")
      assert.strictEqual(callers[2]?.failure, "Refused pending-route-limit")
      callers[0]?.release()
    }
  )

  spec("are asked anew when raised while running", { ...one, pendingPerRouteMax: 0 }, function* ({ ask, pool, take }) {
    const held = take(a)
    assert.strictEqual(ask(a).failure, "Refused pending-route-limit")
    yield* pool.configure({ ...one, pendingPerRouteMax: "unlimited" })
    const waiter = ask(a)
    held.release()
    waiter.release()
  })
})

describe("deadlines", () => {
  // Apache: testLeaseRequestTimeout. reactor-pool: pendingTimeoutImpactedByLongRelease.
  spec("fail a waiter at the millisecond, and the others stay", one, function* ({ ask, pass, take }) {
    const held = take(a)
    const [soon, late] = [ask(a, { timeout: 50 }), ask(a, { timeout: 51 })]
    yield* pass(49)
    assert.isTrue(soon.isWaiting)
    yield* pass(1)
    assert.strictEqual(soon.failure, "AcquireTimeout queue")
    assert.isTrue(late.isWaiting)
    const { reason } = soon.error
    assert.isTrue(reason._tag === "AcquireTimeout" && reason.timeoutMillis === 50 && reason.waitedMillis === 50)
    held.release()
    late.release()
  })

  spec("are kept in any order of their arrival", one, function* ({ ask, pass, take }) {
    const held = take(a)
    const ended: Array<number> = []
    const timeouts = [70, 10, 40, 20, 60, 30, 50]
    const callers = timeouts.map((timeout) => ask(a, { timeout }))
    for (let now = 0; now < 70; now += 10) {
      yield* pass(10)
      callers.forEach((caller, index) => {
        if (!caller.isWaiting && !ended.includes(timeouts[index] ?? 0)) ended.push(timeouts[index] ?? 0)
      })
    }
    assert.deepStrictEqual(ended, [10, 20, 30, 40, 50, 60, 70])
    held.release()
  })

  // Against reactor-pool's pendingTimeoutNotImpactedByLongAllocation: here the time of the dial counts.
  // node-mysql2: the deadline is absolute across re-queues. Apache 4.5 restarts it at each stale connection.
  spec(
    "cover queue, dials and redials together: nothing moves them",
    { ...one, acquireTimeout: 100, dialBackoffMax: 0 },
    function* ({ ask, factory, pass }) {
      const [first, second] = [ask(a), ask(a)]
      yield* pass(60)
      factory.dial(1).fail("no")
      assert.strictEqual(first.failure, "ConnectFailed start")
      factory.dial(2).control.enterPhase("tls")
      yield* pass(39)
      assert.isTrue(second.isWaiting)
      yield* pass(1)
      assert.strictEqual(second.failure, "AcquireTimeout connect:tls")
    },
    manual
  )

  spec("come from the route unless the call brings its own", { ...one, acquireTimeout: 20 }, function* (world) {
    const { ask, pass, take } = world
    const held = take(a)
    const [byRoute, own, without] = [ask(a), ask(a, { timeout: 40 }), ask(a, { timeout: "never" })]
    yield* pass(20)
    assert.strictEqual(byRoute.failure, "AcquireTimeout queue")
    yield* pass(20)
    assert.strictEqual(own.failure, "AcquireTimeout queue")
    yield* pass(1_000_000)
    assert.isTrue(without.isWaiting)
    held.release()
    without.release()
  })

  spec("of 0 serve what can be served at once and fail the rest", one, function* ({ ask, take }) {
    const first = ask(a, { timeout: 0 })
    first.release()
    const held = take(a)
    const second = ask(a, { timeout: 0 })
    yield* settled
    assert.strictEqual(second.failure, "AcquireTimeout queue")
    held.release()
  })

  // reactor-pool's #331: the timeout fired after success.
  spec("mean nothing any more to a caller that has been served", one, function* ({ ask, pass, take }) {
    const held = take(a)
    const waiter = ask(a, { timeout: 10 })
    held.release()
    yield* pass(100)
    assert.isTrue(waiter.lease.isLive)
    waiter.release()
  })

  spec("do not keep a timer once nobody waits", one, function* ({ ask, state, take }) {
    const held = take(a)
    const waiter = ask(a)
    assert.isAbove(state.urgent.size, 0)
    held.release()
    assert.strictEqual(state.urgent.size, 0)
    waiter.release()
    yield* settled
  })

  // tarn and Hikari: the last connect error becomes the cause of the timeout.
  spec(
    "that pass say what the last connect failed with",
    { ...one, dialBackoffMax: 1000, dialBackoffBase: 1000 },
    function* ({ ask, factory, pass }) {
      for (let count = 1; count < 3; count++) {
        ask(a)
        factory.dial(count).fail(new Error("no route to host"))
      }
      const waiter = ask(a, { timeout: 100 })
      yield* pass(100)
      assert.strictEqual(waiter.failure, "AcquireTimeout queue")
      assert.include(waiter.error.message, "the last connect failed: no route to host")
      assert.instanceOf(waiter.error.cause, Error)
    },
    manual
  )
})

describe("shedding the hopeless", () => {
  const shedding = { ...one, isSheddingHopeless: true } as const

  spec(
    "refuses a waiter whose turn, by the observed service time, comes after its deadline",
    shedding,
    function* (world) {
      const { ask, pass, refusedBy, take } = world
      const first = take(a)
      yield* pass(100)
      first.release()
      const held = take(a)
      const waiter = ask(a, { timeout: 150 })
      const hopeless = ask(a, { timeout: 150 })
      assert.strictEqual(hopeless.failure, "Refused deadline-hopeless")
      assert.strictEqual(
        hopeless.error.message,
        "test://a:1: refused (deadline-hopeless): the expected wait of 200 ms is longer than the 150 ms left (isSheddingHopeless, from pool)"
      )
      assert.strictEqual(refusedBy("deadline-hopeless"), 1)
      const patient = ask(a, { timeout: 200 })
      held.release()
      waiter.release()
      patient.release()
    }
  )

  spec(
    "reckons with every slot that serves",
    { ...shedding, slotsPerConnectionMax: 10 },
    function* ({ ask, pass, take }) {
      const leases = Array.from({ length: 10 }, () => take(a))
      yield* pass(100)
      for (const lease of leases) lease.release()
      const held = Array.from({ length: 10 }, () => take(a))
      const waiters = Array.from({ length: 10 }, () => ask(a, { timeout: 100 }))
      for (const waiter of waiters) assert.isTrue(waiter.isWaiting)
      for (const lease of held) lease.release()
      for (const waiter of waiters) waiter.release()
    }
  )

  spec("is off unless asked for", one, function* ({ ask, pass, take }) {
    const first = take(a)
    yield* pass(100)
    first.release()
    const held = take(a)
    const waiters = [ask(a, { timeout: 1 }), ask(a, { timeout: 1 })]
    assert.isTrue(waiters.every((waiter) => waiter.isWaiting))
    held.release()
    waiters[0]?.release()
    waiters[1]?.release()
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
