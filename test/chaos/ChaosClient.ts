/**
 * The client under test, in a process of the runtime that it is tried on. Callers of every kind call the farm without
 * pause, while limits are changed, routes drained and idle connections closed. It reports every second and at the end of
 * each phase: one line of JSON on standard output.
 */
import { createInterface } from "node:readline"
import type { WeirClientService } from "@weir/client"
import { recordLookup } from "@weir/node/sockets"
import { Chance } from "@weir/testkit"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Callers, callerCount, requestMillis } from "./Callers.ts"
import { countHeld, held, openClient, runTried } from "./openClient.ts"
import { type ClientOrders, changingName, type Phase, type PhaseEnd, type PhaseReport } from "./Protocol.ts"

const orders: ClientOrders = JSON.parse(process.argv[2] ?? "{}")
const chance = new Chance(orders.seed).fork("meddler")

let phase: Phase = "calm"
let phaseStartMillis = performance.now()
let perTenth: Array<number> = []
let reconfigurationCount = 0

const configOf = (perRoute: number) => ({
  connectionsPerRouteMax: perRoute,
  connectionsMax: orders.connectionsMax,
  pendingPerRouteMax: 30,
  acquireTimeout: "2 seconds",
  connectTimeout: "1 second",
  idleTimeout: "3 seconds",
  lifetime: "5 seconds",
  // Some are there at all times, and only a withdrawal ends one that is well.
  overrides: [
    {
      match: `http://${changingName}:*`,
      connectionsPerRouteGuaranteed: 4,
      idleTimeout: "60 seconds",
      lifetime: "never"
    }
  ]
})

/**
 * Changes what may be changed while running, and how many call. The limit is only ever lowered, and back to what the
 * judge knows.
 */
const meddle = (client: WeirClientService, callers: Callers): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.sleep(100 + chance.below(400))
    reconfigurationCount++
    const { pool } = client
    const what = chance.below(5)
    if (what === 0) yield* pool.drainAll
    else if (what === 1) yield* pool.closeIdle()
    else if (what === 2) callers.tide = chance.pick([3, 12, callerCount])
    else {
      const perRoute = what === 3 ? 1 + chance.below(orders.connectionsPerRouteMax) : orders.connectionsPerRouteMax
      yield* Effect.orDie(pool.configure(configOf(perRoute)))
    }
  })

/** So quick that a name's change is heard of within two seconds. */
const names = {
  lookup: recordLookup({ servers: [orders.nameServer], timeoutMillis: 300, tryCount: 2 }),
  dns: {
    timeToLiveMin: "500 millis",
    negativeTimeToLive: "200 millis",
    failureTimeToLive: "200 millis",
    lookupTimeout: "1 second"
  }
} as const

const tell = (report: PhaseReport | PhaseEnd): void => console.log(JSON.stringify(report))

const endPhase = (of: PhaseEnd["phase"], client: WeirClientService, callers: Callers): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { closedByReason } = yield* client.pool.stats
    tell({
      phase: of,
      isLast: true,
      ...callers.take(),
      perTenth: Array.from(perTenth, (calls) => calls ?? 0),
      held: yield* held,
      reconfigurationCount,
      closedByReason
    })
    perTenth = []
    phaseStartMillis = performance.now()
    callers.phaseNumber++
  })

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
  const client = yield* Scope.provide(openClient(config, names), scope)
  const callers = new Callers(client, orders)
  callers.onAnswered = () => {
    if (phase === "storm") return
    const tenth = Math.floor((performance.now() - phaseStartMillis) / 100)
    perTenth[tenth] = (perTenth[tenth] ?? 0) + 1
  }
  // What the runtime opens once and keeps is open before the counting begins.
  yield* callers.callEach
  yield* client.pool.closeIdle()
  while ((yield* client.pool.stats).connections.used > 0) yield* Effect.sleep(5)
  const { descriptorCount } = yield* countHeld
  yield* endPhase("closed", client, callers)
  const calling = yield* Effect.forkChild(callers.run)
  const reporting = yield* Effect.forkChild(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(1000),
        Effect.sync(() => tell({ phase, isLast: false, ...callers.take() }))
      )
    )
  )
  let meddling: Fiber.Fiber<never> | undefined
  while (phase !== "end") {
    const next = yield* nextPhase
    if (meddling !== undefined) {
      yield* Fiber.interrupt(meddling)
      meddling = undefined
      callers.tide = callerCount
      yield* Effect.orDie(client.pool.configure(configOf(orders.connectionsPerRouteMax)))
    }
    if (next === "end") {
      yield* Fiber.interrupt(reporting)
      yield* Fiber.interrupt(calling)
    }
    yield* endPhase(phase, client, callers)
    phase = next
    if (next === "storm") meddling = yield* Effect.forkChild(Effect.forever(meddle(client, callers)))
  }
  // What nobody reads is the callers' for a while, and drained for a moment; its lease ends then.
  for (let look = 0; look < 60 && (yield* client.pool.stats).active.used > 0; look++) yield* Effect.sleep(50)
  const stats = yield* client.pool.stats
  if (stats.active.used !== 0) callers.find(`${stats.active.used} leases are out though nobody calls`)
  if (stats.pending.used !== 0) callers.find(`${stats.pending.used} wait though nobody calls`)
  yield* Scope.close(scope, Exit.void)
  const closed = yield* client.pool.stats
  if (closed.connections.used !== 0) callers.find(`${closed.connections.used} connections are left`)
  // A look-up that nobody waits for any more ends by itself.
  for (let look = 0; look < 60; look++) {
    const now = yield* countHeld
    if (now.descriptorCount <= descriptorCount && now.fiberCount === 0 && (now.timerCount ?? 0) === 0) break
    yield* Effect.sleep(50)
  }
  yield* endPhase("closed", client, callers)
  // The judge looks at what this process still holds.
  yield* nextPhase
})

await runTried(program)
process.exit(0)
