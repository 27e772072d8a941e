import { assert, describe, it } from "@effect/vitest"
import type { LoadReport } from "../src/LoadReport.ts"
import { formatSummary } from "../src/Summary.ts"

const report: LoadReport = {
  url: "http://a.test/",
  concurrency: 10,
  requests: 100,
  durationMillis: 358.7,
  qps: 278.8,
  codes: { "200": 75, "503": 22, "-1": 3 },
  socketsUsed: 35,
  latencyMillis: {
    min: 0.499,
    avg: 35.9,
    stdDev: 4.9,
    p50: 22.5,
    p75: 30,
    p90: 40.25,
    p99: 49,
    p99_9: 49.8,
    max: 49.81
  },
  bytesReceived: 4_100,
  errors: { Timeout: 2, Reset: 1 }
}

describe("Summary", () => {
  it("says it in fortio's words", () => {
    assert.strictEqual(
      formatSummary(report),
      `Ended after 0.3587s : 100 calls. qps=278.8
Aggregated Function Time : count 100 avg 0.0359 +/- 0.0049 min 0.000499 max 0.04981 sum 3.59
# target 50% 0.0225
# target 75% 0.03
# target 90% 0.04025
# target 99% 0.049
# target 99.9% 0.0498
Sockets used: 35 (for perfect keepalive, would be 10)
Code  -1 : 3 (3.0 %)
Code 200 : 75 (75.0 %)
Code 503 : 22 (22.0 %)
Error Timeout : 2 (2.0 %)
Error Reset : 1 (1.0 %)
Response Body Sizes : count 100 avg 41 sum 4100
All done 100 calls (plus 0 warmup) 35.900 ms avg, 278.8 qps`
    )
  })

  it("has no percentile and no code of a run without a call", () => {
    const zero = { min: 0, avg: 0, stdDev: 0, p50: 0, p75: 0, p90: 0, p99: 0, p99_9: 0, max: 0 }
    const text = formatSummary({
      ...report,
      requests: 0,
      qps: 0,
      codes: {},
      errors: {},
      latencyMillis: zero,
      bytesReceived: 0
    })
    assert.include(text, "Aggregated Function Time : no data")
    assert.notInclude(text, "target")
    assert.notInclude(text, "NaN")
  })
})
