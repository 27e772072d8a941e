/**
 * Shows that the simulator finds bugs: puts one deliberate fault after another into a copy of the packages and runs the
 * simulator there, until it fails or 1000 seeds have passed. `npm run simulate:mutants`, or with names of faults after
 * `--` only those. `--write` puts the table into docs/simulation-mutants.md. The exit status is 1 if a fault was missed.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Mutant, mutants } from "../test/simulation/mutants.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const seedCount = 1000
/** A fault may make the pool go round for ever, on the stack of one call: that is a way of being found. */
const secondsMax = 60

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

function simulate(copy: string, world: string): { readonly found: string; readonly rule: string } {
  const { error, stderr, stdout } = spawnSync(
    process.execPath,
    ["scripts/simulate.ts", "--seeds", String(seedCount), "--as-found", "--world", world],
    { cwd: copy, encoding: "utf8", timeout: secondsMax * 1000, killSignal: "SIGKILL" }
  )
  const failure = /seed (\d+) of the \w+ world fails: ([^:]*)/.exec(stdout)
  if (failure !== null) return { found: `seed ${failure[1]}`, rule: failure[2] ?? "" }
  if (error !== undefined) return { found: "hangs", rule: `no end within ${secondsMax} s` }
  const crash = /^(\w*Error: .*)$/m.exec(stderr)
  return crash === null ? { found: "MISSED", rule: "" } : { found: "crashes", rule: crash[1] ?? "" }
}

function tryMutant(copy: string, mutant: Mutant): Finding {
  const path = join(copy, mutant.file)
  const original = readFileSync(path, "utf8")
  const [before, after, ...more] = original.split(mutant.find)
  if (before === undefined || after === undefined || more.length > 0) {
    return { mutant, found: "MISSED", rule: "its place in the code is gone, or not the only one" }
  }
  writeFileSync(path, before + mutant.replace + after)
  try {
    return { mutant, ...simulate(copy, mutant.world) }
  } finally {
    writeFileSync(path, original)
  }
}

function table(findings: ReadonlyArray<Finding>): string {
  const rows = findings.map(
    ({ found, mutant, rule }) => `| ${mutant.name} | \`${mutant.file}\` | ${mutant.world} | ${found} | ${rule} |`
  )
  return ["| fault | file | world | found by | rule broken |", "|---|---|---|---|---|", ...rows].join("\n")
}

const names = process.argv.slice(2).filter((argument) => argument !== "--write")
const wanted = mutants.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
const copy = copyRepository()
const findings: Array<Finding> = []
try {
  for (const mutant of wanted) {
    const finding = tryMutant(copy, mutant)
    console.log(`${mutant.name}: ${finding.found} ${finding.rule}`)
    findings.push(finding)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
if (process.argv.includes("--write")) {
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
