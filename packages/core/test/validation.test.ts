/**
 * Checking connections: probes before use, pings while idle.
 */
import { assert, describe, it } from "@effect/vitest"
import { a, settled, withPool } from "./support/withPool.ts"

describe("validation", () => {
  it.effect("closes a connection that the peer ends while it is being probed, and dials for the waiter instead", () =>
    withPool(
      {},
      function* ({ ask, closedBy, factory, pass, touch }) {
        const connection = touch(a)
        yield* pass(2001)
        const waiter = ask(a)
        assert.strictEqual(factory.probes.length, 1)
        connection.end()
        yield* settled
        assert.isTrue(factory.probed(1).isInterrupted)
        assert.strictEqual(closedBy("peer-closed"), 1)
        assert.strictEqual(waiter.connection.id, 2)
        waiter.release()
      },
      { factory: { probes: "manual" } }
    )
  )
})
