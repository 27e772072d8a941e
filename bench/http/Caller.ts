/**
 * One way of calling, ready to call: the same two forms for callbacks, promises and effects.
 */
import { Effect } from "effect"
import type { Work } from "./works.ts"

export interface Caller {
  /** Makes so many calls, as many at a time as there are connections. */
  readonly run: (count: number) => Promise<unknown>
  /** Makes one call now; the open loop's form. */
  readonly call: (done: () => void) => void
}

export interface Way {
  readonly name: string
  readonly open: (work: Work, port: number, connectionCount: number) => Promise<Caller> | Caller
}

/** Nobody is left to hear of a failed call: the process ends, and with it the benchmark. */
const giveUp = (cause: unknown): never => {
  console.error(cause)
  process.exit(1)
}

export const promiseCaller = (laneCount: number, call: () => Promise<unknown>): Caller => ({
  run: (count) => {
    let startedCount = 0
    const lane = async () => {
      while (startedCount < count) {
        startedCount++
        await call()
      }
    }
    return Promise.all(Array.from({ length: laneCount }, lane))
  },
  call: (done) => {
    call().then(done, giveUp)
  }
})

/** Each lane is a fiber. */
export const effectCaller = <E>(laneCount: number, call: Effect.Effect<unknown, E>): Caller => ({
  run: (count) => {
    let startedCount = 0
    const lane = Effect.gen(function* () {
      while (startedCount < count) {
        startedCount++
        yield* call
      }
    })
    return Effect.runPromise(
      Effect.all(
        Array.from({ length: laneCount }, () => lane),
        { concurrency: "unbounded", discard: true }
      )
    )
  },
  call: (done) => {
    Effect.runCallback(call, { onExit: (exit) => (exit._tag === "Success" ? done() : giveUp(exit.cause)) })
  }
})

/** Each lane is a connection that begins its next call when the last one has ended. */
export const laneCaller = <Lane>(lanes: ReadonlyArray<Lane>, call: (lane: Lane, done: () => void) => void): Caller => {
  const free = [...lanes]
  const waiting: Array<() => void> = []
  const start = (done: () => void): void => {
    const lane = free.pop()
    if (lane === undefined) {
      waiting.push(done)
      return
    }
    call(lane, () => {
      free.push(lane)
      const next = waiting.shift()
      if (next !== undefined) start(next)
      done()
    })
  }
  return {
    run: (count) =>
      new Promise<void>((resolve) => {
        let startedCount = 0
        let endedCount = 0
        for (const lane of lanes) {
          const next = (): void => {
            if (startedCount === count) return
            startedCount++
            call(lane, () => {
              if (++endedCount === count) resolve()
              else next()
            })
          }
          next()
        }
      }),
    call: start
  }
}
