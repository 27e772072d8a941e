import { assert, describe, it } from "@effect/vitest"
import { Measurements } from "../src/Measurements.ts"

describe("Measurements", () => {
  it("reports minimum, average and maximum exactly, and percentiles within a thousandth", () => {
    const measurements = new Measurements()
    for (let millis = 1; millis <= 1_000; millis++) measurements.recordAnswer(200, millis * 1e6, 10)
    const report = measurements.report("http://a.test/", 10, 2e9)
    assert.strictEqual(report.requests, 1_000)
    assert.strictEqual(report.qps, 500)
    assert.strictEqual(report.durationMillis, 2_000)
    assert.strictEqual(report.bytesReceived, 10_000)
    const { avg, max, min, p50, p75, p90, p99, p99_9, stdDev } = report.latencyMillis
    assert.deepStrictEqual({ min, avg, max }, { min: 1, avg: 500.5, max: 1_000 })
    for (const [found, right] of [
      [p50, 500],
      [p75, 750],
      [p90, 900],
      [p99, 990],
      [p99_9, 999],
      [stdDev, 288.7]
    ] as const) {
      assert.closeTo(found, right, right / 1_000)
    }
  })

  it("never reports a percentile above the maximum", () => {
    const measurements = new Measurements()
    measurements.recordAnswer(200, 18_501_000, 0)
    const { max, p50 } = measurements.report("http://a.test/", 1, 1e9).latencyMillis
    assert.strictEqual(max, 18.501)
    assert.isAtMost(p50, max)
  })

  it("keeps latencies beyond the range it was made for", () => {
    const measurements = new Measurements()
    measurements.recordAnswer(200, 600e9, 0)
    assert.strictEqual(measurements.report("http://a.test/", 1, 600e9).latencyMillis.p99, 600_000)
  })

  it("counts failures under code -1 and by reason", () => {
    const measurements = new Measurements()
    measurements.recordAnswer(200, 1e6, 1)
    measurements.recordAnswer(503, 1e6, 1)
    measurements.recordFailure("Timeout", 1e6)
    measurements.recordFailure("Reset", 1e6)
    measurements.recordFailure("Timeout", 1e6)
    const report = measurements.report("http://a.test/", 1, 1e9)
    assert.deepStrictEqual(report.codes, { "200": 1, "503": 1, "-1": 3 })
    assert.deepStrictEqual(report.errors, { Timeout: 2, Reset: 1 })
  })

  it("reports zeros where there was no call", () => {
    const { latencyMillis, qps } = new Measurements().report("http://a.test/", 1, 0)
    for (const value of [qps, ...Object.values(latencyMillis)]) assert.strictEqual(value, 0)
  })
})
