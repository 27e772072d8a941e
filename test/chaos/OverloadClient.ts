/**
 * The client under overload, in a process of the runtime that it is tried on. First as many callers as connections call
 * without pause: that is the capacity. Then callers arrive at a multiple of it, each on a fiber of its own, whatever
 * becomes of those before, as callers do that know nothing of each other; who is refused goes away. It prints what came of
 * it: one line of JSON.
 */
import { emptyBody, type WeirClientService } from "@weir/client"
import { Cause, Effect, Exit } from "effect"
import type { Overload, OverloadOrders } from "./Overload.ts"
import { held, nameOf, openClient, runTried } from "./openClient.ts"
import { cpuMicros, Starvation } from "./Starvation.ts"

const orders: OverloadOrders = JSON.parse(process.argv[2] ?? "{}")
const { arrivalRatio, capacitySeconds, connectionCount, overloadSeconds, pendingCount, port } = orders

let nextNumber = 1

const starvation = new Starvation()

const callBy = (client: WeirClientService) => {
  const origin = client.originFor(false, "127.0.0.1", port)
  return Effect.suspend(() => {
    const target = `/${nextNumber++}`
    return Effect.flatMap(
      client.execute({ origin, method: "GET", target, headers: [], body: emptyBody }),
      (response) => response.bytes
    )
  })
}

/** Calls answered a second by as many callers as connections, and calls that failed. */
const capacityOf = (call: ReturnType<typeof callBy>, seconds: number) =>
  Effect.gen(function* () {
    let answeredCount = 0
    let failedCount = 0
    const caller = Effect.forever(
      Effect.matchEffect(call, {
        onSuccess: () =>
          Effect.sync(() => {
            answeredCount++
          }),
        // Who failed at once must not call at once for ever.
        onFailure: () =>
          Effect.suspend(() => {
            failedCount++
            return Effect.sleep(5)
          })
      })
    )
    const startMillis = performance.now()
    const startMicros = cpuMicros()
    yield* Effect.timeoutOption(
      Effect.all(
        Array.from({ length: connectionCount }, () => caller),
        { concurrency: "unbounded", discard: true }
      ),
      seconds * 1000
    )
    const tookSeconds = (performance.now() - startMillis) / 1000
    return {
      rate: answeredCount / tookSeconds,
      failedCount,
      microsPerAnswer: (cpuMicros() - startMicros) / answeredCount
    }
  })

/** Calls that are refused in the same turn, so that nothing else is in the measured time. */
const burstCount = 500

/** Callers of so long a time arrive in one turn at most. */
const turnMillisMax = 20

const overloadBy = (call: ReturnType<typeof callBy>, arrivalRate: number) =>
  Effect.gen(function* () {
    let answeredCount = 0
    let refusedCount = 0
    let arrivedCount = 0
    let [heapBytesMost, residentBytesMost] = [0, 0]
    const otherOutcomes: Record<string, number> = {}
    const latenciesMillis: Array<number> = []
    const burstMicros: Array<number> = []
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const arrive = (): void => {
      arrivedCount++
      const atMillis = performance.now()
      runFork(
        Effect.onExitPrimitive(call, (exit) => {
          if (Exit.isSuccess(exit)) {
            answeredCount++
            latenciesMillis.push(performance.now() - atMillis)
            return
          }
          const error = Cause.findErrorOption(exit.cause)
          const name = error._tag === "Some" ? nameOf(error.value) : Cause.pretty(exit.cause)
          if (name === "NoConnection Refused") refusedCount++
          else otherOutcomes[name] = (otherOutcomes[name] ?? 0) + 1
        })
      )
    }
    const startMillis = performance.now()
    const startMicros = cpuMicros()
    const starvedMillis = starvation.totalMillis
    let nextBurstMillis = startMillis + 200
    let arrivalsUntilMillis = startMillis
    while (performance.now() < startMillis + overloadSeconds * 1000) {
      const nowMillis = performance.now()
      // What a busy machine has missed is not made up for: many callers in one turn are no rate.
      const dueMillis = Math.min(nowMillis - arrivalsUntilMillis, turnMillisMax)
      arrivalsUntilMillis = nowMillis
      for (let due = Math.round((dueMillis * arrivalRate) / 1000); due > 0; due--) arrive()
      if (performance.now() >= nextBurstMillis) {
        nextBurstMillis += 200
        const refusedBefore = refusedCount
        const micros = cpuMicros()
        for (let index = 0; index < burstCount; index++) arrive()
        const spentMicros = cpuMicros() - micros
        if (refusedCount - refusedBefore === burstCount) burstMicros.push(spentMicros / burstCount)
        const { heapUsed, rss } = process.memoryUsage()
        heapBytesMost = Math.max(heapBytesMost, heapUsed)
        residentBytesMost = Math.max(residentBytesMost, rss)
      }
      yield* Effect.sleep(5)
    }
    const tookSeconds = (performance.now() - startMillis) / 1000
    const at = (values: Array<number>, ratio: number): number =>
      values.sort((a, b) => a - b)[Math.floor(values.length * ratio)] ?? Number.POSITIVE_INFINITY
    return {
      spentMicros: cpuMicros() - startMicros,
      starvedRatio: (starvation.totalMillis - starvedMillis) / (tookSeconds * 1000),
      answeredCount,
      rate: answeredCount / tookSeconds,
      arrivalRate: arrivedCount / tookSeconds,
      refusedCount,
      otherOutcomes,
      refusalMicros: at(burstMicros, 0.5),
      latencyMillis: { median: at(latenciesMillis, 0.5), p99: at(latenciesMillis, 0.99) },
      heapBytesMost,
      residentBytesMost
    }
  })

const program = Effect.gen(function* () {
  const client = yield* openClient({
    pool: { connectionsPerRouteMax: connectionCount, pendingPerRouteMax: pendingCount, acquireTimeout: "5 seconds" },
    http: { requestTimeout: "10 seconds" }
  })
  const call = callBy(client)
  yield* capacityOf(call, 0.5)
  const heldBefore = yield* held
  const before = yield* capacityOf(call, capacitySeconds)
  const overload = yield* overloadBy(call, before.rate * arrivalRatio)
  const overMillis = performance.now()
  while (true) {
    const { active, pending } = yield* client.pool.stats
    if (active.used === 0 && pending.used === 0) break
    yield* Effect.sleep(5)
  }
  const recoveryMillis = performance.now() - overMillis
  const after = yield* capacityOf(call, 1)
  const told: Overload = {
    ...overload,
    rates: [before.rate, overload.rate, after.rate],
    refusalMicrosInAll:
      (overload.spentMicros - overload.answeredCount * before.microsPerAnswer) / overload.refusedCount,
    recoveryMillis,
    failedAfterCount: after.failedCount,
    heldBefore,
    heldAfter: yield* held
  }
  console.log(JSON.stringify(told))
})

await runTried(Effect.scoped(program))
process.exit(0)
