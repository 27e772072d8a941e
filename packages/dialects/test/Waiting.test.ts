/**
 * How long callers wait for a connection under each system's configuration, on virtual time.
 */
import { describe, expect, it } from "@effect/vitest"
import { combineConfig } from "@weir/client"
import { ConnectionPool, Route } from "@weir/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import {
  apache4,
  apache5,
  go,
  hikari,
  type Reading,
  reactorNetty,
  ribbon,
  springCloudGateway,
  undici
} from "../src/index.ts"

const route = Route.of("http", "a.test", 80)

/** The milliseconds after which a caller that gets no connection is told so; Infinity after a year without. */
const waitMillisOf = (reading: Reading) =>
  Effect.gen(function* () {
    const factory = { connect: () => Effect.succeed({}), isAlive: () => true }
    // One connection is enough to wait for.
    const own = { mode: "bounded", connectionsPerRouteMax: 1, idlePerRouteMin: 0 } as const
    const pool = yield* ConnectionPool.make(factory, combineConfig({ from: reading, pool: own }).pool)
    yield* Effect.forkScoped(pool.use(route, () => Effect.never))
    yield* TestClock.adjust(1)
    const waiter = yield* Effect.forkScoped(pool.use(route, () => Effect.void))
    yield* TestClock.adjust(1)
    let waitedMillis = 1
    for (const stepMillis of [1999 - 1, 1, 28_000 - 1, 1, 15_000 - 1, 1, 135_000 - 1, 1, 31_536_000_000]) {
      yield* TestClock.adjust(stepMillis)
      waitedMillis += stepMillis
      const exit = waiter.pollUnsafe()
      if (exit !== undefined) return Exit.isFailure(exit) ? waitedMillis : -1
    }
    yield* Fiber.interrupt(waiter)
    return Number.POSITIVE_INFINITY
  }).pipe(Effect.scoped)

const fixed = springCloudGateway("spring.cloud.gateway.httpclient.pool.type=FIXED")

describe("a caller that finds every connection in use", () => {
  it.effect.each([
    ["without end in Apache HttpClient 4.5", apache4(""), Number.POSITIVE_INFINITY],
    ["for three minutes in Apache HttpClient 5", apache5(""), 180_000],
    ["without end under Spring Cloud's Ribbon", ribbon(""), Number.POSITIVE_INFINITY],
    ["for two seconds under Ribbon by itself", ribbon("", { version: "ribbon" }), 2000],
    ["for 45 seconds in reactor-netty", reactorNetty(""), 45_000],
    ["for 45 seconds in a FIXED pool of Spring Cloud Gateway", fixed, 45_000],
    ["for 30 seconds in HikariCP", hikari(""), 30_000],
    ["without end on Go's MaxConnsPerHost", go(""), Number.POSITIVE_INFINITY],
    ["without end in undici", undici(""), Number.POSITIVE_INFINITY]
  ] as const)("waits %s", ([, reading, millis]) =>
    Effect.gen(function* () {
      expect(yield* waitMillisOf(reading)).toBe(millis)
    })
  )
})
