/**
 * The long run: `npm run fuzz -- codec [--inputs N] [--seed N] [--write]`, a million inputs unless told otherwise.
 * `--write` puts what was found into docs/codec-differences.md. The exit status is 0 only if every difference is
 * explained by a rule.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { compareInputs } from "./Codec.ts"
import { rules } from "./Comparison.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    write: { type: "boolean", default: false }
  }
})
if (positionals.join() !== "codec") {
  console.error("usage: npm run fuzz -- codec [--inputs N] [--seed N] [--write]")
  process.exit(2)
}
const inputCount = Number(values.inputs)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)

const startMillis = performance.now()
const { counts, explained, unexplained, unexplainedCount } = await compareInputs(inputCount, seed)
const seconds = Math.round((performance.now() - startMillis) / 1000)

/** As code in a table's cell. */
const codeOf = (text: string): string => `\`${JSON.stringify(text).replaceAll("|", "\\|").replaceAll("`", "'")}\``

const rows = rules.map((rule) => {
  const found = explained.get(rule)
  return `| ${rule.side} | ${rule.text} | ${found?.count ?? 0} | ${found === undefined ? "" : codeOf(found.example.text)} |`
})

const page = `# Where the codec and Node differ

What \`npm run fuzz -- codec --inputs ${inputCount} --seed ${seed}\` found on Node ${process.versions.node}, in ${seconds} s: answers
generated, damaged and cut at random, read by our session and by \`node:http\` in its strict mode, and compared in status,
fields, body, trailers, 1xx heads, and in where the message ends. Bytes behind a message are left out of what Node is
given: we deliver the answer and close the connection, Node fails the answer if they come with it.

| inputs | |
| --- | --- |
| both accept and read alike | ${counts["both accept"]} |
| both refuse | ${counts["both refuse"]} |
| differ | ${counts.differ} |
| differ without a rule that explains it | ${unexplainedCount} |

| we are | rule | inputs | shortest example |
| --- | --- | --- | --- |
${rows.join("\n")}
`

console.log(page)
for (const text of unexplained) console.log(`UNEXPLAINED ${text}`)
if (values.write) writeFileSync(fileURLToPath(new URL("../../docs/codec-differences.md", import.meta.url)), page)
process.exitCode = unexplainedCount === 0 ? 0 : 1
