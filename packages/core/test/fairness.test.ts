/**
 * Routes that share a total: eviction, turns, yielding, guarantees.
 */
import { assert, describe } from "@effect/vitest"
import { Route } from "../src/index.ts"
import { mustYield } from "../src/internal/FairShare.ts"
import { a, b, c, settled, spec } from "./support/withPool.ts"

const manualClose = { factory: { closes: "manual" } } as const

describe("eviction for another route", () => {
  // Apache: testConnectionRedistributionOnTotalMaxLimit.
  spec(
    "closes the least recently used idle connection of others, and no other",
    { connectionsMax: 3 },
    ({ closedBy, idleIds, take, touch }) => {
      touch(a)
      touch(b)
      const leases = [take(b), take(b)]
      for (const lease of leases) lease.release()
      touch(a)
      // Now b has the two oldest, and a the youngest.
      touch(c)
      assert.deepStrictEqual([idleIds(a), idleIds(b), idleIds(c)], [[1], [3], [4]])
      assert.strictEqual(closedBy("evicted-for-other-route"), 1)
    }
  )

  // Apache's FIFO pool evicts the freshest connection, because it takes the wrong end of its list.
  spec(
    "finds the least recently used one under `leaseOrder: fifo` too",
    { connectionsMax: 3, leaseOrder: "fifo" },
    ({ idleIds, take, touch }) => {
      const leases = [take(a), take(a), take(a)]
      for (const lease of leases) lease.release()
      touch(b)
      assert.deepStrictEqual(idleIds(a), [2, 3])
    }
  )

  spec("takes no leased connection: with all in use the caller waits", { connectionsMax: 2 }, ({ ask, take }) => {
    const leases = [take(a), take(b)]
    const waiter = ask(c)
    assert.isTrue(waiter.isWaiting)
    leases[0]?.release()
    assert.strictEqual(waiter.connection.route, c)
    leases[1]?.release()
    waiter.release()
  })

  spec(
    "spares a route that only needs a permit of its own",
    { connectionsMax: 2, connectionsPerRouteMax: 1 },
    ({ ask, closedBy, take, touch }) => {
      touch(b)
      const held = take(a)
      const waiter = ask(a)
      assert.isTrue(waiter.isWaiting)
      assert.strictEqual(closedBy("evicted-for-other-route"), 0)
      held.release()
      waiter.release()
    }
  )

  spec(
    "closes one connection for one waiter, however often the pool looks while the close takes its time",
    { connectionsMax: 4 },
    function* ({ ask, closedBy, factory, take }) {
      const leases = [take(a), take(a), take(a), take(b)]
      leases[0]?.release()
      leases[1]?.release()
      const waiter = ask(c)
      leases[2]?.release()
      leases[3]?.release()
      assert.strictEqual(closedBy("evicted-for-other-route"), 1)
      assert.isTrue(waiter.isWaiting)
      factory.closing(1).succeed()
      yield* settled
      assert.strictEqual(waiter.connection.route, c)
      assert.strictEqual(factory.openMax, 4)
      waiter.release()
    },
    manualClose
  )

  spec(
    "closes as many connections as there are waiters, without waiting for the first close",
    { connectionsMax: 3 },
    function* ({ ask, closedBy, factory, take }) {
      const leases = [take(a), take(a), take(a)]
      for (const lease of leases) lease.release()
      const waiters = [ask(b), ask(b)]
      assert.strictEqual(closedBy("evicted-for-other-route"), 2)
      factory.finishCloses()
      yield* settled
      for (const waiter of waiters) waiter.release()
    },
    manualClose
  )

  spec(
    "makes no second close where a permit is on its way back anyhow",
    { connectionsMax: 2 },
    function* ({ ask, closedBy, factory, take, touch }) {
      touch(a)
      take(b).discard()
      const waiter = ask(c)
      assert.strictEqual(closedBy("evicted-for-other-route"), 0)
      factory.closing(1).succeed()
      yield* settled
      assert.strictEqual(waiter.connection.route, c)
      waiter.release()
    },
    manualClose
  )
})

