/**
 * Runs one step of `steps.ts` to its end and tells what came of it.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { installNode } from "./nodes.ts"
import { installServers } from "./servers.ts"
import type { Step } from "./steps.ts"
import { type Ending, failure, type Tally, tallyStatus, tallyVitest, type VitestReport } from "./tally.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const bin = join(root, "node_modules", ".bin")

/**
 * Where every Node that a step starts, and that its tests start, keeps what it has compiled: with it a process of the
 * gateway takes half as long to begin. Node keys it by content, version and flags.
 */
const compileCache = join(root, "node_modules", ".cache", "node-compile")

export interface Outcome {
  readonly tally: Tally
  /** Undefined: the step writes none, or has written none that can be read. */
  readonly report: VitestReport | undefined
  readonly seconds: number
}

export function runStep(step: Step): Outcome {
  const startMillis = performance.now()
  const { report, tally } = run(step)
  return { report, tally, seconds: (performance.now() - startMillis) / 1000 }
}

function run(step: Step): Omit<Outcome, "seconds"> {
  const [name, ...stepArguments] = step.command
  const program = step.nodeVersion === undefined ? join(bin, name) : installNode(step.nodeVersion)
  const missing = [...installServers(step.servers ?? [])]
  if (program === undefined) missing.push(`Node ${step.nodeVersion}`)
  if (program === undefined || missing.length > 0) {
    return { tally: failure(`did not run for want of ${missing.join(", ")}`), report: undefined }
  }
  if (step.countedBy === "exit status") {
    return { tally: tallyStatus(runProgram(step, program, stepArguments)), report: undefined }
  }
  const directory = mkdtempSync(join(tmpdir(), "weir-test-"))
  const path = join(directory, "report.json")
  const reporting = ["--reporter=default", "--reporter=json", `--outputFile.json=${path}`]
  const ending = runProgram(step, program, [...stepArguments, ...reporting])
  const report = readReport(path)
  rmSync(directory, { recursive: true, force: true })
  return { tally: tallyVitest(ending, report), report }
}

function runProgram(step: Step, program: string, programArguments: ReadonlyArray<string>): Ending {
  const { status, signal, error } = spawnSync(program, programArguments, {
    cwd: root,
    env: {
      ...process.env,
      ...step.env,
      DENO_NO_UPDATE_CHECK: "1",
      NODE_COMPILE_CACHE: compileCache,
      PATH: [bin, process.env["PATH"]].join(delimiter)
    },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: step.secondsMax * 1000,
    killSignal: "SIGKILL"
  })
  if (status !== null) return { status }
  if (error === undefined) return { status: undefined, reason: `signal ${signal}` }
  const isLate = "code" in error && error.code === "ETIMEDOUT"
  return { status: undefined, reason: isLate ? `its time limit of ${step.secondsMax} s` : error.message }
}

function readReport(path: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch {
    // Absent or cut short: the tally makes a failure of it.
    return undefined
  }
}
