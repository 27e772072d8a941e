/**
 * What the pool learns of a peer that closes idle connections.
 */
import { assert, describe } from "@effect/vitest"
import { a, settled, spec } from "./support/withPool.ts"

describe("what is learned of a peer that closes idle connections", () => {
  const learning = { idleTimeout: 60_000, validateAfterInactivity: "never" } as const

  /** The peer closes the route's connection after it was idle for so long. */
  const closedAfter = function* (world: Parameters<Parameters<typeof spec>[2]>[0], millis: number) {
    const connection = world.touch(a)
    yield* world.pass(millis)
    connection.end()
    yield* world.pass(2000)
  }

  spec("after three times at the same age closes them before that age", learning, function* (world) {
    const { closedBy, factory, pass, touch } = world
    for (const millis of [5000, 5010, 4990]) yield* closedAfter(world, millis)
    touch(a)
    // A tenth before the least age seen: 4990 - 499.
    yield* pass(4490)
    assert.strictEqual(factory.open.size, 1)
    yield* pass(1)
    assert.strictEqual(factory.open.size, 0)
    assert.strictEqual(closedBy("idle-learned"), 1)
  })

  spec("says nothing as long as the ages lie apart", learning, function* (world) {
    for (const millis of [5000, 9000, 2000, 7000]) yield* closedAfter(world, millis)
    world.touch(a)
    yield* world.pass(59_999)
    assert.strictEqual(world.factory.open.size, 1)
  })

  spec(
    "counts connections that end all at once, as when a peer restarts, for one",
    learning,
    function* ({ factory, pass, take, touch }) {
      const leases = Array.from({ length: 5 }, () => take(a))
      for (const lease of leases) lease.release()
      yield* pass(3000)
      for (const lease of leases) lease.connection.end()
      touch(a)
      yield* pass(59_999)
      assert.strictEqual(factory.open.size, 1)
    }
  )

  spec("leaves out connections that never were used", learning, function* ({ factory, pass, pool, touch }) {
    for (let count = 1; count <= 3; count++) {
      yield* pool.warm(a, 1)
      yield* pass(5000)
      factory.dial(count).connection.end()
      yield* pass(2000)
    }
    touch(a)
    yield* pass(59_999)
    assert.strictEqual(factory.open.size, 1)
  })

  spec(
    "is forgotten after a quarter of an hour, and one older observation does not bring it back",
    learning,
    function* (world) {
      const { factory, pass, touch } = world
      for (const millis of [5000, 5000, 5000]) yield* closedAfter(world, millis)
      yield* pass(15 * 60_000)
      touch(a)
      yield* pass(59_999)
      assert.strictEqual(factory.open.size, 1)
      yield* pass(1)
      yield* closedAfter(world, 20_000)
      touch(a)
      yield* pass(59_999)
      assert.strictEqual(factory.open.size, 1)
    }
  )

  spec("is not learned under `isIdleLearned: false`", { ...learning, isIdleLearned: false }, function* (world) {
    for (const millis of [5000, 5000, 5000]) yield* closedAfter(world, millis)
    world.touch(a)
    yield* world.pass(59_999)
    assert.strictEqual(world.factory.open.size, 1)
  })

  spec("is nothing from a peer that closes at once, for it is in trouble", learning, function* (world) {
    for (const millis of [50, 0, 20, 999]) yield* closedAfter(world, millis)
    world.touch(a)
    yield* world.pass(59_999)
    assert.strictEqual(world.factory.open.size, 1)
    assert.strictEqual(world.closedBy("idle-learned"), 0)
  })

  spec("of the least patient peer never makes the pool dial in a circle", learning, function* (world) {
    for (const millis of [1000, 1000, 1000]) yield* closedAfter(world, millis)
    const before = world.factory.dials.length
    world.touch(a)
    yield* settled
    assert.strictEqual(world.factory.dials.length, before + 1)
  })
})
