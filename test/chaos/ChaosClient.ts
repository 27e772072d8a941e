/**
 * The client under test, in a process of the runtime that it is tried on. Callers of every kind call the farm without
 * pause, while limits are changed, routes drained and idle connections closed. It checks every answer as it comes, and
 * reports at the end of each phase: one line of JSON on standard output.
 */
import { createInterface } from "node:readline"
import { type ClientError, type ClientResponse, emptyBody, WeirClient, type WeirClientService } from "@weir/client"
import { Chance } from "@weir/testkit"
import { Connector } from "@weir/transport"
import { Cause, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { makeConnector } from "../conformance/runtime.ts"
import {
  bodyOfAnswer,
  type ClientOrders,
  numberHeader,
  type Phase,
  type PhaseReport,
  postByteCountMax
} from "./Protocol.ts"

const orders: ClientOrders = JSON.parse(process.argv[2] ?? "{}")
const chance = new Chance(orders.seed)

/** More callers than connections, so that there is always a queue, and less than it may hold, but for a few. */
const callerCount = 60
const requestMillis = 4000
/** A call that is late by more than this has been forgotten by somebody. */
const graceMillis = 5000

let phase: Phase = "calm"
let phaseStartMillis = performance.now()
let nextNumber = 1
let outcomes: Record<string, number> = {}
let findings: Array<string> = []
let answeredPosts: Array<number> = []
let perTenth: Array<number> = []
let reconfigurationCount = 0

const count = (outcome: string): void => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
}

const nameOf = ({ reason }: ClientError): string => {
  switch (reason._tag) {
    case "NoConnection":
      return `NoConnection ${reason.error.reason._tag}`
    case "CallTimeout":
      return `CallTimeout ${reason.phase}`
    default:
      return reason._tag
  }
}

/** Reads the answer and compares each byte with what belongs to the number. */
const check = (number: number, response: ClientResponse): Effect.Effect<void, ClientError> =>
  Effect.gen(function* () {
    if (response.status !== 200) {
      findings.push(`${number} was answered with status ${response.status}`)
      return response.discard()
    }
    const said = response.head.get(numberHeader)
    if (said !== String(number)) findings.push(`${number} got the answer to ${said}`)
    const expected = bodyOfAnswer(number)
    const style = chance.below(4)
    if (style === 0) {
      // A reader that stops early.
      response.discard()
      return
    }
    if (style === 1) {
      let got = ""
      const decoder = new TextDecoder()
      yield* Stream.runForEach(response.stream, (piece) =>
        Effect.sync(() => {
          got += decoder.decode(piece, { stream: true })
        })
      )
      if (got !== expected) findings.push(`${number} got a streamed body of ${got.length} bytes that is not its own`)
      return
    }
    const text = yield* response.text
    if (text !== expected) findings.push(`${number} got a body of ${text.length} bytes that is not its own`)
  })

const postBody = (number: number) => {
  const bytes = new Uint8Array(1 + ((number * 31) % postByteCountMax)).fill(65 + (number % 26))
  const stream = Stream.fromIterable([bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)])
  return number % 3 === 0
    ? ({ _tag: "Stream", stream, isReplayable: number % 2 === 0 } as const)
    : ({ _tag: "Bytes", bytes } as const)
}

const callOnce = (client: WeirClientService): Effect.Effect<void> =>
  Effect.suspend(() => {
    const number = nextNumber++
    const server = orders.servers[chance.below(orders.servers.length)]
    if (server === undefined) return Effect.void
    const isPost = chance.below(3) === 0
    const request = {
      origin: client.originFor(server.isSecure, server.host, server.port),
      method: isPost ? "POST" : "GET",
      target: `/${number}`,
      headers: [],
      body: isPost ? postBody(number) : emptyBody,
      expectsContinue: isPost && chance.below(8) === 0,
      holder: `caller of ${number}`
    }
    const begunMillis = performance.now()
    const exchange = Effect.flatMap(client.execute(request), (response) =>
      Effect.tap(check(number, response), () =>
        Effect.sync(() => {
          if (isPost) answeredPosts.push(number)
        })
      )
    )
    const impatience = chance.below(12)
    const bounded = impatience === 0 ? Effect.timeoutOption(exchange, chance.below(100)) : exchange
    return Effect.flatMap(Effect.exit(bounded), (exit) => {
      const lastedMillis = performance.now() - begunMillis
      if (lastedMillis > requestMillis + graceMillis) findings.push(`${number} took ${Math.round(lastedMillis)} ms`)
      if (Exit.isSuccess(exit)) {
        count(impatience === 0 ? "given up or answered" : "answered")
        const tenth = Math.floor((performance.now() - phaseStartMillis) / 100)
        perTenth[tenth] = (perTenth[tenth] ?? 0) + 1
        return Effect.void
      }
      const error = Cause.findErrorOption(exit.cause)
      if (error._tag === "Some") count(nameOf(error.value))
      else if (!Cause.hasInterrupts(exit.cause)) findings.push(`${number} died: ${Cause.pretty(exit.cause)}`)
      // Who was refused comes back a little later, as callers do.
      return Effect.sleep(5 + chance.below(20))
    })
  })

