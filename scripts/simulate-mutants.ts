/**
 * Shows that the simulator finds bugs: puts one deliberate fault after another into a copy of the packages and runs the
 * simulator there, until it fails or 1000 seeds have passed. `npm run simulate:mutants`, or with names of faults after
 * `--` only those. `--write` puts the table into docs/simulation-mutants.md. The exit status is 1 if a fault was missed.
 *
 * Nothing of the repository itself is changed, and the copy goes with the process, however it ends.
 */
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { editsOf, isInPlace, type Mutant, mutants } from "../test/simulation/mutants.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const seedCount = 1000
/** The simulator itself notices a run that never ends; this is for a fault that keeps it from starting. */
const minutesMax = 10

interface Finding {
  readonly mutant: Mutant
  /** The seed that found it, or why there is none. */
  readonly found: string
  readonly rule: string
}

/** A copy of what the simulator needs, with packages of its own behind the names of the packages. */
function copyRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), "weir-mutants-"))
  for (const directory of ["packages", "test/simulation"]) {
    cpSync(join(root, directory), join(copy, directory), {
      recursive: true,
      filter: (path) => !/\/(node_modules|dist|\.turbo)(\/|$)/.test(path.slice(root.length))
    })
  }
  mkdirSync(join(copy, "scripts"))
  for (const file of ["scripts/simulate.ts", "package.json"]) cpSync(join(root, file), join(copy, file))
  const modules = join(copy, "node_modules")
  mkdirSync(join(modules, "@weir"), { recursive: true })
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@weir") symlinkSync(join(root, "node_modules", name), join(modules, name))
  }
  for (const name of readdirSync(join(copy, "packages"))) {
    symlinkSync(join(copy, "packages", name), join(modules, "@weir", name))
  }
  return copy
}

interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly wasKilled: boolean
}

/** Asynchronous, so that a signal is heard while it runs; the child ends with this process. */
function run(copy: string, options: ReadonlyArray<string>): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["scripts/simulate.ts", ...options], { cwd: copy })
    const kill = () => child.kill("SIGKILL")
    const timer = setTimeout(kill, minutesMax * 60_000)
    process.once("exit", kill)
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.on("close", (_code, signal) => {
      clearTimeout(timer)
      process.off("exit", kill)
      resolve({ stdout, stderr, wasKilled: signal !== null })
    })
  })
}

async function simulate(copy: string, world: string): Promise<{ readonly found: string; readonly rule: string }> {
  const options = ["--seeds", String(seedCount), "--as-found", "--world", world]
  const { stderr, stdout, wasKilled } = await run(copy, options)
  const failure = /seed (\d+) of the \w+ world fails: ([^:]*)/.exec(stdout)
  if (failure !== null) return { found: `seed ${failure[1]}`, rule: failure[2] ?? "" }
  if (wasKilled) return { found: "MISSED", rule: `no end within ${minutesMax} minutes` }
  const crash = /^(\w*Error: .*)$/m.exec(stderr)
  return { found: "MISSED", rule: crash === null ? "" : `the simulator crashed: ${crash[1]}` }
}

async function tryMutant(copy: string, mutant: Mutant): Promise<Finding> {
  const edits = editsOf(mutant)
  const originals = edits.map(({ file }) => ({ path: join(copy, file), code: readFileSync(join(copy, file), "utf8") }))
  try {
    for (const { file, find, replace } of edits) {
      const code = readFileSync(join(copy, file), "utf8")
      if (!isInPlace({ file, find, replace }, code)) {
        return { mutant, found: "MISSED", rule: "its place in the code is gone, or not the only one" }
      }
      writeFileSync(
        join(copy, file),
        code.replace(find, () => replace)
      )
    }
    return { mutant, ...(await simulate(copy, mutant.world)) }
  } finally {
    for (const { code, path } of originals) writeFileSync(path, code)
  }
}

function table(findings: ReadonlyArray<Finding>): string {
  const rows = findings.map(
    ({ found, mutant, rule }) => `| ${mutant.name} | \`${mutant.file}\` | ${mutant.world} | ${found} | ${rule} |`
  )
  return ["| fault | file | world | found by | rule broken |", "|---|---|---|---|---|", ...rows].join("\n")
}

const isWriting = process.argv.includes("--write")
const names = process.argv.slice(2).filter((argument) => argument !== "--write")
const wanted = mutants.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
if (isWriting && wanted.length < mutants.length) {
  console.error("--write needs all faults: leave the names out")
  process.exit(2)
}
const copy = copyRepository()
process.once("exit", () => rmSync(copy, { recursive: true, force: true }))
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1))

const findings: Array<Finding> = []
for (const mutant of wanted) {
  const finding = await tryMutant(copy, mutant)
  console.log(`${mutant.name}: ${finding.found} ${finding.rule}`)
  findings.push(finding)
}
if (isWriting) {
  const text = [
    "# Faults that the simulator finds",
    "",
    "`npm run simulate:mutants -- --write` puts each fault alone into a copy of the packages, runs up to 1000 seeds there,",
    "and writes this page.",
    "",
    table(findings),
    ""
  ]
  writeFileSync(join(root, "docs", "simulation-mutants.md"), text.join("\n"))
}
const missedCount = findings.filter(({ found }) => found === "MISSED").length
console.log(`${findings.length - missedCount} of ${findings.length} faults found`)
process.exitCode = missedCount === 0 ? 0 : 1
