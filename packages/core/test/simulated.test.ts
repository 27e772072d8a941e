/**
 * What the simulator has found (`npm run simulate`), each as a spec of its own; the commit that fixed it names the seed.
 */
import { it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { assert } from "vitest"
import { Route } from "../src/index.ts"
import { a, b, c, settled, withPool } from "./support/withPool.ts"

const d = Route.of("test", "d", 1)

it.effect("keeps a new route while the one that gives way for it is still closing", () =>
  withPool(
    { routesMax: 1 },
    function* ({ ask, factory, pool, touch }) {
      touch(a)
      const caller = ask(b)
      factory.finishCloses()
      caller.release()
      const again = ask(b)
      assert.strictEqual(again.connection, caller.connection)
      again.release()
      assert.deepStrictEqual(
        (yield* pool.stats).routes.map(({ connections, route }) => [route, connections.used]),
        [["test://b:1", 1]]
      )
    },
    { factory: { closes: "manual" } }
  )
)

it.effect("dials for a caller that gave up its turn to dial while no more leases could be out", () =>
  withPool(
    { activeMax: 1, diallingMax: 1 },
    ({ ask, factory }) => {
      const first = ask(a)
      const second = ask(b)
      factory.dial(1).succeed()
      first.lease.discard()
      factory.dial(2).succeed()
      second.release()
    },
    { factory: { dials: "manual" } }
  )
)

it.effect("wakes a caller at the end of a back-off in which an earlier caller has come and gone", () =>
  withPool(
    { dialBackoffBase: 100, dialBackoffMax: 100 },
    function* ({ ask, factory, pass }) {
      for (const number of [1, 2]) {
        ask(a)
        factory.dial(number).fail("down")
      }
      ask(a).withdraw()
      const caller = ask(a)
      yield* pass(100)
      factory.dial(3).succeed()
      caller.release()
    },
    { factory: { dials: "manual" } }
  )
)

it.effect("leases no connection that ends without a word while its probe succeeds", () =>
  withPool(
    { validateAfterInactivity: 0 },
    function* ({ ask, closedBy, factory, pass, touch }) {
      const first = touch(a)
      const caller = ask(a)
      first.isOpen = false
      factory.probed(1).succeed()
      yield* pass(0)
      assert.notStrictEqual(caller.connection, first)
      assert.strictEqual(closedBy("peer-closed"), 1)
      caller.release()
    },
    { factory: { probes: "manual" } }
  )
)

it.effect("opens nothing for a route that it has forgotten, when a check of one of its connections ends late", () =>
  withPool(
    { routesMax: 1, idlePerRouteMin: 1, pingInterval: 100, pingJitterRatio: 0 },
    function* ({ ask, factory, pass, pool, state, touch }) {
      const answer = Deferred.makeUnsafe<void>()
      factory.ping = () => Effect.uninterruptible(Deferred.await(answer))
      touch(a)
      yield* pass(100)
      yield* pool.closeIdle(a)
      for (const connection of factory.open) connection.end()
      const caller = ask(b)
      caller.release()
      Deferred.doneUnsafe(answer, Effect.void)
      yield* settled
      assert.strictEqual(factory.countOf(a), 0)
      assert.deepStrictEqual(Array.from(state.routes.keys()), [b.key])
    },
    { factory: { pings: "automatic" } }
  )
)

// Without it this spec does not fail but never comes back: the pool went round on the stack of one call.
it.effect("comes to rest when two callers wait for both the total and a place among the dials", () =>
  withPool(
    { connectionsMax: 3, diallingMax: 1 },
    ({ ask, factory }) => {
      const idle = [ask(c), ask(c)]
      factory.dial(1).succeed()
      factory.dial(2).succeed()
      const first = ask(a)
      for (const caller of idle) caller.release()
      const waiters = [ask(b), ask(d)]
      factory.dial(3).succeed()
      factory.finishCloses()
      factory.dial(4).succeed()
      factory.dial(5).succeed()
      for (const caller of [first, ...waiters]) caller.release()
    },
    { factory: { dials: "manual", closes: "manual" } }
  )
)
