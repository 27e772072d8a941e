/**
 * Connections that carry several leases at once, and change their mind about how many.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, settled, spec } from "./support/withPool.ts"

const shared = { slotsPerConnectionMax: 3 } as const
const manual = { factory: { dials: "manual" } } as const

describe("slots", () => {
  // reactor-netty: strictReuseConcurrentAcquireReusesConnection. undici: connections=1 multiplexes. Pingora: test_h2_multiple_stream.
  // Pingora: h2_single_stream, multiple_stream.
  // OkHttp: http2ConnectionsAreSharedBeforeResponseIsConsumed.
  // undici: http2-pipelining-default: Pool connections=1 multiplexes.
  spec("are shared out before another connection is dialled", shared, ({ factory, take }) => {
    const leases = [take(a), take(a), take(a)]
    assert.strictEqual(factory.dials.length, 1)
    const fourth = take(a)
    assert.strictEqual(fourth.connectionId, 2)
    for (const lease of [...leases, fourth]) lease.release()
  })

  // Envoy: PendingStreams. reactor-netty's #4050: over-dialling on concurrent acquires.
  // reactor-pool, reactor-netty: minConnectionsMaxStreamsReached.
  spec(
    "of one dial are for as many waiters: no more is dialled, and all are served when it ends",
    shared,
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 1)
      const fourth = ask(a)
      assert.strictEqual(factory.dials.length, 2)
      factory.dial(1).succeed()
      assert.deepStrictEqual(
        callers.map((caller) => caller.connection.id),
        [1, 1, 1]
      )
      factory.dial(2).succeed()
      for (const caller of [...callers, fourth]) caller.release()
    },
    manual
  )

  // Apache's H2SharingConnPool: testLeaseLeastUsed.
  spec("are taken from the connection that has the fewest in use", shared, ({ take }) => {
    const leases = [take(a), take(a), take(a), take(a), take(a)]
    assert.deepStrictEqual(
      leases.map((lease) => lease.connectionId),
      [1, 1, 1, 2, 2]
    )
    leases[0]?.release()
    leases[1]?.release()
    const next = take(a)
    assert.strictEqual(next.connectionId, 1)
    for (const lease of [...leases, next]) lease.release()
  })

  spec("of an idle connection come before those of one in use", shared, ({ idleIds, take }) => {
    const leases = [take(a), take(a), take(a), take(a)]
    leases[3]?.release()
    assert.deepStrictEqual(idleIds(a), [2])
    leases[0]?.release()
    const next = take(a)
    assert.strictEqual(next.connectionId, 2)
    for (const lease of [...leases, next]) lease.release()
  })

  spec("free one of them, and a waiter is served", { ...shared, connectionsPerRouteMax: 1 }, ({ ask, take }) => {
    const leases = [take(a), take(a), take(a)]
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    leases[1]?.release()
    assert.strictEqual(waiter.connection.id, 1)
    for (const lease of [...leases, waiter]) lease.release()
  })

  spec(
    "are offered by the connection: the smaller of its word and the limit counts",
    { slotsPerConnectionMax: 5 },
    ({ take }) => {
      const first = take(a)
      first.connection.control.setSlots(2)
      const [second, third] = [take(a), take(a)]
      assert.deepStrictEqual([second.connectionId, third.connectionId], [1, 2])
      third.connection.control.setSlots(100)
      const more = Array.from({ length: 5 }, () => take(a))
      assert.deepStrictEqual(
        more.map((lease) => lease.connectionId),
        [2, 2, 2, 2, 3]
      )
      for (const lease of [first, second, third, ...more]) lease.release()
    }
  )

  // Envoy: SETTINGS may lower concurrency below the number of active streams: capacity goes negative.
  spec(
    "fallen below what is in use let no lease in until enough have ended",
    { ...shared, connectionsPerRouteMax: 1 },
    ({ ask, take }) => {
      const leases = [take(a), take(a), take(a)]
      leases[0]?.connection.control.setSlots(1)
      const waiter = ask(a)
      leases[0]?.release()
      leases[1]?.release()
      assert.isTrue(waiter.isWaiting)
      leases[2]?.release()
      assert.strictEqual(waiter.connection.id, 1)
      waiter.release()
    }
  )

  spec("that rise serve waiters at once", { ...shared, connectionsPerRouteMax: 1 }, ({ ask, take }) => {
    const first = take(a)
    first.connection.control.setSlots(1)
    const waiters = [ask(a), ask(a)]
    assert.isTrue(waiters.every((waiter) => waiter.isWaiting))
    first.connection.control.setSlots(3)
    assert.isFalse(waiters.some((waiter) => waiter.isWaiting))
    for (const lease of [first, ...waiters]) lease.release()
  })

  // Envoy: NoAvailableStreams. undici: http2-max-concurrent-streams-zero.
  spec(
    "of 0 keep the connection open and unused until there are some",
    { ...shared, connectionsPerRouteMax: 1 },
    ({ ask, factory, touch }) => {
      const connection = touch(a)
      connection.control.setSlots(0)
      const waiter = ask(a)
      assert.isTrue(waiter.isWaiting)
      assert.strictEqual(factory.open.size, 1)
      connection.control.setSlots(1)
      assert.strictEqual(waiter.connection, connection)
      waiter.release()
    }
  )

  spec(
    "of 0 from the start let the caller wait, within its deadline",
    {
      ...shared,
      connectionsPerRouteMax: 1,
      acquireTimeout: 100
    },
    function* ({ ask, factory, pass }) {
      factory.isAutomatic = false
      const waiter = ask(a)
      factory.dial(1).control.setSlots(0)
      factory.dial(1).succeed()
      assert.isTrue(waiter.isWaiting)
      assert.strictEqual(factory.dials.length, 1)
      yield* pass(100)
      assert.strictEqual(waiter.failure, "AcquireTimeout queue")
      factory.dial(1).control.setSlots(1)
      const next = ask(a)
      assert.strictEqual(next.connection.id, 1)
      next.release()
    }
  )

  spec(
    "of 0 do not keep a connection from expiring",
    { ...shared, idleTimeout: 1000 },
    function* ({ closedBy, pass, touch }) {
      touch(a).control.setSlots(0)
      yield* pass(1000)
      assert.strictEqual(closedBy("idle-timeout"), 1)
    }
  )

  spec(
    "learned from the last connection tell how many waiters the next dial is for",
    { slotsPerConnectionMax: 100 },
    ({ ask, factory }) => {
      // The first dial is taken to be for all; the connection then says that it has one slot.
      const callers = [ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 1)
      factory.dial(1).control.setSlots(1)
      assert.strictEqual(factory.dials.length, 3)
      for (const dial of factory.dials) {
        dial.control.setSlots(1)
        dial.succeed()
      }
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec(
    "are for no more waiters than the connection has uses",
    { slotsPerConnectionMax: 100, usesPerConnectionMax: 2 },
    ({ ask, factory }) => {
      const callers = [ask(a), ask(a), ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 2)
      for (const dial of factory.dials) dial.succeed()
      for (const caller of callers) caller.release()
    },
    manual
  )

  spec("said by a connection on its way out mean nothing", shared, ({ ask, factory, take }) => {
    const lease = take(a)
    lease.connection.control.drain()
    lease.connection.control.setSlots(1)
    factory.isAutomatic = false
    const callers = [ask(a), ask(a), ask(a)]
    assert.strictEqual(factory.dials.length, 2)
    factory.dial(2).succeed()
    for (const caller of callers) caller.release()
    lease.release()
  })

  spec("can be limited and freed while running", shared, function* ({ ask, pool, take }) {
    const leases = [take(a), take(a)]
    yield* pool.configure({ slotsPerConnectionMax: 2, connectionsPerRouteMax: 1 })
    const waiter = ask(a)
    assert.isTrue(waiter.isWaiting)
    yield* pool.configure({ slotsPerConnectionMax: 3, connectionsPerRouteMax: 1 })
    assert.strictEqual(waiter.connection.id, 1)
    yield* pool.configure({ slotsPerConnectionMax: 1, connectionsPerRouteMax: 1 })
    const second = ask(a)
    leases[0]?.release()
    leases[1]?.release()
    assert.isTrue(second.isWaiting)
    waiter.release()
    assert.strictEqual(second.connection.id, 1)
    second.release()
  })

  spec("do not make a second lease look like one of an idle connection", shared, function* ({ pass, take, touch }) {
    touch(a)
    yield* pass(300)
    const first = take(a)
    yield* pass(300)
    const second = take(a)
    assert.deepStrictEqual([first.idleMillis, second.idleMillis], [300, 0])
    assert.isTrue(second.isReused)
    first.release()
    assert.strictEqual(first.connection.told, "leased")
    second.release()
    assert.strictEqual(second.connection.told, "idle")
  })

  // Go: TestCancelRequestWhenSharingConnection.
  spec(
    "one of which is discarded: the others go on, and the connection closes after them",
    shared,
    ({ closedBy, factory, take }) => {
      const leases = [take(a), take(a)]
      leases[0]?.discard("use-interrupted")
      assert.isTrue(leases[1]?.isLive)
      const next = take(a)
      assert.strictEqual(next.connectionId, 2)
      leases[1]?.release()
      assert.strictEqual(closedBy("use-interrupted"), 1)
      assert.strictEqual(factory.open.size, 1)
      next.release()
    }
  )

  spec(
    "in use on a connection keep it from being evicted for another route",
    { ...shared, connectionsMax: 1 },
    ({ ask, take }) => {
      const leases = [take(a), take(a)]
      const waiter = ask(b)
      leases[0]?.release()
      assert.isTrue(waiter.isWaiting)
      leases[1]?.release()
      assert.strictEqual(waiter.connection.route, b)
      waiter.release()
    }
  )

  // Envoy: http2 MaxConcurrentRequestsPerStream; undici: http2-request-never-settles (seeded churn).
  spec(
    "come and go at random, and every caller is answered",
    { ...shared, connectionsPerRouteMax: 3 },
    function* ({ ask, assertSound }) {
      let seed = 7
      const random = () => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
        return seed / 2 ** 32
      }
      const live: Array<ReturnType<typeof ask>> = []
      for (let step = 0; step < 2000; step++) {
        live.push(ask(a))
        const index = live.findIndex((caller) => !caller.isWaiting)
        const caller = live[index]
        if (caller !== undefined) {
          if (random() < 0.3) caller.connection.control.setSlots(Math.floor(random() * 5))
          if (random() < 0.05) caller.connection.control.drain()
          if (random() < 0.05) caller.connection.end()
          if (random() < 0.6) {
            caller.release()
            live.splice(index, 1)
          }
        }
        while (live.length > 30) {
          const oldest = live.findIndex((one) => !one.isWaiting)
          const [gone] = live.splice(Math.max(0, oldest), 1)
          if (gone?.isWaiting) gone.withdraw()
          else gone?.release()
        }
        assertSound()
      }
      for (const caller of live) {
        if (caller.isWaiting) caller.withdraw()
        else caller.release()
      }
      yield* settled
    }
  )
})