describe("routes that wait for the total", () => {
  // Effect's Pool, RcMap, semaphores: PartitionedSemaphore: partially satisfied waiter.
  spec("are served in turn, one dial each", { connectionsMax: 1 }, ({ ask, take }) => {
    const held = take(a)
    const callers = [ask(b), ask(b), ask(c), ask(c)]
    const served: Array<string> = []
    held.discard()
    for (let turn = 0; turn < 4; turn++) {
      const next = callers.find((caller) => !caller.isWaiting && caller.lease.isLive)
      served.push(next?.lease.route.host ?? "nobody")
      next?.lease.discard()
    }
    assert.deepStrictEqual(served, ["b", "c", "b", "c"])
  })

  spec("are not passed by a newcomer of another route", { connectionsMax: 1 }, ({ ask, take }) => {
    const held = take(a)
    const first = ask(b)
    const newcomer = ask(c)
    held.discard()
    assert.isFalse(first.isWaiting)
    assert.isTrue(newcomer.isWaiting)
    first.release()
    newcomer.release()
  })

  spec("are not held up by one in front whose waiters have gone", { connectionsMax: 1 }, ({ ask, take }) => {
    const held = take(a)
    const first = ask(b)
    const second = ask(c)
    first.withdraw()
    held.discard()
    assert.strictEqual(second.connection.route, c)
    second.release()
  })

  spec(
    "are not held up by one in front that can be served otherwise, or is paused",
    { connectionsMax: 2 },
    function* ({ ask, pool, take }) {
      const held = [take(a), take(b)]
      const first = ask(b)
      const second = ask(c)
      yield* pool.pause(b)
      held[0]?.discard()
      assert.strictEqual(second.connection.route, c)
      second.lease.discard()
      yield* pool.resume(b)
      held[1]?.release()
      first.release()
    }
  )

  spec("get what a failed dial gives back", { connectionsMax: 1 }, ({ ask, factory }) => {
    factory.isAutomatic = false
    const first = ask(a)
    const second = ask(b)
    assert.strictEqual(factory.dials.length, 1)
    factory.dial(1).fail("no")
    assert.isFalse(first.isWaiting)
    factory.dial(2).succeed()
    assert.strictEqual(second.connection.route, b)
    second.release()
  })

  spec(
    "get what another gives up for good, though its own callers never stop coming",
    {
      connectionsMax: 1
    },
    ({ ask, closedBy, take }) => {
      const held = take(a)
      const more = [ask(a), ask(a)]
      const starving = ask(b)
      const late = ask(a)
      held.release()
      more[0]?.release()
      more[1]?.release()
      // The caller of b came before the last one of a, and b has nothing.
      assert.strictEqual(starving.connection.route, b)
      assert.isTrue(late.isWaiting)
      assert.strictEqual(closedBy("yielded-to-other-route"), 1)
      starving.release()
      late.release()
    }
  )

  spec(
    "do not take each other's connections at every return, once each has its share",
    { connectionsMax: 4 },
    ({ ask, factory, take }) => {
      const leases = [take(a), take(a), take(b), take(b)]
      const waiters: Array<ReturnType<typeof ask>> = []
      for (let round = 0; round < 10; round++) {
        waiters.push(ask(a), ask(b))
      }
      let current: Array<{ release(): void }> = leases
      for (let round = 0; round < 5; round++) {
        for (const lease of current) lease.release()
        current = waiters.filter((waiter) => !waiter.isWaiting && waiter.lease.isLive)
      }
      for (const waiter of waiters) if (!waiter.isWaiting) waiter.release()
      assert.strictEqual(factory.dials.length, 4)
    }
  )

  spec(
    "have a shared connection of others taken out of use, as its leases never end all at once",
    {
      connectionsMax: 1,
      slotsPerConnectionMax: 10
    },
    ({ ask, closedBy, take }) => {
      let held = take(a)
      const starving = ask(b)
      // Each next lease of a begins before the last one ends: its connection is never idle.
      const next = ask(a)
      assert.isTrue(next.isWaiting)
      held.release()
      assert.strictEqual(closedBy("yielded-to-other-route"), 1)
      assert.strictEqual(starving.connection.route, b)
      held = starving.lease
      held.release()
      next.release()
    }
  )

  spec(
    "cannot be starved by the minimum of idle connections of others",
    {
      connectionsMax: 2,
      overrides: [{ match: "test://a:1", idlePerRouteMin: 2 }]
    },
    ({ ask, factory, touch }) => {
      touch(a)
      assert.strictEqual(factory.countOf(a), 2)
      const waiter = ask(b)
      assert.strictEqual(waiter.connection.route, b)
      assert.strictEqual(factory.countOf(a), 1)
      waiter.lease.discard()
      assert.strictEqual(factory.countOf(a), 2)
    }
  )
})

