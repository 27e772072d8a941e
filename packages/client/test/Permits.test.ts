/**
 * What counts against the limits on connections, in virtual time.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { begun, respond, spec } from "./support/time.ts"
import { settled } from "./support/world.ts"

expectNothingLeft()

describe("a connection that takes its time to close", () => {
  spec(
    "counts against the limit until the system has its descriptor back",
    { pool: { connectionsPerRouteMax: 1 }, http: { drainByteCountMax: 0 } },
    function* (world) {
      const { call, counts, network, start } = world
      const response = yield* respond(world, begun(100, "ab"))
      const given = Promise.withResolvers<void>()
      network.connection(1).released = given.promise
      response.discard()
      const next = yield* start(call())
      yield* settled
      assert.isFalse(network.connection(1).isOpen)
      assert.strictEqual((yield* counts).connections, 1)
      assert.strictEqual(network.connections.length, 1)
      given.resolve()
      yield* Effect.promise(() => given.promise)
      yield* settled
      assert.strictEqual(network.connections.length, 2)
      network.connection(2).answer("x")
      assert.strictEqual(yield* (yield* Fiber.join(next)).text, "x")
    }
  )
})
