/**
 * A hundred times more callers than the limits allow: what the client gets done meanwhile, what a refusal costs, and how
 * it is afterwards. The server takes a fixed time for each answer, so that capacity is a matter of the connections, as it
 * is for a service whose upstream is slow, and not of how fast this machine is.
 */

import { FarmProcess } from "./Farm.ts"
import { Findings, Tried } from "./Judge.ts"
import type { Held } from "./Protocol.ts"

export interface OverloadOptions {
  readonly runtime: string
  readonly seed: number
  /** Of the overload; capacity is measured for a third of it before, ten seconds at most. */
  readonly overloadSeconds: number
  /** Of the capacity measured before. */
  readonly goodputRatioMin: number
  /** Callers, as a multiple of the capacity, that the machine has to be able to make: of the 100 that are asked for. */
  readonly arrivalRatioMin: number
  /** CPU time of the process. */
  readonly refusalMicrosMax: number
}

/** What the client process is started with. */
export interface OverloadOrders {
  readonly port: number
  readonly connectionCount: number
  readonly pendingCount: number
  readonly capacitySeconds: number
  readonly overloadSeconds: number
  /** Arrivals a second, as a multiple of the capacity. */
  readonly arrivalRatio: number
}

/** What it says at the end. */
export interface Overload {
  /** Calls answered a second: as many callers as connections before, under overload, and in the second after it. */
  readonly rates: readonly [before: number, overload: number, after: number]
  readonly arrivalRate: number
  /** Of the time of the overload, in which the machine let the process wait. */
  readonly starvedRatio: number
  readonly refusedCount: number
  /** Of callers that were neither answered nor refused, by outcome. */
  readonly otherOutcomes: Readonly<Record<string, number>>
  /** CPU time of the process for a call that is refused: the call, its fiber and its error. The median of many bursts. */
  readonly refusalMicros: number
  /** CPU time under overload beyond what the answers cost before, for each refusal: with whoever makes the calls. */
  readonly refusalMicrosInAll: number
  /** Of the calls that were answered under overload, in milliseconds. */
  readonly latencyMillis: { readonly median: number; readonly p99: number }
  /** From the last arrival until nobody waited and no connection was leased. */
  readonly recoveryMillis: number
  readonly failedAfterCount: number
  readonly heldBefore: Held
  readonly heapBytesMost: number
  readonly residentBytesMost: number
  readonly heldAfter: Held
}

const serviceMillis = 100
const connectionCount = 10
const pendingCount = 10
const arrivalRatio = 100
/** Everybody who may wait is served within twice the service time, and the machine may be busy. */
const recoveryMillisMax = 1000
const starvedRatioMax = 0.1
const heapGrowthMegabytes = 100
const heapLeftMegabytes = 10

export interface OverloadResult extends Overload {
  /** Rates were not judged, for the machine was too busy with other things. */
  readonly isStarved: boolean
  readonly findings: ReadonlyArray<string>
}

export const runOverload = async (options: OverloadOptions): Promise<OverloadResult> => {
  const { arrivalRatioMin, goodputRatioMin, overloadSeconds, refusalMicrosMax, runtime, seed } = options
  const findings = new Findings(`overload on ${runtime}`)
  const server = await FarmProcess.server({ seed, hear: () => {} })
  server.tell(`slow ${serviceMillis}`)
  const orders: OverloadOrders = {
    port: server.port,
    connectionCount,
    pendingCount,
    capacitySeconds: Math.min(10, overloadSeconds / 3),
    overloadSeconds,
    arrivalRatio
  }
  const client = new Tried(runtime, "OverloadClient.ts", orders)
  const told = await client.hear<Overload>()
  await client.ended
  await server.kill()
  const [before, during, after] = told.rates
  const check = (isKept: boolean, finding: string): void => {
    if (!isKept) findings.add(finding)
  }
  const rate = (value: number): string => value.toFixed(1)
  const isStarved = told.starvedRatio > starvedRatioMax
  check(
    isStarved || during >= before * goodputRatioMin,
    `${rate(during)} calls answered a second under overload, ${rate(before)} before`
  )
  check(
    isStarved || after >= before * goodputRatioMin,
    `${rate(after)} calls answered a second after it, ${rate(before)} before`
  )
  check(told.refusalMicros <= refusalMicrosMax, `a refusal takes ${told.refusalMicros.toFixed(1)} µs of CPU time`)
  check(
    isStarved || told.arrivalRate >= before * arrivalRatioMin,
    `only ${rate(told.arrivalRate)} callers a second could be made, not ${arrivalRatioMin} times ${rate(before)}`
  )
  check(
    isStarved || told.recoveryMillis <= recoveryMillisMax,
    `somebody waited ${Math.round(told.recoveryMillis)} ms after the last arrival`
  )
  check(told.failedAfterCount === 0, `${told.failedAfterCount} calls failed after it`)
  for (const [name, times] of Object.entries(told.otherOutcomes))
    findings.add(`${times} calls ended with ${name} under overload`)
  const heapBefore = told.heldBefore.heapBytes
  check(
    told.heapBytesMost <= heapBefore + heapGrowthMegabytes * 1e6,
    `${(told.heapBytesMost / 1e6).toFixed(1)} MB of heap under overload, ${(heapBefore / 1e6).toFixed(1)} MB before`
  )
  check(
    told.heldAfter.heapBytes <= heapBefore + heapLeftMegabytes * 1e6,
    `${(told.heldAfter.heapBytes / 1e6).toFixed(1)} MB of heap after it, ${(heapBefore / 1e6).toFixed(1)} MB before`
  )
  return { ...told, findings: findings.all, isStarved }
}
