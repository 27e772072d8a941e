/**
 * Configuration: what is refused and how, overrides and where a value came from, changing it while running.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ConnectionPool, type PoolConfig, PoolConfigError, Route } from "../src/index.ts"
import { parse, poolDefaults, routeDefaults } from "../src/PoolConfig.ts"
import { matches, resolvePool, resolveRoute, sourceOf } from "../src/Settings.ts"
import { ScriptedFactory } from "./support/ScriptedFactory.ts"
import { a, b, spec } from "./support/withPool.ts"

const problemsOf = (config: PoolConfig) => Effect.map(Effect.flip(parse(config)), (error) => error.problems)

/** A configuration as it comes from a file: of no type yet. */
const untyped = (config: Record<string, unknown>): PoolConfig => config

const limitsOf = (config: PoolConfig, route: Route.Route = a) =>
  Effect.map(parse(config), (parsed) => resolveRoute(parsed, route))

describe("a configuration", () => {
  // Ribbon, Zuul, Feign, Spring Cloud Gateway: defaults and customization.
  it.effect("may be empty: every knob has a default", () =>
    Effect.gen(function* () {
      const parsed = yield* parse({})
      assert.deepStrictEqual(resolvePool(parsed), poolDefaults)
      assert.deepStrictEqual(resolveRoute(parsed, a).settings, routeDefaults)
    })
  )

  // Feign, Ribbon: a key that is silently ignored.
  it.effect("with unknown keys is refused, naming the nearest ones", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf(
        untyped({ conectionsMax: 5, idleTimeot: "1 second", overrides: [{ match: "x", pendngPerRouteMax: 1 }], zzz: 1 })
      )
      assert.sameMembers(Array.from(problems), [
        "conectionsMax: unknown key; did you mean connectionsMax?",
        "idleTimeot: unknown key; did you mean idleTimeout?",
        "zzz: unknown key",
        "overrides.0.pendngPerRouteMax: unknown key; did you mean pendingPerRouteMax?"
      ])
    })
  )

  // Istio: TestValidateConnectionPool. tarn: a timeout of 0 at construction.
  const refused: ReadonlyArray<readonly [string, Record<string, unknown>, string]> = [
    ["a limit of 0 where 1 is the least", { connectionsMax: 0 }, "connectionsMax: must be a whole number from 1 to"],
    ["a negative limit", { pendingPerRouteMax: -1 }, "pendingPerRouteMax: must be a whole number from 0 to"],
    ["a limit that is not whole", { activeMax: 1.5 }, "activeMax: must be a whole number from 1 to"],
    ["a limit that is not a number", { idleMax: "many" }, "idleMax: must be a whole number from 0 to"],
    ["a negative time", { idleTimeout: -1 }, "idleTimeout:"],
    ["a time that is none", { acquireTimeout: "soon" }, "acquireTimeout:"],
    ["`never` where it cannot be", { closeTimeout: "never" }, "closeTimeout:"],
    ["a ratio above 1", { lifetimeJitterRatio: 1.1 }, "lifetimeJitterRatio:"],
    ["a word outside the set", { leaseOrder: "random" }, 'leaseOrder: Expected "lifo" | "fifo"'],
    ["an empty name", { name: "" }, "name:"],
    ["an override that matches nothing", { overrides: [{ match: "" }] }, "overrides.0.match:"]
  ]
  for (const [what, config, start] of refused) {
    it.effect(`with ${what} is refused`, () =>
      Effect.gen(function* () {
        const problems = yield* problemsOf(untyped(config))
        assert.strictEqual(problems.length, 1, problems.join("\n"))
        assert.isTrue(problems[0]?.startsWith(start), problems[0])
      })
    )
  }

  it.effect("is refused with all its problems at once, in a message of a line each", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(parse(untyped({ connectionsMax: 0, activeMax: -3, lease: 1 })))
      assert.instanceOf(error, PoolConfigError)
      assert.strictEqual(error.problems.length, 3)
      assert.strictEqual(error.message.split("\n").length, 4)
    })
  )

  const contradictory: ReadonlyArray<readonly [string, PoolConfig, string]> = [
    [
      "a minimum of idle connections above the limit on connections",
      { connectionsPerRouteMax: 2, idlePerRouteMin: 3 },
      "idlePerRouteMin: 3 is more than connectionsPerRouteMax 2 allows"
    ],
    [
      "a minimum of idle connections above the limit on idle ones",
      { idlePerRouteMax: 1, idlePerRouteMin: 2 },
      "idlePerRouteMin: 2 is more than idlePerRouteMax 1 keeps"
    ],
    [
      "a minimum of idle connections above the pool's limit on idle ones",
      { idleMax: 1, idlePerRouteMin: 2 },
      "idlePerRouteMin: 2 is more than idleMax 1 keeps"
    ],
    [
      "a minimum of idle connections that may not be idle for any time",
      { idleTimeout: 0, idlePerRouteMin: 1 },
      "idlePerRouteMin: 1 cannot be kept with an idleTimeout of 0"
    ],
    [
      "a minimum in an override above the limit that it inherits",
      { connectionsPerRouteMax: 2, overrides: [{ match: "x", idlePerRouteMin: 3 }] },
      "overrides.0.idlePerRouteMin: 3 is more than connectionsPerRouteMax 2 allows"
    ],
    [
      "guarantees that add up to more than the total",
      {
        connectionsMax: 5,
        overrides: [
          { match: "test://a:1", connectionsPerRouteGuaranteed: 3 },
          { match: "test://b:1", connectionsPerRouteGuaranteed: 3 }
        ]
      },
      "overrides: connectionsPerRouteGuaranteed adds up to 6, more than connectionsMax 5 can keep"
    ]
  ]
  for (const [what, config, problem] of contradictory) {
    it.effect(`with ${what} is refused`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* problemsOf(config), [problem])
      })
    )
  }

  it.effect("may guarantee the same route in several overrides, of which the last counts", () =>
    Effect.gen(function* () {
      yield* parse({
        connectionsMax: 5,
        overrides: [
          { match: "test://a:1", connectionsPerRouteGuaranteed: 4 },
          { match: "test://a:1", connectionsPerRouteGuaranteed: 3 }
        ]
      })
    })
  )

  // Ribbon, Zuul, Feign, Spring Cloud Gateway: poolKeepAliveWorksWithString.
  it.effect("takes times as text, as milliseconds and as durations", () =>
    Effect.gen(function* () {
      for (const idleTimeout of ["90 seconds", 90_000] as const) {
        assert.strictEqual((yield* limitsOf({ idleTimeout })).idleTimeoutMillis, 90_000)
      }
      assert.strictEqual((yield* limitsOf({ idleTimeout: "never" })).idleTimeoutMillis, Number.POSITIVE_INFINITY)
    })
  )

  it.effect("that is refused makes no pool", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const exit = yield* Effect.exit(ConnectionPool.make(new ScriptedFactory(), { connectionsMax: 0 }))
        assert.strictEqual(exit._tag, "Failure")
      })
    )
  )
})

