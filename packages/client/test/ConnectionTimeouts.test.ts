/**
 * The time limits on the way to a connection, to the millisecond, in virtual time; and what the errors say.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { endsAfter, spec, timeoutOf } from "./support/time.ts"
import { settled } from "./support/world.ts"

expectNothingLeft()

describe("waiting for a connection", () => {
  spec(
    "ends after the pool's acquireTimeout, with who holds it",
    { pool: { connectionsPerRouteMax: 1, acquireTimeout: 100 } },
    function* ({ call, network, start }) {
      const holder = yield* start(call({ holder: "the slow report" }))
      const waiter = yield* start(Effect.flip(call()))
      const error = yield* endsAfter(waiter, 100)
      assert.strictEqual(error.reason._tag, "NoConnection")
      assert.strictEqual(
        error.message,
        "GET http://127.0.0.1:80/: http://127.0.0.1:80: no connection within 100 ms, waited 100 ms (queue): " +
          "all 1 connections of the route are in use (connectionsPerRouteMax 1, from pool); 1 caller waits; " +
          "held longest by the slow report for 100 ms"
      )
      assert.strictEqual(error.retry, "always")
      network.connection(1).answer("x")
      yield* settled
      assert.isDefined(holder.pollUnsafe())
    }
  )

  spec(
    "ends when the call's own time is over, with why there was no connection",
    {
      pool: { connectionsPerRouteMax: 1, acquireTimeout: 200 }
    },
    function* ({ call, network, start }) {
      yield* start(call())
      const waiter = yield* start(Effect.flip(call({ timeout: 50 })))
      const error = yield* endsAfter(waiter, 50)
      assert.deepInclude(timeoutOf(error), { phase: "request", timeoutMillis: 50, waitedFor: "connection" })
      assert.strictEqual(
        error.message,
        "GET http://127.0.0.1:80/: not finished within 50 ms (requestTimeout), waiting for a connection: " +
          "http://127.0.0.1:80: all 1 connections of the route are in use (connectionsPerRouteMax 1, from pool); " +
          "1 caller waits; held longest by an unnamed caller for 50 ms"
      )
      assert.strictEqual(error.retry, "always")
      network.connection(1).answer("x")
    }
  )

  spec(
    "ends after the acquireTimeout of the route, though the call would have more time",
    {
      pool: {
        connectionsPerRouteMax: 1,
        acquireTimeout: "10 seconds",
        overrides: [{ match: "http://127.0.0.1:80", acquireTimeout: 30 }]
      }
    },
    function* ({ call, network, start }) {
      yield* start(call())
      const waiter = yield* start(Effect.flip(call({ timeout: 5000 })))
      assert.strictEqual((yield* endsAfter(waiter, 30)).reason._tag, "NoConnection")
      network.connection(1).answer("x")
    }
  )

  for (const phase of ["dns", "tcp", "tls"] as const) {
    spec(
      `ends after connectTimeout, naming the phase ${phase}`,
      { pool: { connectTimeout: 70 } },
      function* ({ call, network, start }) {
        network.stuckIn = phase
        const caller = yield* start(Effect.flip(call()))
        const error = yield* endsAfter(caller, 70)
        assert.strictEqual(
          error.message,
          `GET http://127.0.0.1:80/: http://127.0.0.1:80: connect not finished within 70 ms (connectTimeout), in phase ${phase}`
        )
        assert.strictEqual(error.retry, "always")
      }
    )
  }

  spec(
    "ends after acquireTimeout while it is being opened",
    { pool: { connectTimeout: "never", acquireTimeout: 70, surplusDial: "cancel" } },
    function* ({ call, network, start }) {
      network.stuckIn = "tcp"
      const caller = yield* start(Effect.flip(call()))
      const error = yield* endsAfter(caller, 70)
      assert.include(error.message, "no connection within 70 ms, waited 70 ms (connect:tcp)")
    }
  )
})
