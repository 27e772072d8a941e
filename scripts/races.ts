/**
 * Compares what a server that ends its connections anywhere received with what the client was told:
 * `npm run races -- [--runtime node|bun|deno|all] [--count N] [--seed N] [--write]`, on Node 24 or on the runtimes named,
 * separated by commas; 100,000 calls unless told otherwise.
 *
 * `--write` puts what it prints into docs/at-most-once.md. The exit status is 0 only if no promise was broken.
 */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("..", import.meta.url))

/** How each runtime runs a TypeScript file. */
const runners: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["node", ["node"]],
  ["bun", ["bun", "run"]],
  ["deno", ["deno", "run", "--allow-all"]]
])

const introduction = `# At most once

What \`npm run races\` printed. A server ends its connections (FIN, RST, or a plain close) after each byte of a request and
of its answer, on accept, and while they are idle; then at random, under many callers. Every request carries a number of
its own and every answer says it again. What the server received is compared with what the client was told; what each
promise means stands in \`test/at-most-once/Verdict.ts\`.
`

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "node" },
    count: { type: "string" },
    seed: { type: "string" },
    write: { type: "boolean", default: false }
  }
})
const runtimes = values.runtime === "all" ? [...runners.keys()] : values.runtime.split(",")
const passedOn = (["count", "seed"] as const).flatMap((name) =>
  values[name] === undefined ? [] : [`--${name}`, values[name]]
)

const sections: Array<string> = []
for (const runtime of runtimes) {
  const [program, ...runnerArguments] = runners.get(runtime) ?? []
  if (program === undefined) {
    console.error(`There is no runtime ${runtime}, only ${[...runners.keys()].join(", ")} and all.`)
    process.exit(2)
  }
  const { status, stdout } = spawnSync(
    join(root, "node_modules", ".bin", program),
    [...runnerArguments, join(root, "test/at-most-once/main.ts"), ...passedOn],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      encoding: "utf8",
      env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" }
    }
  )
  console.log(stdout)
  sections.push(stdout)
  if (status !== 0) process.exitCode = status ?? 1
}
if (values.write) writeFileSync(join(root, "docs/at-most-once.md"), [introduction, ...sections].join("\n"))