describe("overrides", () => {
  const overrides: PoolConfig = {
    connectionsPerRouteMax: 10,
    overrides: [
      { match: "https://*.internal:*", connectionsPerRouteMax: 5, source: "mesh.yaml line 3" },
      { match: "*://api.internal:443", pendingPerRouteMax: 7 }
    ]
  }

  it.effect("apply to the routes that they match, knob by knob, and name their source", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf(overrides, Route.of("https", "api.internal", 443))
      assert.strictEqual(limits.connectionsMax, 5)
      assert.strictEqual(limits.pendingMax, 7)
      assert.strictEqual(sourceOf(limits, "connectionsPerRouteMax"), "mesh.yaml line 3")
      assert.strictEqual(sourceOf(limits, "pendingPerRouteMax"), "override *://api.internal:443")
      assert.strictEqual(sourceOf(limits, "idleTimeout"), "default")
      const other = yield* limitsOf(overrides, Route.of("http", "api.internal", 80))
      assert.strictEqual(other.connectionsMax, 10)
      assert.strictEqual(sourceOf(other, "connectionsPerRouteMax"), "pool")
    })
  )

  // Istio: TestMergeSubsetTrafficPolicy.
  it.effect("apply service first, then subset, then port, whatever their order", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({
        overrides: [
          { match: "*", level: "port", connectionsPerRouteMax: 3 },
          { match: "*", level: "service", connectionsPerRouteMax: 1, pendingPerRouteMax: 1, activePerRouteMax: 1 },
          { match: "*", level: "subset", connectionsPerRouteMax: 2, pendingPerRouteMax: 2 }
        ]
      })
      assert.deepStrictEqual([limits.connectionsMax, limits.pendingMax, limits.activeMax], [3, 2, 1])
    })
  )

  it.effect("of one level apply in the order given", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({
        overrides: [
          { match: "*", connectionsPerRouteMax: 1 },
          { match: "*", connectionsPerRouteMax: 2 }
        ]
      })
      assert.strictEqual(limits.connectionsMax, 2)
    })
  )

  // Istio: a subset that sets only connectionPool.http drops the parent's connectionPool.tcp.
  it.effect("under `merge: blocks` reset the rest of a block that they touch, and no other", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({
        connectionsPerRouteMax: 10,
        connectTimeout: 1234,
        pendingPerRouteMax: 20,
        activePerRouteMax: 30,
        overrides: [{ match: "*", merge: "blocks", source: "subset v2", pendingPerRouteMax: 5 }]
      })
      assert.strictEqual(limits.pendingMax, 5)
      assert.strictEqual(limits.activeMax, Number.POSITIVE_INFINITY)
      assert.strictEqual(sourceOf(limits, "activePerRouteMax"), "default, reset by subset v2")
      assert.strictEqual(limits.connectionsMax, 10)
      assert.strictEqual(limits.connectTimeoutMillis, 1234)
      assert.strictEqual(sourceOf(limits, "pendingPerRouteMax"), "subset v2")
    })
  )

  for (const [pattern, text, expected] of [
    ["*", "http://a:1", true],
    ["http://a:1", "http://a:1", true],
    ["HTTP://A:1", "http://a:1", true],
    ["http://a:1", "http://a:12", false],
    ["http://a:*", "http://a:12", true],
    ["http://*.b:1", "http://a.b:1", true],
    ["http://*.b:1", "http://.b:1", true],
    ["http://*.b:1", "http://b:1", false],
    ["http://*a*:1", "http://xay:1", true],
    ["*a*a*", "ba", false],
    ["*ab*ba*", "aba", false],
    ["a*a", "a", false],
    ["a*b*c", "a-c-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["a.c", "abc", false]
  ] as const) {
    it(`with the pattern ${pattern} ${expected ? "match" : "do not match"} ${text}`, () => {
      assert.strictEqual(matches(pattern, text), expected)
    })
  }
})

