/**
 * Runs the conformance suite on each runtime, as `npm test` does among others, and writes what every behaviour came to into
 * docs/conformance.md: `npm run conformance`. It exits with 1 if any behaviour failed.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { countBehaviours, formatMarkdown, formatScreen, suite, tabulate } from "./behaviours.ts"
import { runStep } from "./runStep.ts"
import { type Step, steps } from "./steps.ts"

/** The same command with no other suites than this one. */
const only = ([program, ...rest]: Step["command"]): Step["command"] => [
  program,
  ...rest.filter((argument) => argument === suite || !/^(packages|test)\//.test(argument))
]

const results = steps.flatMap((step) => {
  const { column } = step
  if (column === undefined) return []
  console.log(`\n── ${column}`)
  return [{ column, ...runStep({ ...step, command: only(step.command) }) }]
})
const failures = results.filter(({ tally }) => tally.failedCount > 0)
const behaviours = tabulate(
  results.flatMap(({ column, report }) => (report === undefined ? [] : [{ title: column, report }]))
)

const document = `# What every socket layer does

${countBehaviours(behaviours)} behaviours, written by \`npm run conformance\`, which runs \`test/conformance\` on each
runtime through its own layer: against a peer in a Node process of its own, and against nginx, HAProxy and OpenSSL's
server. \`npm test\` prints the same table. What each layer can do at all is in [capabilities.md](capabilities.md).

${formatMarkdown(behaviours)}
`
console.log(`\n${formatScreen(behaviours)}`)
for (const { column, tally } of failures) for (const remark of tally.remarks) console.log(`${column}: ${remark}`)
if (failures.length === 0) writeFileSync(fileURLToPath(new URL("../docs/conformance.md", import.meta.url)), document)
else console.log("docs/conformance.md stays as it is.")
process.exitCode = failures.length === 0 ? 0 : 1