describe("a fair share", () => {
  const base = { heldCount: 0, isBelowGuarantee: false, mayLoseOne: true, firstSequence: 1 }

  spec("is left to a holder whose callers came first", {}, () => {
    assert.isFalse(mustYield({ ...base, heldCount: 9, firstSequence: 1 }, { ...base, firstSequence: 2 }))
  })

  spec("is left to a holder that has one more at most", {}, () => {
    assert.isFalse(mustYield({ ...base, heldCount: 2, firstSequence: 5 }, { ...base, heldCount: 1, firstSequence: 2 }))
    assert.isTrue(mustYield({ ...base, heldCount: 3, firstSequence: 5 }, { ...base, heldCount: 1, firstSequence: 2 }))
  })

  spec("is taken from a holder for which nobody waits, and for one below its guarantee", {}, () => {
    assert.isTrue(mustYield({ ...base, firstSequence: undefined }, { ...base, heldCount: 9, firstSequence: 2 }))
    assert.isTrue(mustYield({ ...base, firstSequence: 1 }, { ...base, isBelowGuarantee: true, firstSequence: 2 }))
  })

  spec("is never taken from what is guaranteed, nor for nobody", {}, () => {
    assert.isFalse(mustYield({ ...base, mayLoseOne: false, firstSequence: undefined }, { ...base, firstSequence: 2 }))
    assert.isFalse(mustYield({ ...base, firstSequence: undefined }, { ...base, firstSequence: undefined }))
  })
})

describe("guarantees", () => {
  const forB = { match: "test://b:1", connectionsPerRouteGuaranteed: 2 }
  const guaranteed = { connectionsMax: 3, overrides: [forB] } as const

  spec("keep connections free for a route before it is ever used", guaranteed, ({ ask, take }) => {
    const held = take(a)
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    const own = [take(b), take(b)]
    for (const lease of own) lease.release()
    held.release()
    waiter.release()
  })

  spec("are kept no more once the route has them open", guaranteed, ({ ask, take }) => {
    const own = [take(b), take(b)]
    const held = take(a)
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    held.release()
    waiter.release()
    for (const lease of own) lease.release()
  })

  spec("protect idle connections of the route from eviction", guaranteed, ({ ask, closedBy, take, touch }) => {
    touch(b)
    const own = [take(b), take(b)]
    for (const lease of own) lease.release()
    const held = take(a)
    const waiter = ask(c)
    assert.isTrue(waiter.isWaiting)
    assert.strictEqual(closedBy("evicted-for-other-route"), 0)
    held.discard()
    waiter.release()
  })

  spec("let a route have more than it is guaranteed, and lose that first", guaranteed, ({ idleIds, take, touch }) => {
    const own = [take(b), take(b), take(b)]
    for (const lease of own) lease.release()
    touch(a)
    assert.deepStrictEqual(idleIds(b), [2, 3])
  })

  spec("let a route below its own pass those that wait for the total", guaranteed, ({ ask, take }) => {
    const held = take(a)
    const waiting = ask(a)
    const own = ask(b)
    assert.isFalse(own.isWaiting)
    own.release()
    held.release()
    waiting.release()
  })

  spec("count all routes of one authority together", guaranteed, ({ ask, take }) => {
    const tenant = Route.make({ scheme: "test", host: "b", port: 1, partition: "tenant" })
    const own = [take(b), take(tenant)]
    const held = take(a)
    const third = ask(tenant)
    assert.isTrue(third.isWaiting)
    held.discard()
    third.release()
    for (const lease of own) lease.release()
  })

  spec(
    "given by a pattern hold while a route is in use, and are forgotten with it",
    {
      connectionsMax: 2,
      routeIdleTimeout: 100,
      idleTimeout: 10,
      overrides: [{ match: "test://*:2", connectionsPerRouteGuaranteed: 1 }]
    },
    function* ({ ask, pass, state, take, touch }) {
      for (let index = 0; index < 5; index++) {
        touch(Route.of("test", `host${index}`, 2))
        yield* pass(200)
      }
      assert.strictEqual(state.guarantees.size, 0)
      const held = [take(a), take(a)]
      assert.isTrue(held.every((lease) => lease.isLive))
      for (const lease of held) lease.release()
      const guaranteed = ask(Route.of("test", "again", 2))
      assert.isFalse(guaranteed.isWaiting)
      guaranteed.release()
    }
  )

  spec("can be changed while running, and are reckoned anew", guaranteed, function* ({ ask, pool, state, take }) {
    const own = take(b)
    const held = take(a)
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    yield* pool.configure({ connectionsMax: 3, overrides: [{ ...forB, connectionsPerRouteGuaranteed: 1 }] })
    assert.isFalse(waiter.isWaiting)
    yield* pool.configure({ connectionsMax: 3 })
    assert.strictEqual(state.guarantees.size, 0)
    yield* pool.configure(guaranteed)
    assert.strictEqual(state.guarantees.get("test://b:1")?.heldCount, 1)
    for (const lease of [own, held, waiter]) lease.release()
  })

  spec(
    "take the value of the last override that sets it",
    {
      connectionsMax: 3,
      overrides: [forB, { match: "test://*:1", level: "port", connectionsPerRouteGuaranteed: 0 }]
    },
    ({ take }) => {
      take(b).discard()
      const held = [take(a), take(a), take(a)]
      for (const lease of held) lease.release()
    }
  )
})
