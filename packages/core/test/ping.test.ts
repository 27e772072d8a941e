/**
 * Keeping idle connections alive, and finding the dead among them.
 */
import { assert, describe } from "@effect/vitest"
import { a, spec } from "./support/withPool.ts"

const pinging = { factory: { pings: "manual" } } as const

describe("a ping", () => {
  const pinged = { pingInterval: 1000, pingJitterRatio: 0, idleTimeout: 10_000 } as const

  // Hikari: testKeepalive. Pingora: the first ping is delayed by one interval.
  spec(
    "is made of an idle connection at every interval, and leaves its age as it was",
    pinged,
    function* ({ closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(999)
      assert.strictEqual(factory.pings.length, 0)
      for (let count = 1; count <= 9; count++) {
        yield* pass(count === 1 ? 1 : 1000)
        assert.strictEqual(factory.pings.length, count)
        factory.pinged(count).succeed()
      }
      yield* pass(1000)
      assert.strictEqual(closedBy("idle-timeout"), 1)
    },
    pinging
  )

  spec(
    "puts each connection back where its age belongs",
    pinged,
    function* ({ factory, idleIds, pass, take, touch }) {
      const leases = [take(a), take(a)]
      leases[0]?.release()
      yield* pass(500)
      leases[1]?.release()
      yield* pass(500)
      assert.strictEqual(factory.pinged(1).connection.id, 1)
      factory.pinged(1).succeed()
      assert.deepStrictEqual(idleIds(a), [1, 2])
      assert.strictEqual(touch(a).id, 2)
    },
    pinging
  )

  spec(
    "that fails closes the connection",
    pinged,
    function* ({ closedBy, factory, pass, touch }) {
      touch(a)
      yield* pass(1000)
      factory.pinged(1).fail("gone")
      assert.strictEqual(closedBy("validation-failed"), 1)
      assert.strictEqual(factory.open.size, 0)
    },
    pinging
  )

  // reactor-pool, reactor-netty: connectionLivenessCheckInProgressExcludesConnectionFromAcquisition.
  spec(
    "keeps the connection from being leased meanwhile: a caller gets another, or the same if its ping ends sooner",
    pinged,
    function* ({ ask, factory, pass, take, touch }) {
      touch(a)
      yield* pass(1000)
      factory.isAutomatic = false
      const [first, second] = [ask(a), ask(a)]
      assert.strictEqual(factory.dials.length, 3)
      factory.dial(2).succeed()
      assert.strictEqual(first.connection.id, 2)
      factory.pinged(1).succeed()
      assert.strictEqual(second.connection.id, 1)
      factory.dial(3).succeed()
      first.release()
      second.release()
      take(a).release()
    },
    pinging
  )

  spec(
    "makes a probe before use needless",
    { ...pinged, validateAfterInactivity: 1500 },
    function* ({ factory, pass, take, touch }) {
      touch(a)
      yield* pass(1000)
      factory.pinged(1).succeed()
      yield* pass(999)
      take(a).release()
      assert.strictEqual(factory.probes.length, 0)
    },
    { factory: { pings: "manual", probes: "manual" } }
  )

  spec(
    "is made with the probe where the factory has no ping",
    pinged,
    function* ({ factory, pass, touch }) {
      touch(a)
      yield* pass(1000)
      assert.strictEqual(factory.probes.length, 1)
    },
    { factory: { probes: "automatic" } }
  )

  spec(
    "asked for where there is nothing to ping with changes nothing: idle connections expire",
    pinged,
    function* ({ closedBy, listen, pass, touch }) {
      const heard = yield* listen
      touch(a)
      yield* pass(10_000)
      assert.strictEqual(closedBy("idle-timeout"), 1)
      assert.isFalse((yield* heard).some((event) => event._tag === "Validated"))
    }
  )

  spec(
    "comes earlier by a random part of up to `pingJitterRatio`",
    { ...pinged, pingJitterRatio: 0.5 },
    function* ({ factory, pass, take }) {
      const leases = Array.from({ length: 60 }, () => take(a))
      for (const lease of leases) lease.release()
      yield* pass(499)
      assert.strictEqual(factory.pings.length, 0)
      yield* pass(250)
      assert.isTrue(factory.pings.length > 0 && factory.pings.length < 60, `${factory.pings.length}`)
      yield* pass(251)
      assert.strictEqual(new Set(factory.pings.map((ping) => ping.connection)).size, 60)
      for (const ping of factory.pings) ping.succeed()
    },
    pinging
  )

  spec(
    "is made no more once it is switched off while running",
    pinged,
    function* ({ factory, pass, pool, touch }) {
      touch(a)
      yield* pass(500)
      yield* pool.configure({ idleTimeout: 10_000 })
      yield* pass(3000)
      touch(a)
      yield* pass(5000)
      assert.strictEqual(factory.pings.length, 0)
    },
    pinging
  )

  spec(
    "under way ends with the pool",
    pinged,
    function* ({ factory, pass, pool, touch }) {
      touch(a)
      yield* pass(1000)
      yield* pool.shutdown()
      assert.isTrue(factory.pinged(1).isInterrupted)
    },
    pinging
  )
})
