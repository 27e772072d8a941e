/**
 * Calls that come when they come, whether or not earlier ones have ended, as they do from many independent users.
 *
 * The gaps are exponential (Poisson arrivals). A call's time is counted from the moment at which it was due, so that a
 * client that falls behind cannot hide it. Between calls the event loop turns without sleeping: timers of one millisecond
 * would blur what is measured in tenths of one. Nobody's processor time is measured here, therefore.
 */
import type { Caller } from "./Caller.ts"

export interface Latencies {
  readonly callCount: number
  readonly p50Micros: number
  readonly p99Micros: number
  readonly p999Micros: number
}

/** The same gaps for every contestant: mulberry32. */
const randomFrom = (seed: number) => (): number => {
  let state = seed
  seed = (seed + 0x6d2b79f5) | 0
  state = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  state = (state + Math.imul(state ^ (state >>> 7), 61 | state)) ^ state
  return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32
}

export const openLoop = (caller: Caller, ratePerSecond: number, seconds: number): Promise<Latencies> =>
  new Promise((resolve) => {
    const callCount = Math.ceil(ratePerSecond * seconds)
    const micros = new Float64Array(callCount)
    const random = randomFrom(1)
    const startedAtMillis = performance.now()
    let dueAtMillis = startedAtMillis
    let startedCount = 0
    let endedCount = 0
    const start = (): void => {
      const startedForMillis = dueAtMillis
      dueAtMillis -= (Math.log(1 - random()) * 1000) / ratePerSecond
      startedCount++
      caller.call(() => {
        micros[endedCount++] = (performance.now() - startedForMillis) * 1000
        if (endedCount === callCount) resolve(summarise(micros))
      })
    }
    const turn = (): void => {
      while (startedCount < callCount && dueAtMillis <= performance.now()) start()
      if (endedCount < callCount) setImmediate(turn)
    }
    turn()
  })

const summarise = (micros: Float64Array): Latencies => {
  const sorted = micros.toSorted()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { callCount: micros.length, p50Micros: at(0.5), p99Micros: at(0.99), p999Micros: at(0.999) }
}
