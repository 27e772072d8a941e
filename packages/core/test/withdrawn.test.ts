/**
 * A connection whose factory says that it leads where its route no longer leads.
 */
import { assert, describe } from "@effect/vitest"
import { a, spec } from "./support/withPool.ts"

describe("a connection that is withdrawn", () => {
  // Envoy: StrictDnsClusterImplTest, hosts that a resolution no longer holds are removed.
  spec("while idle is closed at once", {}, ({ closedBy, factory, touch }) => {
    touch(a)
    factory.dial(1).control.drain("withdrawn")
    assert.strictEqual(closedBy("withdrawn"), 1)
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(touch(a).id, 2)
  })

  spec("while leased takes no new lease, and is closed when it comes back", {}, ({ closedBy, factory, take }) => {
    const held = take(a)
    factory.dial(1).control.drain("withdrawn")
    assert.isTrue(held.isLive)
    assert.strictEqual(factory.open.size, 1)
    const next = take(a)
    assert.strictEqual(next.connectionId, 2)
    held.release()
    assert.strictEqual(closedBy("withdrawn"), 1)
    assert.strictEqual(factory.open.size, 1)
    next.release()
  })

  spec(
    "before its dial has ended is no failed dial: the caller has another connection, without a pause",
    { dialBackoffBase: "1 second" },
    ({ ask, closedBy, factory, state }) => {
      const waiter = ask(a)
      factory.dial(1).control.drain("withdrawn")
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      assert.strictEqual(waiter.connection.id, 2)
      assert.strictEqual(closedBy("withdrawn"), 1)
      assert.strictEqual(state.counters.connectFailedCount, 0)
      waiter.release()
    },
    { factory: { dials: "manual" } }
  )
})
