/**
 * Runs the conformance suite on each runtime and writes what every behaviour came to into docs/conformance.md:
 * `node scripts/conformance.ts [runtime ...]`, on all three without one. It exits with 1 if any behaviour failed.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const vitest = "node_modules/vitest/vitest.mjs"

/** How each runtime runs vitest; Bun's child processes lack what vitest's default pool asks of them. */
const commands: ReadonlyMap<string, readonly [string, ...Array<string>]> = new Map([
  ["node", ["node", vitest, "run"]],
  ["bun", ["bun", "--bun", vitest, "run", "--pool=threads"]],
  ["deno", ["deno", "run", "--allow-all", vitest, "run"]]
])

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{
      readonly ancestorTitles: ReadonlyArray<string>
      readonly title: string
      readonly status: string
    }>
  }>
}

/** What a behaviour came to, by its group and its title. */
type Outcomes = ReadonlyMap<string, ReadonlyMap<string, string>>

const cellOf = (status: string): string => (status === "passed" ? "pass" : status === "failed" ? "FAIL" : "absent")

const runOn = (runtime: string): Outcomes => {
  const [program, ...programArguments] = commands.get(runtime) ?? giveUp(`There is no runtime ${runtime}.`)
  const directory = mkdtempSync(join(tmpdir(), "weir-conformance-"))
  const path = join(directory, "report.json")
  const bin = join(root, "node_modules", ".bin")
  const reporting = ["--reporter=default", "--reporter=json", `--outputFile.json=${path}`]
  spawnSync(join(bin, program), [...programArguments, "test/conformance/", ...reporting], {
    cwd: root,
    stdio: "inherit"
  })
  const report: Report = JSON.parse(readFileSync(path, "utf8"))
  rmSync(directory, { recursive: true })
  const outcomes = new Map<string, Map<string, string>>()
  // Files come in the order in which they ended.
  for (const file of [...report.testResults].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (file.assertionResults.length === 0) giveUp(`${file.name} could not be loaded on ${runtime}.`)
    for (const { ancestorTitles, status, title } of file.assertionResults) {
      const group = ancestorTitles.filter((part) => part !== "").join(" ")
      const behaviours = outcomes.get(group) ?? new Map<string, string>()
      outcomes.set(group, behaviours.set(title, cellOf(status)))
    }
  }
  return outcomes
}

function giveUp(message: string): never {
  console.error(message)
  process.exit(2)
}

const wanted = process.argv.slice(2)
const runtimes = wanted.length > 0 ? wanted : [...commands.keys()]
const results = runtimes.map(runOn)

const groups = new Map<string, Set<string>>()
for (const outcomes of results) {
  for (const [group, behaviours] of outcomes) {
    const titles = groups.get(group) ?? new Set()
    for (const title of behaviours.keys()) titles.add(title)
    groups.set(group, titles)
  }
}

let failedCount = 0
let behaviourCount = 0
const rowOf = (group: string, title: string): string => {
  const cells = results.map((outcomes) => outcomes.get(group)?.get(title) ?? "absent")
  failedCount += cells.filter((cell) => cell !== "pass" && cell !== "absent").length
  behaviourCount++
  return `| ${[title.replaceAll("|", "\\|"), ...cells].join(" | ")} |`
}
const tables = [...groups].map(([group, titles]) =>
  [
    `## ${group.charAt(0).toUpperCase()}${group.slice(1)}\n`,
    `| | ${runtimes.join(" | ")} |`,
    `|---|${runtimes.map(() => "---").join("|")}|`,
    ...[...titles].map((title) => rowOf(group, title))
  ].join("\n")
)

const document = `# What every socket layer does

Written by \`node scripts/conformance.ts\`, which runs \`test/conformance\` on each runtime against a peer in a Node process
of its own, and against OpenSSL's server. \`absent\`: the layer's capabilities say it cannot, and another row says what
happens instead; or the behaviour belongs to layers that cannot. ${behaviourCount} behaviours.

${tables.join("\n\n")}
`
writeFileSync(join(root, "docs", "conformance.md"), document)
console.log(tables.join("\n\n"))
console.log(`\n${behaviourCount} behaviours on ${runtimes.join(", ")}: ${failedCount} cells that are no pass`)
process.exitCode = failedCount === 0 ? 0 : 1
