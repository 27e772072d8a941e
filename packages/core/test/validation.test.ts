/**
 * Checking connections before use: the cheap look, probes, and peers that speak or leave while nobody asked.
 */
import { assert, describe } from "@effect/vitest"
import { a, b, settled, spec } from "./support/withPool.ts"

const probing = { factory: { probes: "manual" } } as const

describe("an idle connection", () => {
  // Pingora: test_read_close. hyper: socket_disconnect_closes_idle_conn. Go: TestTransportRemovesDeadIdleConnections.
  // undici: should not reuse an idle socket with unsolicited bytes.
  for (const reason of ["peer-data", "peer-closed", "peer-error"] as const) {
    // Pingora: test_read_close, unexpected_data_connection_count_increments.
    // undici: should not reuse an idle socket with buffered unsolicited response bytes.
    spec(`is closed at once when it is told of ${reason}, and with that reason`, {}, ({ closedBy, factory, touch }) => {
      touch(a).end(reason)
      assert.strictEqual(factory.open.size, 0)
      assert.strictEqual(closedBy(reason), 1)
      assert.strictEqual(touch(a).id, 2)
    })
  }

  // Apache: testValidateConnectionStale. OkHttp: the cheap health check.
  spec(
    "that has ended unnoticed is found out before it is leased, and the next one is taken",
    {},
    ({ closedBy, factory, take }) => {
      const leases = [take(a), take(a)]
      for (const lease of leases) lease.release()
      factory.dial(2).connection.isOpen = false
      const lease = take(a)
      assert.strictEqual(lease.connectionId, 1)
      assert.strictEqual(closedBy("peer-closed"), 1)
      lease.release()
    }
  )

  spec(
    "of which it cannot be said whether it is alive is not leased, and the defect is reported",
    {},
    ({ factory, take, takeDefects, touch }) => {
      touch(a)
      const { isAlive } = factory
      factory.isAlive = () => {
        factory.isAlive = isAlive
        throw new Error("cannot say")
      }
      const lease = take(a)
      assert.strictEqual(lease.connectionId, 2)
      assert.strictEqual(takeDefects().length, 1)
      lease.release()
    }
  )

  // Envoy: MaxConnectionDurationAlreadyClosed.
  spec("told of twice is closed once", {}, ({ closedBy, touch }) => {
    const connection = touch(a)
    connection.end("peer-data")
    connection.end("peer-closed")
    connection.control.drain()
    connection.control.limitUses(0)
    connection.control.setSlots(5)
    assert.strictEqual(closedBy("peer-data"), 1)
    assert.strictEqual(closedBy("peer-closed"), 0)
  })

  // Go: TestTransportServerClosingUnexpectedly, TestStressSurpriseServerCloses.
  // Envoy: ConnectionCloseWithoutHeader.
  spec(
    "that ends again and again under load leaks nothing",
    { connectionsPerRouteMax: 4 },
    function* ({ ask, factory }) {
      const random = seeded(1)
      const callers = Array.from({ length: 300 }, () => ask(a))
      for (const caller of callers) {
        if (!caller.isWaiting) {
          const { connection } = caller
          if (random() < 0.5) connection.end()
          caller.release()
          if (random() < 0.5) connection.end()
        }
      }
      yield* settled
      assert.isTrue(callers.every((caller) => !caller.isWaiting))
      assert.isAtMost(factory.openMax, 4)
    }
  )
})

describe("a shared connection", () => {
  spec("that has ended unnoticed takes no new lease", { slotsPerConnectionMax: 5 }, ({ factory, take }) => {
    const first = take(a)
    factory.dial(1).connection.isOpen = false
    const second = take(a)
    assert.strictEqual(second.connectionId, 2)
    first.release()
    second.release()
    assert.strictEqual(factory.open.size, 1)
  })
})

