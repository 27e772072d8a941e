/**
 * Runs the steps of `steps.ts` and adds up what passed: `node scripts/test.ts [group ...]`, every group without
 * one, but for the long steps, whose groups have to be named.
 *
 * A step that fails does not keep the others from running. The last line on stdout is `N passed, N failed`, and the
 * exit status is 0 only when nothing failed.
 */
import { type Column, formatScreen, tabulate } from "./behaviours.ts"
import { runStep } from "./runStep.ts"
import { steps } from "./steps.ts"
import { add, formatTable, type Row, summarize, zero } from "./tally.ts"

const groups = new Set(steps.map((step) => step.group))
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => ![...groups].some((group) => group === name))
if (unknown.length > 0) {
  console.error(`There is no group ${unknown.join(", ")}; there are ${[...groups].join(", ")}.`)
  process.exit(2)
}

const rows: Array<Row> = []
const columns: Array<Column> = []
for (const step of steps) {
  if (wanted.length > 0 ? !wanted.includes(step.group) : step.isLong === true) continue
  console.log(`\n── ${step.name}: ${step.command.join(" ")}`)
  const { report, seconds, tally } = runStep(step)
  rows.push({ name: step.name, tally, seconds })
  if (step.column !== undefined && report !== undefined) columns.push({ title: step.column, report })
}

if (columns.length > 0) console.log(`\n${formatScreen(tabulate(columns))}`)
const total = rows.map((row) => row.tally).reduce(add, zero)
console.log(`\n${formatTable(rows)}`)
for (const { name, tally } of rows) for (const remark of tally.remarks) console.log(`${name}: ${remark}`)
console.log(summarize(total))
process.exitCode = total.failedCount === 0 ? 0 : 1
