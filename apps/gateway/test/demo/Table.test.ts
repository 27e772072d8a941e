import { assert, describe, it } from "@effect/vitest"
import type { LoadReport } from "@weir/load"
import type { ExperimentRun } from "../../src/demo/Experiment.ts"
import { publishedRuns } from "../../src/demo/Published.ts"
import { conclude, formatTable } from "../../src/demo/Table.ts"

interface Seen {
  readonly refused: number
  readonly failed?: number
  readonly minMillis?: number
}

/** The three loads with so many calls refused, of 100, 200 and 300. */
const runsOf = (hasRule: boolean, seen: ReadonlyArray<Seen>): ReadonlyArray<ExperimentRun> =>
  publishedRuns.map((published, index): ExperimentRun => {
    const { failed = 0, minMillis = 1, refused = 0 } = seen[index] ?? {}
    const { concurrency, requests } = published
    const codes = {
      "200": requests - refused - failed,
      ...(refused > 0 ? { "503": refused } : {}),
      ...(failed > 0 ? { "-1": failed } : {})
    }
    const report: LoadReport = {
      url: "http://127.0.0.1:8080/env",
      concurrency,
      requests,
      durationMillis: 1000,
      qps: 1234.5,
      codes,
      socketsUsed: 35,
      latencyMillis: {
        min: minMillis,
        avg: 2,
        stdDev: 1,
        p50: 22.54,
        p75: 37.8,
        p90: 60,
        p99: 120.2,
        p99_9: 130,
        max: 140
      },
      bytesReceived: 0,
      errors: {}
    }
    return { hasRule, published, report }
  })

const none = [{ refused: 0 }, { refused: 0 }, { refused: 0 }]

const rising = [{ refused: 3 }, { refused: 120 }, { refused: 200 }]

describe("the table", () => {
  it("has a row for each run, with the published figures beside those measured", () => {
    const lines = formatTable([...runsOf(true, rising), ...runsOf(false, none)]).split("\n")
    assert.strictEqual(lines.length, 8)
    assert.strictEqual(new Set(lines.map((line) => line.length)).size, 1)
    assert.deepStrictEqual(lines[2]?.split(/ {2,}/), [
      ...["on", "c=10 n=100", "97.0", "3.0", "25.0", "1235", "22.5", "37.8", "60.0", "120.2", "35", "35"]
    ])
    assert.deepStrictEqual(lines[5]?.split(/ {2,}/).slice(0, 5), ["off", "c=10 n=100", "100.0", "0.0", "0.0"])
    assert.match(lines[5] ?? "", / -$/)
  })
})

describe("the conclusion", () => {
  it("says that the share rises where it rises, and why it is lower here and higher there", () => {
    assert.strictEqual(
      conclude([...runsOf(true, rising), ...runsOf(false, none)]),
      [
        "With the rule 3.0 %, 60.0 % and 66.7 % of the calls were answered 503: the share rises with concurrency, as it does in the published run.",
        "Without the rule none was.",
        "At c=10 the share is below the published one: here a connect stays on one machine, so fewer calls wait for one when the next comes, and 5 may.",
        "At c=20 and c=30 it is above: a refusal is back in as little as 1.0 ms here, and its caller calls again at once, to be refused again.",
        "The published run had another network and another proxy; nothing here is tuned to match it."
      ].join("\n")
    )
  })

  it("says plainly that the share does not rise where it does not", () => {
    const text = conclude([
      ...runsOf(true, [{ refused: 30 }, { refused: 60 }, { refused: 80 }]),
      ...runsOf(false, none)
    ])
    assert.match(
      text,
      /With the rule 30\.0 %, 30\.0 % and 26\.7 % .*: in this run the share does NOT rise with concurrency/
    )
    assert.notMatch(text, /as it does in the published run/)
  })

  it("says that refusals without a rule are a fault", () => {
    const text = conclude([...runsOf(true, rising), ...runsOf(false, [{ refused: 1 }, { refused: 0 }, { refused: 0 }])])
    assert.match(text, /Without the rule 1\.0 %, 0\.0 % and 0\.0 % were, though nothing limits them: that is a fault/)
  })

  it("does not explain what is as it was published", () => {
    const text = conclude([
      ...runsOf(true, [{ refused: 25 }, { refused: 97 }, { refused: 181 }]),
      ...runsOf(false, none)
    ])
    assert.notMatch(text, /below|above/)
  })

  it("says nothing of quick refusals where none was quick", () => {
    const slow = rising.map((seen) => ({ ...seen, minMillis: 21 }))
    const text = conclude([...runsOf(true, slow), ...runsOf(false, none)])
    assert.match(text, /At c=20 and c=30 it is above\.\n/)
  })

  it("tells of calls that were neither served nor refused", () => {
    const text = conclude([...runsOf(true, rising), ...runsOf(false, [{ refused: 0, failed: 2 }, ...none.slice(1)])])
    assert.match(text, /^2 calls ended with neither 200 nor 503; --json has all the codes\.$/m)
  })
})
