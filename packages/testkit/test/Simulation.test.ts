import { Simulation, SimulationStuck, simulate } from "@weir/testkit"
import { Cause, Clock, Effect, Exit, Fiber, Option, Queue, Random } from "effect"
import { describe, expect, it } from "vitest"

const successOf = <A, E>(exit: Exit.Exit<A, E>): A => {
  if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  return exit.value
}

/** Fibers that race for one queue and note who came when. */
const racing = Effect.gen(function* () {
  const queue = yield* Queue.bounded<string>(2)
  const noted: Array<string> = []
  const worker = (name: string) =>
    Effect.gen(function* () {
      for (let turn = 0; turn < 3; turn++) {
        yield* Queue.offer(queue, `${name}${turn}`)
        yield* Effect.sleep((yield* Random.nextIntBetween(0, 3)) * 10)
      }
    })
  const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(worker(name)))
  for (let count = 0; count < 9; count++) noted.push(`${yield* Queue.take(queue)}@${yield* Clock.currentTimeMillis}`)
  yield* Fiber.joinAll(fibers)
  return noted.join(" ")
})

describe("a simulation", () => {
  it("passes years of virtual time at once", () => {
    const started = Effect.gen(function* () {
      const before = yield* Clock.currentTimeMillis
      yield* Effect.sleep("1000 days")
      return (yield* Clock.currentTimeMillis) - before
    })
    expect(successOf(simulate(started))).toBe(1000 * 86_400_000)
  })

  it("gives the same run for the same seed", () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(successOf(simulate(racing, { seed }))).toBe(successOf(simulate(racing, { seed })))
    }
  })

  it("gives a run that is known beforehand, on every runtime", () => {
    expect(successOf(simulate(racing, { seed: 7 }))).toMatchInlineSnapshot(
      `"a0@1767225600000 a1@1767225600000 b0@1767225600000 c0@1767225600000 b1@1767225600010 a2@1767225600010 c1@1767225600020 c2@1767225600030 b2@1767225600040"`
    )
  })

  it("tries many orders of what may happen at one moment", () => {
    const order = Effect.gen(function* () {
      const noted: Array<string> = []
      const note = (name: string) =>
        Effect.andThen(
          Effect.sleep(10),
          Effect.sync(() => noted.push(name))
        )
      yield* Effect.all(["a", "b", "c"].map(note), { concurrency: "unbounded" })
      return noted.join("")
    })
    const seen = new Set(Array.from({ length: 100 }, (_, seed) => successOf(simulate(order, { seed }))))
    expect([...seen].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"])
    expect(successOf(simulate(order, { interleaving: "in-order", yieldRatio: 0 }))).toBe("abc")
  })

  it("suspends fibers where they need not be suspended", () => {
    const isInterleaved = (yieldRatio: number, seed: number) => {
      const noted: Array<string> = []
      const note = (name: string) => Effect.suspend(() => Effect.sync(() => noted.push(name)))
      const worker = (name: string) => Effect.forEach([1, 2, 3, 4, 5], () => note(name))
      successOf(simulate(Effect.all([worker("a"), worker("b")], { concurrency: 2 }), { yieldRatio, seed }))
      return /ab+a|ba+b/.test(noted.join(""))
    }
    const seeds = Array.from({ length: 100 }, (_, seed) => seed)
    expect(seeds.some((seed) => isInterleaved(0, seed))).toBe(false)
    expect(seeds.some((seed) => isInterleaved(0.2, seed))).toBe(true)
  })

  it("tells a wall clock from a monotonic one", () => {
    const { clock } = new Simulation()
    expect(BigInt(clock.currentTimeMillisUnsafe()) * 1_000_000n).not.toBe(clock.monotonicTimeNanosUnsafe())
  })

  it("says that a program is stuck which waits for the real world", () => {
    const exit = simulate(
      Effect.promise(() => Promise.resolve(1)),
      { seed: 5 }
    )
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    expect(error).toBeInstanceOf(SimulationStuck)
    expect(error?.message).toContain("seed 5")
  })

  it("says that a program is stuck which goes round for ever", () => {
    const exit = simulate(Effect.forever(Effect.sleep(1)), { stepCountMax: 1000 })
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("it takes no end")
  })

  it("says that what a program has left behind takes no end", () => {
    const simulation = new Simulation({ stepCountMax: 1000 })
    successOf(simulation.run(Effect.forkDetach(Effect.forever(Effect.sleep(1)))))
    expect(simulation.settle()).toBe(false)
  })

  it("counts the fibers that have not ended", () => {
    const simulation = new Simulation()
    successOf(simulation.run(Effect.forkDetach(Effect.sleep(100))))
    expect([simulation.liveFiberCount, simulation.clock.timerCount]).toEqual([1, 0])
    expect(simulation.settle()).toBe(true)
    expect([simulation.liveFiberCount, simulation.clock.timerCount]).toEqual([0, 0])
  })
})