describe("each limit", () => {
  // Envoy, Istio: zero and unset are the same for every field.
  it.effect("tells unset, 0 and unlimited apart", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* limitsOf({})).pendingMax, 1000)
      assert.strictEqual((yield* limitsOf({ pendingPerRouteMax: 0 })).pendingMax, 0)
      assert.strictEqual((yield* limitsOf({ pendingPerRouteMax: "unlimited" })).pendingMax, Number.POSITIVE_INFINITY)
    })
  )
})

describe("changing the configuration of a running pool", () => {
  // lightning-pool: live options. Ribbon: testResize. Zuul: keys update the connection manager without a shutdown.
  // Ribbon, Zuul, Feign, Spring Cloud Gateway: zuulHostKeysUpdate*.
  spec("with one that cannot be used changes nothing", { connectionsPerRouteMax: 1 }, function* ({ ask, pool, take }) {
    const held = take(a)
    const waiter = ask(a)
    const error = yield* Effect.flip(pool.configure({ connectionsPerRouteMax: 5, connectionsMax: 0 }))
    assert.instanceOf(error, PoolConfigError)
    assert.isTrue(waiter.isWaiting)
    held.release()
    waiter.release()
  })

  spec(
    "puts all of it in force before anybody is served",
    {
      connectionsPerRouteMax: 1,
      connectionsMax: 2
    },
    function* ({ ask, factory, pool, take }) {
      const held = [take(a), take(b)]
      const waiters = [ask(a), ask(b)]
      held[0]?.release()
      // Closing one for a's lowered limit wakes b, which must find its own limit lowered as well.
      waiters[0]?.release()
      yield* pool.configure({
        connectionsMax: 1,
        overrides: [{ match: "test://b:1", connectionsPerRouteMax: 1 }]
      })
      assert.isAtMost(factory.open.size, 1)
      held[1]?.release()
      waiters[1]?.release()
      assert.isAtMost(factory.open.size, 1)
    }
  )

  spec(
    "replaces it as a whole: what is not given goes back to its default",
    { pendingPerRouteMax: 0 },
    function* ({ pool }) {
      yield* pool.configure({})
      assert.strictEqual((yield* pool.report(a)).pending.limit, 1000)
    }
  )
})
