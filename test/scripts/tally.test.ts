import { describe, expect, it } from "vitest"
import { formatTable, summarize, tallyStatus, tallyVitest, type VitestReport } from "../../scripts/tally.ts"

const passed = { status: "passed", fullName: "holds" }
const failed = { status: "failed", fullName: "breaks", failureMessages: ["AssertionError: 2 is not 1\n    at line 3"] }
const skipped = { status: "skipped", fullName: "waits" }

type Results = VitestReport["testResults"][number]["assertionResults"]

function report(...statuses: ReadonlyArray<Results>): VitestReport {
  return {
    testResults: statuses.map((assertionResults, index) => ({
      name: `${index}.test.ts`,
      status: assertionResults.includes(failed) ? "failed" : "passed",
      assertionResults
    }))
  }
}

describe("tallyVitest", () => {
  it("adds up the tests of all files, and names those that failed", () => {
    expect(tallyVitest({ status: 1 }, report([passed, failed, skipped], [passed]))).toEqual({
      passedCount: 2,
      failedCount: 1,
      skippedCount: 1,
      remarks: ["failed: breaks: AssertionError: 2 is not 1"]
    })
  })

  it("makes a failure of a report that is missing, and says how the process ended", () => {
    const tally = tallyVitest({ status: undefined, reason: "signal SIGKILL" }, undefined)
    expect(summarize(tally)).toBe("0 passed, 1 failed")
    expect(tally.remarks).toEqual(["no report: signal SIGKILL"])
  })

  it("makes a failure of a file that could not be loaded", () => {
    const broken = { name: "broken.test.ts", status: "failed", message: "no such module", assertionResults: [] }
    const tally = tallyVitest({ status: 1 }, { testResults: [...report([passed]).testResults, broken] })
    expect(summarize(tally)).toBe("1 passed, 1 failed")
    expect(tally.remarks).toEqual(["broken.test.ts: no such module"])
  })

  it("makes a failure of a file whose tests were all skipped", () => {
    expect(summarize(tallyVitest({ status: 0 }, report([passed], [skipped, skipped])))).toBe("1 passed, 1 failed")
  })

  it("makes a failure of a step in which no test ran", () => {
    expect(summarize(tallyVitest({ status: 0 }, report()))).toBe("0 passed, 1 failed")
  })

  it("makes a failure of a process that failed although its tests passed", () => {
    const tally = tallyVitest({ status: 1 }, report([passed]))
    expect(summarize(tally)).toBe("1 passed, 1 failed")
    expect(tally.remarks).toEqual(["every test passed, yet the exit status is 1"])
  })
})

describe("tallyStatus", () => {
  it("counts a step as one test", () => {
    expect(summarize(tallyStatus({ status: 0 }))).toBe("1 passed, 0 failed")
    expect(summarize(tallyStatus({ status: 2 }))).toBe("0 passed, 1 failed")
    expect(summarize(tallyStatus({ status: undefined, reason: "its time limit of 60 s" }))).toBe("0 passed, 1 failed")
  })
})

describe("formatTable", () => {
  it("puts each step on a line of its own, in columns", () => {
    const tally = { passedCount: 12, failedCount: 0, skippedCount: 3, remarks: [] }
    expect(formatTable([{ name: "suites on Node", tally, seconds: 1.25 }])).toBe(
      ["step            passed  failed skipped seconds", "suites on Node      12       0       3     1.3"].join("\n")
    )
  })
})
