/**
 * How much of a step passed. Pure: what ran is told by its exit status and its report. Nothing that did not run counts
 * as passed, and a step that failed never counts as zero failures.
 */

export interface Tally {
  readonly passedCount: number
  readonly failedCount: number
  readonly skippedCount: number
  /** What the numbers alone would not explain. */
  readonly remarks: ReadonlyArray<string>
}

/** How a process ended. */
export interface Ending {
  /** Undefined: it was killed, or could not be started. */
  readonly status: number | undefined
  /** Why there is no status: a signal, the time limit, an error of the system. */
  readonly reason?: string
}

/** The part of vitest's JSON report that is read. */
export interface VitestReport {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: ReadonlyArray<{
      readonly status: string
      readonly fullName: string
      readonly ancestorTitles?: ReadonlyArray<string>
      readonly title?: string
      /** What the spec says of itself; see `needs` in test/conformance/runtime.ts. */
      readonly meta?: { readonly instead?: string }
      readonly failureMessages?: ReadonlyArray<string> | null
    }>
  }>
}

export const zero: Tally = { passedCount: 0, failedCount: 0, skippedCount: 0, remarks: [] }

export function add(a: Tally, b: Tally): Tally {
  return {
    passedCount: a.passedCount + b.passedCount,
    failedCount: a.failedCount + b.failedCount,
    skippedCount: a.skippedCount + b.skippedCount,
    remarks: [...a.remarks, ...b.remarks]
  }
}

/** One failure, with its reason. */
export function failure(remark: string): Tally {
  return { ...zero, failedCount: 1, remarks: [remark] }
}

/** A step that is one test: it passed when its process said so. */
export function tallyStatus(ending: Ending): Tally {
  if (ending.status === 0) return { ...zero, passedCount: 1 }
  return ending.status === undefined ? failure(`ended by ${ending.reason ?? "a signal"}`) : { ...zero, failedCount: 1 }
}

/** A step that vitest reports on. `report` is undefined when there is none, or none that can be read. */
export function tallyVitest(ending: Ending, report: VitestReport | undefined): Tally {
  if (report === undefined) return failure(`no report: ${ending.reason ?? `exit status ${ending.status}`}`)
  let tally = zero
  for (const file of report.testResults) tally = add(tally, tallyFile(file))
  if (tally.passedCount + tally.failedCount === 0) return add(tally, failure("no test ran"))
  if (ending.status !== 0 && tally.failedCount === 0) {
    // For instance an error that nobody awaited, after every test had passed.
    return add(tally, failure(`every test passed, yet ${ending.reason ?? `the exit status is ${ending.status}`}`))
  }
  return tally
}

function tallyFile(file: VitestReport["testResults"][number]): Tally {
  let [passedCount, failedCount, skippedCount] = [0, 0, 0]
  const remarks: Array<string> = []
  for (const { failureMessages, fullName, status } of file.assertionResults) {
    if (status === "passed") passedCount++
    else if (status !== "failed") skippedCount++
    else {
      failedCount++
      const message = failureMessages?.[0] ?? "no message"
      remarks.push(`failed: ${fullName}: ${message.split("\n", 1).join()}`)
    }
  }
  const tally: Tally = { passedCount, failedCount, skippedCount, remarks }
  if (failedCount > 0) return tally
  // A file that could not be loaded, or whose hooks failed, is reported without a failed test.
  if (file.status === "failed")
    return add(tally, failure(`${file.name}: ${file.message ?? "failed outside its tests"}`))
  if (passedCount === 0) return add(tally, failure(`${file.name}: none of its tests ran`))
  return tally
}

/** `12 passed, 0 failed`: the line others read. */
export function summarize(tally: Tally): string {
  return `${tally.passedCount} passed, ${tally.failedCount} failed`
}

export interface Row {
  readonly name: string
  readonly tally: Tally
  readonly seconds: number
}

/** The table of the steps, one line each. */
export function formatTable(rows: ReadonlyArray<Row>): string {
  const cells = [
    ["step", "passed", "failed", "skipped", "seconds"],
    ...rows.map(({ name, seconds, tally }) => [
      name,
      String(tally.passedCount),
      String(tally.failedCount),
      String(tally.skippedCount),
      seconds.toFixed(1)
    ])
  ]
  const nameWidth = Math.max(...cells.map(([name = ""]) => name.length))
  return cells
    .map(([name = "", ...numbers]) => [name.padEnd(nameWidth), ...numbers.map((cell) => cell.padStart(8))].join(""))
    .join("\n")
}
