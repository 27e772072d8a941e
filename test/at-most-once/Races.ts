/**
 * A run: first every byte at which a connection can end, one call after the other; then many callers at once, on a
 * server that ends connections at random. Afterwards both sides' books are compared.
 */
import { type ClientConfig, WeirClient } from "@weir/client"
import { Chance } from "@weir/testkit"
import { Connector } from "@weir/transport"
import { Effect, Exit, Layer, Scope } from "effect"
import { makeConnector } from "../conformance/runtime.ts"
import { callOnce, drippedPost, get, type Kind, kinds, type Manner, type Place, post } from "./Calls.ts"
import type { Report, Way } from "./Protocol.ts"
import { makeSaboteurServer, type SaboteurServer } from "./SaboteurServer.ts"
import { type Finding, judge, retryCountMax, type Told } from "./Verdict.ts"

export interface RacesOptions {
  /** Calls made at random, after the sweep. */
  readonly count: number
  readonly seed: number
}

export interface Result {
  /** The server's. */
  readonly port: number
  readonly told: ReadonlyArray<Told>
  readonly findings: ReadonlyArray<Finding>
  readonly report: Report
  /** Calls of the sweep. */
  readonly sweepCount: number
  /** What the client still held when all calls were over: leases, waiters, dials. */
  readonly leftCount: number
}

const callerCount = 32

/**
 * Fewer connections than callers, so that callers also wait. The pool does not learn when the server closes idle
 * connections: this run wants to meet the race, not to avoid it. Every retry within the table is in the budget, so that
 * each that is missing is a finding.
 */
const config: ClientConfig = {
  pool: { connectionsPerRouteMax: 20, isIdleLearned: false },
  http: { retryCountMax, retryBudgetRatio: 1, requestTimeout: "20 seconds" }
}

/** Makes all the calls, closes the client, and only then asks the server for its book. */
export const runRaces = ({ count, seed }: RacesOptions): Effect.Effect<Result> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* makeSaboteurServer
      const scope = yield* Scope.make()
      const connector = Layer.effect(Connector, makeConnector())
      const context = yield* Layer.buildWithScope(Layer.provide(WeirClient.layer(config), connector), scope)
      const client = yield* Effect.provide(WeirClient, context)
      const place: Place = { client, port: server.port }
      const swept = yield* sweep(place, server)
      yield* server.ask<"random">({ op: "random", seed })
      const raced = yield* race(place, count, new Chance(seed), swept.length)
      const { active, dialling, pending } = yield* client.pool.stats
      yield* Scope.close(scope, Exit.void)
      const report = yield* server.ask<"report">({ op: "report" })
      const told = [...swept, ...raced]
      return {
        port: server.port,
        told,
        report,
        findings: judge(told, report.sightings),
        sweepCount: swept.length,
        leftCount: active.used + dialling.used + pending.used
      }
    })
  ).pipe(Effect.orDie)

/** Ends a connection at each byte of a request and of its answer, in both ways, on a new connection and on a used one. */
const sweep = (place: Place, server: SaboteurServer): Effect.Effect<ReadonlyArray<Told>> =>
  Effect.gen(function* () {
    const told: Array<Told> = []
    const { client, port } = place
    const { route } = client.originFor(false, "127.0.0.1", port)
    const call = (kind: Kind) =>
      Effect.map(callOnce(place, kind, told.length + 1), (one) => {
        told.push(one)
      })
    for (const kind of [get, post, drippedPost]) {
      yield* call(kind)
      const lengths = yield* server.ask<"lengths">({ op: "lengths" })
      for (const way of ["FIN", "RST"] as const) {
        for (const isReused of [false, true]) {
          for (const at of ["request", "response"] as const) {
            for (let byteCount = 1; byteCount <= lengths[`${at}ByteCount`]; byteCount++) {
              yield* client.pool.closeIdle(route)
              if (isReused) yield* call(get)
              yield* server.ask<"sabotage">({ op: "sabotage", sabotage: { way, place: { at, byteCount } } })
              yield* call(kind)
            }
          }
        }
        yield* sweepBetween(place, server, kind, way, call)
      }
    }
    return told
  })

/** The connection ends before a byte of the request: on accept, or while it is idle and the call is being made. */
const sweepBetween = (
  { client, port }: Place,
  server: SaboteurServer,
  kind: Kind,
  way: Way,
  call: (kind: Kind) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* client.pool.closeIdle(client.originFor(false, "127.0.0.1", port).route)
    yield* server.ask<"sabotage">({ op: "sabotage", sabotage: { way, place: { at: "accept" } } })
    yield* call(kind)
    for (let round = 0; round < 5; round++) {
      yield* call(get)
      yield* Effect.all([server.ask<"endIdle">({ op: "endIdle", way }), call(kind)], { concurrency: "unbounded" })
    }
  })

/** Callers that take one number after the other; each call is drawn from the seed and its number. */
const race = (place: Place, count: number, chance: Chance, usedCount: number): Effect.Effect<ReadonlyArray<Told>> =>
  Effect.suspend(() => {
    const told: Array<Told> = []
    let lastNumber = usedCount
    const caller = Effect.gen(function* () {
      while (lastNumber < usedCount + count) {
        const number = ++lastNumber
        const own = chance.fork(number)
        // Idle connections are what the server closes.
        if (own.isHit(0.3)) yield* Effect.sleep(own.below(5))
        told.push(yield* callOnce(place, own.pick(kinds), number, mannerOf(own)))
      }
    })
    return Effect.as(
      Effect.all(
        Array.from({ length: callerCount }, () => caller),
        { concurrency: "unbounded", discard: true }
      ),
      told
    )
  })

const mannerOf = (chance: Chance): Manner => {
  if (chance.isHit(0.05)) return "discard"
  return chance.isHit(0.05) ? { giveUpAfterMillis: chance.below(3) } : "read"
}