describe("a probe", () => {
  // Apache: validateAfterInactivity 2 s by default.
  // Apache HttpClient: ValidateConnectionNotStale.
  spec(
    "is made of a connection that was idle for longer than `validateAfterInactivity`, and not of one just used",
    { validateAfterInactivity: 1000 },
    function* ({ ask, factory, pass, take, touch }) {
      touch(a)
      yield* pass(1000)
      take(a).release()
      assert.strictEqual(factory.probes.length, 0)
      yield* pass(1001)
      const waiter = ask(a)
      assert.isTrue(waiter.isWaiting)
      assert.strictEqual(factory.probes.length, 1)
      factory.probed(1).succeed()
      assert.strictEqual(waiter.connection.id, 1)
      assert.isTrue(waiter.lease.isReused)
      waiter.release()
    },
    probing
  )

  // Apache: testValidateConnectionStale. Hikari: a connection that fails its test is replaced.
  // generic-pool, tarn, lightning-pool: a waiter that fails validation stays first.
  spec(
    "that fails closes the connection, and the waiter gets the next one, or a new one",
    { validateAfterInactivity: 1000 },
    function* ({ ask, closedBy, factory, pass, take }) {
      const leases = [take(a), take(a)]
      for (const lease of leases) lease.release()
      yield* pass(2000)
      const waiter = ask(a)
      assert.strictEqual(factory.probed(1).connection.id, 2)
      factory.probed(1).fail("stale")
      assert.strictEqual(factory.probed(2).connection.id, 1)
      factory.probed(2).fail("stale")
      assert.strictEqual(waiter.connection.id, 3)
      assert.strictEqual(closedBy("validation-failed"), 2)
      waiter.release()
    },
    probing
  )

  spec(
    "takes the oldest first under `leaseOrder: fifo`, and gives it to the waiter",
    { validateAfterInactivity: 1000, leaseOrder: "fifo" },
    function* ({ ask, factory, idleIds, pass, take }) {
      const leases = [take(a), take(a), take(a)]
      for (const lease of leases) lease.release()
      yield* pass(2000)
      const waiter = ask(a)
      assert.strictEqual(factory.probed(1).connection.id, 1)
      factory.probed(1).succeed()
      assert.strictEqual(waiter.connection.id, 1)
      assert.deepStrictEqual(idleIds(a), [2, 3])
      waiter.release()
    },
    probing
  )

  spec(
    "that takes longer than `validationTimeout` has failed",
    { validateAfterInactivity: 1000, validationTimeout: 300 },
    function* ({ ask, closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(2000)
      const waiter = ask(a)
      yield* pass(299)
      assert.isTrue(waiter.isWaiting)
      yield* pass(1)
      assert.strictEqual(waiter.connection.id, 2)
      assert.strictEqual(closedBy("validation-failed"), 1)
      assert.isTrue(factory.probed(1).isInterrupted)
      waiter.release()
    },
    probing
  )

  spec(
    "that runs when the deadline passes names the phase in the error",
    { validateAfterInactivity: 1000, acquireTimeout: 100 },
    function* ({ ask, factory, pass, touch }) {
      touch(a)
      yield* pass(2000)
      const waiter = ask(a)
      yield* pass(100)
      assert.strictEqual(waiter.failure, "AcquireTimeout validation")
      factory.probed(1).succeed()
    },
    probing
  )

  // generic-pool: a waiter cancelled during validation returns the resource. js.md: one waiter timing out orphans nothing.
  // generic-pool, tarn, lightning-pool: a timed-out waiter orphans nothing.
  spec(
    "whose waiter has left puts the connection back where its age belongs",
    { validateAfterInactivity: 1000 },
    function* ({ ask, factory, idleIds, pass, take, touch }) {
      const leases = [take(a), take(a)]
      leases[0]?.release()
      yield* pass(10)
      leases[1]?.release()
      yield* pass(2000)
      const waiter = ask(a)
      const held = take(b)
      yield* pass(5)
      waiter.withdraw()
      const third = ask(a)
      factory.probed(1).succeed()
      assert.strictEqual(third.connection.id, 2)
      third.release()
      held.release()
      assert.deepStrictEqual(idleIds(a), [1, 2])
      assert.strictEqual(touch(a).id, 2)
    },
    probing
  )

  spec(
    "that succeeds lets the connection age on: it expires at its time",
    { validateAfterInactivity: 1000, idleTimeout: 5000 },
    function* ({ ask, closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(4000)
      ask(a).withdraw()
      factory.probed(1).succeed()
      yield* pass(999)
      assert.strictEqual(factory.open.size, 1)
      yield* pass(1)
      assert.strictEqual(closedBy("idle-timeout"), 1)
    },
    probing
  )

  spec(
    "is made for each waiter, and for no more connections than there are waiters",
    { validateAfterInactivity: 1000 },
    function* ({ ask, factory, pass, take }) {
      const leases = Array.from({ length: 5 }, () => take(a))
      for (const lease of leases) lease.release()
      yield* pass(2000)
      const waiters = [ask(a), ask(a)]
      assert.strictEqual(factory.probes.length, 2)
      assert.strictEqual(factory.dials.length, 5)
      factory.probed(1).succeed()
      factory.probed(2).succeed()
      for (const waiter of waiters) waiter.release()
    },
    probing
  )

  spec(
    "does not keep a waiter from a connection that comes back meanwhile",
    { validateAfterInactivity: 1000 },
    function* ({ ask, factory, idleIds, pass, take }) {
      const leases = [take(a), take(a)]
      leases[0]?.release()
      yield* pass(2000)
      const waiter = ask(a)
      leases[1]?.release()
      assert.strictEqual(waiter.connection.id, 2)
      factory.probed(1).succeed()
      assert.deepStrictEqual(idleIds(a), [1])
      waiter.release()
    },
    probing
  )

  spec(
    "is not waited for where a shared connection has a free slot",
    { validateAfterInactivity: 1000, slotsPerConnectionMax: 2 },
    function* ({ factory, pass, take }) {
      const leases = [take(a), take(a), take(a)]
      leases[0]?.release()
      leases[1]?.release()
      yield* pass(2000)
      const lease = take(a)
      assert.strictEqual(lease.connectionId, 2)
      assert.strictEqual(factory.probes.length, 0)
      leases[2]?.release()
      lease.release()
    },
    probing
  )

  spec(
    "under `validateAfterInactivity: 0` is made before each reuse, and not of a new connection",
    { validateAfterInactivity: 0 },
    ({ ask, factory, touch }) => {
      touch(a)
      assert.strictEqual(factory.probes.length, 0)
      const waiter = ask(a)
      assert.strictEqual(factory.probes.length, 1)
      factory.probed(1).succeed()
      waiter.release()
      const next = ask(a)
      assert.strictEqual(factory.probes.length, 2)
      factory.probed(2).succeed()
      next.release()
    },
    probing
  )

  spec(
    "that has just succeeded holds, even if the next look comes a little later",
    { validateAfterInactivity: 0 },
    function* ({ ask, factory, touch }) {
      touch(a)
      const waiters = [ask(a), ask(a), ask(a)]
      yield* settled
      factory.probed(1).succeed()
      assert.strictEqual(factory.probes.length, 1)
      for (const waiter of waiters) waiter.release()
    },
    probing
  )

  spec(
    "of `never` is not made",
    { validateAfterInactivity: "never", idleTimeout: "never" },
    function* ({ factory, pass, take, touch }) {
      touch(a)
      yield* pass(10 ** 9)
      take(a).release()
      assert.strictEqual(factory.probes.length, 0)
    },
    probing
  )

  // js.md: validation throwing means invalid.
  spec(
    "that throws before it returns an effect has failed",
    { validateAfterInactivity: 1000 },
    function* ({ ask, closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(2000)
      factory.probe = () => {
        throw new Error("not even an effect")
      }
      ask(a).release()
      assert.strictEqual(closedBy("validation-failed"), 1)
    },
    probing
  )

  // hyper: a connection that turns out closed when it is received. OkHttp: coalescedConnectionDestroyedAfterAcquire.
  spec(
    "is cut short when the peer ends the connection, and the waiter is dialled for instead",
    {},
    function* ({ ask, closedBy, factory, pass, touch }) {
      const connection = touch(a)
      yield* pass(2001)
      const waiter = ask(a)
      connection.end()
      yield* settled
      assert.isTrue(factory.probed(1).isInterrupted)
      assert.strictEqual(closedBy("peer-closed"), 1)
      assert.strictEqual(waiter.connection.id, 2)
      waiter.release()
    },
    probing
  )

  spec(
    "does not bring back a connection whose uses the peer has ended meanwhile",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, closedBy, factory, pass, touch }) {
      const connection = touch(a)
      yield* pass(2001)
      const waiter = ask(a)
      connection.control.limitUses(0)
      factory.probed(1).succeed()
      assert.strictEqual(closedBy("uses"), 1)
      assert.strictEqual(waiter.connection.id, 2)
      waiter.release()
    },
    probing
  )

  spec(
    "keeps the connection from being evicted, trimmed or closed as idle meanwhile",
    { connectionsMax: 1, idleTimeout: 3000 },
    function* ({ ask, closedBy, factory, pass, pool, touch }) {
      touch(a)
      yield* pass(2500)
      const waiter = ask(a)
      const other = ask(b)
      yield* pool.closeIdle()
      yield* pass(1000)
      assert.strictEqual(closedBy("idle-timeout") + closedBy("evicted-for-other-route") + closedBy("closed-idle"), 0)
      factory.probed(1).fail("stale")
      // What the failed probe gives back goes to b, which had waited for the total before a had to.
      other.release()
      waiter.release()
    },
    probing
  )
})

/** A small generator of pseudo-random numbers from 0 to 1: the same for the same seed. */
const seeded = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
