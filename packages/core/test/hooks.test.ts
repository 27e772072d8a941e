/**
 * A factory whose hooks throw: the defect is reported, and nothing is lost.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { a, settled, spec } from "./support/withPool.ts"

const broken = (): never => {
  throw new Error("broken hook")
}

describe("a hook that throws", () => {
  spec(
    "on a lease loses neither the lease nor the waiter",
    { connectionsPerRouteMax: 1 },
    ({ ask, factory, state, take, takeDefects }) => {
      factory.onLease = broken
      const held = take(a)
      const waiter = ask(a)
      held.release()
      assert.isTrue(waiter.lease.isLive)
      waiter.release()
      assert.strictEqual(state.activeCount, 0)
      assert.strictEqual(takeDefects().length, 2)
    }
  )

  spec("on falling idle keeps the connection for the next caller", {}, ({ factory, takeDefects, touch }) => {
    factory.onIdle = broken
    touch(a)
    assert.strictEqual(touch(a).id, 1)
    assert.strictEqual(takeDefects().length, 2)
  })

  spec("on a dial that nobody needed keeps the connection", {}, ({ ask, factory, idleIds, takeDefects }) => {
    factory.onIdle = broken
    factory.isAutomatic = false
    ask(a).withdraw()
    factory.dial(1).succeed()
    assert.deepStrictEqual(idleIds(a), [1])
    assert.strictEqual(takeDefects().length, 1)
  })

  spec(
    "when asked whether a connection outlives its user's failure has it closed",
    {},
    function* ({ closedBy, factory, pool, state, takeDefects }) {
      factory.isReusableAfter = broken
      const exit = yield* Effect.exit(pool.use(a, () => Effect.fail("mine")))
      assert.deepStrictEqual(exit, Exit.fail("mine"))
      assert.strictEqual(closedBy("use-failed"), 1)
      yield* Effect.scoped(pool.acquire(a))
      assert.strictEqual(state.activeCount, 0)
      assert.strictEqual(takeDefects().length, 2)
    }
  )

  spec(
    "in a connection's close gives the permit back",
    { connectionsPerRouteMax: 1 },
    function* ({ ask, factory, take }) {
      const { connect } = factory
      factory.connect = (route, control) =>
        Effect.tap(connect(route, control), () => Effect.addFinalizer(() => Effect.sync(broken)))
      const held = take(a)
      const waiter = ask(a)
      held.discard()
      yield* settled
      assert.strictEqual(waiter.connection.id, 2)
      waiter.release()
      assert.strictEqual(factory.openMax, 1)
    }
  )
})

describe("a hook of a factory written as a class", () => {
  spec("sees the factory's own fields", {}, function* ({ factory, pass, pool, take }) {
    const seen: Array<boolean> = []
    factory.isReusableAfter = function (this: unknown) {
      seen.push(this === factory)
      return true
    }
    factory.probe = function (this: unknown) {
      seen.push(this === factory)
      return Effect.void
    }
    yield* pool.use(a, () => Effect.void)
    yield* pass(5000)
    take(a).release()
    assert.deepStrictEqual(seen, [true, true])
  })
})

describe("a hook that comes back into the pool", () => {
  spec("on falling idle may close what has fallen idle", {}, ({ closedBy, factory, pool, touch }) => {
    factory.onIdle = () => {
      Effect.runSync(pool.closeIdle())
    }
    touch(a)
    touch(a)
    assert.strictEqual(closedBy("closed-idle") + factory.open.size, 2)
  })

  spec(
    "on a lease may withdraw the caller that it is for: the lease stays in the pool",
    { connectionsPerRouteMax: 1 },
    ({ ask, factory, state, take }) => {
      const held = take(a)
      const waiter = ask(a)
      const next = ask(a)
      factory.onLease = () => {
        factory.onLease = undefined
        waiter.withdraw()
      }
      held.release()
      assert.isTrue(next.lease.isLive)
      assert.strictEqual(state.activeCount, 1)
      next.release()
    }
  )

  spec("on a lease may lease another", {}, ({ factory, pool, state, take, touch }) => {
    const first = take(a)
    touch(a)
    first.release()
    const inner: Array<{ release(): void }> = []
    factory.onLease = () => {
      factory.onLease = undefined
      const lease = pool.leaseIdleUnsafe(a)
      if (lease !== undefined) inner.push(lease)
    }
    const outer = take(a)
    assert.strictEqual(inner.length, 1)
    assert.strictEqual(state.activeCount, 2)
    outer.release()
    for (const lease of inner) lease.release()
  })
})
