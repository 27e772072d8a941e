/**
 * Weir's `fetch` and the runtimes' own, judged by the same behaviours of the Fetch standard: `npm run fetch:standard`. It
 * writes what each came to into docs/fetch-standard.md, and exits with 1 if Weir deviates where no deviation is listed.
 */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { deviationOn, deviations } from "../test/fetch/deviations.ts"
import { specs } from "../test/fetch/standard/index.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const runners: ReadonlyMap<string, readonly [string, ...Array<string>]> = new Map([
  ["node", ["node"]],
  ["bun", ["bun"]],
  ["deno", ["deno", "run", "--allow-all"]]
])

interface Judged {
  readonly implementation: string
  readonly runtime: string
  /** By what a behaviour says: "pass", or what was seen instead. */
  readonly outcomes: Readonly<Record<string, string>>
}

const judge = (implementation: string, runtime: string): Judged => {
  const [program, ...programArguments] = runners.get(runtime) ?? ["node"]
  const main = join(root, "test/fetch/main.ts")
  const ran = spawnSync(join(root, "node_modules/.bin", program), [...programArguments, main, implementation], {
    encoding: "utf8",
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "inherit"]
  })
  if (ran.status !== 0) throw new Error(`${implementation} on ${runtime} ended with status ${ran.status}`)
  return { implementation, runtime, outcomes: JSON.parse(ran.stdout) }
}

const judged = ["weir", "own"].flatMap((implementation) =>
  [...runners.keys()].map((runtime) => judge(implementation, runtime))
)

const passed = (one: Judged, says: string): boolean => one.outcomes[says] === "pass"
const countOf = (one: Judged): number => specs.filter(({ says }) => passed(one, says)).length
const heading = judged.map(({ implementation, runtime }) =>
  implementation === "weir" ? `Weir, ${runtime}` : `own, ${runtime}`
)
const rule = `|---|${judged.map(() => "---").join("|")}|`
const sections = [...new Set(specs.map(({ section }) => section))].sort()
const tables = sections.map((section) => {
  const rows = specs
    .filter((spec) => spec.section === section)
    .map(
      ({ says }) =>
        `| ${says.replaceAll("|", "\\|")} | ${judged.map((one) => (passed(one, says) ? "yes" : "**no**")).join(" | ")} |`
    )
  return [`## ${section}\n`, `| | ${heading.join(" | ")} |`, rule, ...rows].join("\n")
})
const reasons = [...deviations].map(([says, { runtimes, why }]) => {
  const where = runtimes === undefined ? "" : ` (${runtimes.join(", ")})`
  return `- **${says}**${where}: ${why}`
})

const document = `# fetch, judged by its standard

Written by \`npm run fetch:standard\`, which runs ${specs.length} behaviours of the [Fetch standard](https://fetch.spec.whatwg.org/), told
in our own words in \`test/fetch/standard\`, through Weir's \`fetch\` and through each runtime's own, against one server.
\`npm test\` runs them through Weir's on every runtime. They stand in for the Web Platform Tests' fetch cases, which come
with a server and a repository of their own and need more than a package registry to be had.

| | ${heading.join(" | ")} |
${rule}
| behaviours of ${specs.length} | ${judged.map(countOf).join(" | ")} |

## Where Weir deviates, and why

${reasons.join("\n")}

${tables.join("\n\n")}
`
writeFileSync(join(root, "docs/fetch-standard.md"), document)

let unexpectedCount = 0
for (const one of judged) {
  console.log(`${one.implementation} on ${one.runtime}: ${countOf(one)} of ${specs.length}`)
  for (const { says } of specs) {
    if (one.implementation !== "weir" || passed(one, says) || deviationOn(says, one.runtime) !== undefined) continue
    unexpectedCount++
    console.log(`  ${says}: ${one.outcomes[says]}`)
  }
}
process.exitCode = unexpectedCount === 0 ? 0 : 1
