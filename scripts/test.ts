/**
 * Runs the steps of `steps.ts` and adds up what passed: `node scripts/test.ts [group ...]`, every group without one.
 *
 * A step that fails does not keep the others from running. The last line on stdout is `N passed, N failed`, and the
 * exit status is 0 only when nothing failed.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { installServers } from "./servers.ts"
import { type Step, steps } from "./steps.ts"
import {
  add,
  type Ending,
  failure,
  formatTable,
  type Row,
  summarize,
  type Tally,
  tallyStatus,
  tallyVitest,
  zero
} from "./tally.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const bin = join(root, "node_modules", ".bin")
const reports = mkdtempSync(join(tmpdir(), "weir-test-"))

function run(step: Step, reportPath: string): Ending {
  const [program, ...stepArguments] = step.command
  const reporting =
    step.countedBy === "vitest report"
      ? ["--reporter=default", "--reporter=json", `--outputFile.json=${reportPath}`]
      : []
  const { status, signal, error } = spawnSync(join(bin, program), [...stepArguments, ...reporting], {
    cwd: root,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", PATH: [bin, process.env["PATH"]].join(delimiter) },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: step.secondsMax * 1000,
    killSignal: "SIGKILL"
  })
  if (status !== null) return { status }
  if (error === undefined) return { status: undefined, reason: `signal ${signal}` }
  const isLate = "code" in error && error.code === "ETIMEDOUT"
  return { status: undefined, reason: isLate ? `its time limit of ${step.secondsMax} s` : error.message }
}

function readReport(path: string): Parameters<typeof tallyVitest>[1] {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch {
    // Absent or cut short: the tally makes a failure of it.
    return undefined
  }
}

function runStep(step: Step, reportPath: string): Tally {
  const missing = installServers(step.servers ?? [])
  if (missing.length > 0) return failure(`did not run for want of ${missing.join(", ")}`)
  const ending = run(step, reportPath)
  return step.countedBy === "exit status" ? tallyStatus(ending) : tallyVitest(ending, readReport(reportPath))
}

const groups = new Set(steps.map((step) => step.group))
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => ![...groups].some((group) => group === name))
if (unknown.length > 0) {
  console.error(`There is no group ${unknown.join(", ")}; there are ${[...groups].join(", ")}.`)
  process.exit(2)
}

const rows: Array<Row> = []
for (const [index, step] of steps.entries()) {
  if (wanted.length > 0 && !wanted.includes(step.group)) continue
  console.log(`\n── ${step.name}: ${step.command.join(" ")}`)
  const startMillis = performance.now()
  const tally = runStep(step, join(reports, `${index}.json`))
  rows.push({ name: step.name, tally, seconds: (performance.now() - startMillis) / 1000 })
}
rmSync(reports, { recursive: true, force: true })

const total = rows.map((row) => row.tally).reduce(add, zero)
console.log(`\n${formatTable(rows)}`)
for (const { name, tally } of rows) for (const remark of tally.remarks) console.log(`${name}: ${remark}`)
console.log(summarize(total))
process.exitCode = total.failedCount === 0 ? 0 : 1
