import { assert, describe, it } from "@effect/vitest"
import { equalShares, nextStartNanos, type Pacing, planPacing } from "../src/Pacing.ts"

const unlimited = Number.POSITIVE_INFINITY
const secondNanos = 1e9

/** The starts of one caller whose calls take no time and whose waits are exact. */
const starts = (pacing: Pacing): ReadonlyArray<number> => {
  const found: Array<number> = []
  let nowNanos = 0
  for (;;) {
    const startNanos = nextStartNanos(pacing, found.length, nowNanos)
    if (startNanos === undefined) return found
    found.push(startNanos)
    nowNanos = startNanos
  }
}

describe("Pacing", () => {
  it("shares calls equally and gives what is left over to the first callers, one each", () => {
    assert.deepStrictEqual(
      equalShares(100, 10),
      Array.from({ length: 10 }, () => 10)
    )
    assert.deepStrictEqual(equalShares(11, 4), [3, 3, 3, 2])
  })

  it("makes exactly the calls asked for, whatever the number of callers", () => {
    for (const concurrency of [1, 3, 10, 64]) {
      for (const qps of ["max", 50] as const) {
        const pacings = planPacing({ concurrency, requestCount: 47, durationNanos: 5 * secondNanos, qps })
        assert.strictEqual(
          pacings.reduce((sum, pacing) => sum + pacing.callCountMax, 0),
          47
        )
      }
    }
  })

  it("has no caller without a call, and at a fixed rate none with fewer than two", () => {
    const plan = { concurrency: 8, requestCount: 5, durationNanos: unlimited }
    assert.strictEqual(planPacing({ ...plan, qps: "max" }).length, 5)
    assert.deepStrictEqual(
      planPacing({ ...plan, qps: 10 }).map((pacing) => pacing.callCountMax),
      [3, 2]
    )
    assert.strictEqual(planPacing({ ...plan, requestCount: 1, qps: 10 }).length, 1)
  })

  it("spreads a caller's calls evenly over the whole time the rate gives them", () => {
    const pacings = planPacing({ concurrency: 4, requestCount: undefined, durationNanos: 5 * secondNanos, qps: 8 })
    assert.strictEqual(pacings.length, 4)
    for (const pacing of pacings) {
      const found = starts(pacing)
      assert.strictEqual(found.length, 10)
      assert.strictEqual(found[0], 0)
      assert.strictEqual(found.at(-1), 5 * secondNanos)
      found.forEach((start, index) => {
        assert.closeTo(start, (index * 5 * secondNanos) / 9, 1)
      })
    }
  })

  it("holds the rate of an endless run", () => {
    const [pacing] = planPacing({ concurrency: 4, requestCount: undefined, durationNanos: unlimited, qps: 8 })
    assert.isDefined(pacing)
    assert.strictEqual(nextStartNanos(pacing, 1000, 0), 1000 * 0.5 * secondNanos)
  })

  it("does not wait while it is behind the schedule", () => {
    const pacing = { callCountMax: unlimited, gapNanos: 100, endNanos: unlimited }
    assert.strictEqual(nextStartNanos(pacing, 3, 1_000), 1_000)
    assert.strictEqual(nextStartNanos(pacing, 10, 1_000), 1_000)
    assert.strictEqual(nextStartNanos(pacing, 11, 1_000), 1_100)
  })

  it("begins nothing once the time is over", () => {
    const pacing = { callCountMax: unlimited, gapNanos: 0, endNanos: 500 }
    assert.strictEqual(nextStartNanos(pacing, 7, 499), 499)
    assert.isUndefined(nextStartNanos(pacing, 7, 500))
  })

  it("begins nothing once its share is done", () => {
    const pacing = { callCountMax: 2, gapNanos: 0, endNanos: unlimited }
    assert.strictEqual(nextStartNanos(pacing, 1, 9), 9)
    assert.isUndefined(nextStartNanos(pacing, 2, 9))
  })
})