/** Callers without end, until they are interrupted. */
const callers = (client: WeirClientService): Effect.Effect<void> =>
  Effect.all(
    Array.from({ length: callerCount }, () => Effect.forever(callOnce(client))),
    { concurrency: "unbounded", discard: true }
  )

const configOf = (perRoute: number) => ({
  connectionsPerRouteMax: perRoute,
  connectionsMax: orders.connectionsMax,
  pendingPerRouteMax: 30,
  acquireTimeout: "2 seconds",
  connectTimeout: "1 second",
  idleTimeout: "3 seconds",
  lifetime: "5 seconds"
})

/** Changes what may be changed while running. The limit is only ever lowered, and back to what the judge knows. */
const meddle = (client: WeirClientService): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.sleep(100 + chance.below(400))
    reconfigurationCount++
    const { pool } = client
    const what = chance.below(4)
    if (what === 0) yield* pool.drainAll
    else if (what === 1) yield* pool.closeIdle()
    else {
      const perRoute = what === 2 ? 1 + chance.below(orders.connectionsPerRouteMax) : orders.connectionsPerRouteMax
      yield* Effect.orDie(pool.configure(configOf(perRoute)))
    }
  })

const collect = (): void => {
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc === "function") gc()
  const bun: unknown = Reflect.get(globalThis, "Bun")
  if (bun !== null && typeof bun === "object" && "gc" in bun && typeof bun.gc === "function") bun.gc(true)
}

const report = (of: PhaseReport["phase"]): void => {
  collect()
  const told: PhaseReport = {
    phase: of,
    outcomes,
    findings,
    answeredPosts,
    perTenth: Array.from(perTenth, (calls) => calls ?? 0),
    heapBytes: process.memoryUsage().heapUsed,
    reconfigurationCount
  }
  console.log(JSON.stringify(told))
  outcomes = {}
  findings = []
  answeredPosts = []
  perTenth = []
  phaseStartMillis = performance.now()
}

const phases = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const nextPhase = Effect.promise(async (): Promise<Phase> => {
  const { done, value } = await phases.next()
  if (done === true) return "end"
  switch (value) {
    case "storm":
    case "recovery":
    case "calm":
      return value
    default:
      return "end"
  }
})

const program = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const config = {
    pool: configOf(orders.connectionsPerRouteMax),
    http: { requestTimeout: requestMillis, responseHeadTimeout: "1 second", bodyIdleTimeout: "1 second" },
    tls: { ca: [orders.ca] }
  } as const
  const connector = Layer.effect(Connector, makeConnector())
  const context = yield* Layer.build(Layer.provide(WeirClient.layer(config), connector)).pipe(Scope.provide(scope))
  const client = yield* Effect.provide(WeirClient, context)
  // What the runtime opens once and keeps is open before the counting begins.
  yield* callOnce(client)
  yield* client.pool.closeIdle()
  report("closed")
  const calling = yield* Effect.forkChild(callers(client))
  let meddling: Fiber.Fiber<never> | undefined
  while (phase !== "end") {
    const next = yield* nextPhase
    if (meddling !== undefined) {
      yield* Fiber.interrupt(meddling)
      meddling = undefined
      yield* Effect.orDie(client.pool.configure(configOf(orders.connectionsPerRouteMax)))
    }
    if (next === "end") yield* Fiber.interrupt(calling)
    report(phase)
    phase = next
    if (next === "storm") meddling = yield* Effect.forkChild(Effect.forever(meddle(client)))
  }
  // What nobody reads is drained for a moment, to keep its connection; its lease ends then.
  for (let look = 0; look < 30 && (yield* client.pool.stats).active.used > 0; look++) yield* Effect.sleep(50)
  const stats = yield* client.pool.stats
  if (stats.active.used !== 0) findings.push(`${stats.active.used} leases are out though nobody calls`)
  if (stats.pending.used !== 0) findings.push(`${stats.pending.used} wait though nobody calls`)
  yield* Scope.close(scope, Exit.void)
  const closed = yield* client.pool.stats
  if (closed.connections.used !== 0) findings.push(`${closed.connections.used} connections are left`)
  report("closed")
  // The judge looks at what this process still holds.
  yield* nextPhase
})

await Effect.runPromise(program)
process.exit(0)
