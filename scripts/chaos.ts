/**
 * The client under fire: `npm run chaos -- [--minutes N] [--runtime node|bun|deno|all] [--seed N] [--write]`, ten minutes
 * on all three runtimes unless told otherwise, one after the other.
 *
 * `--write` puts what it prints into docs/chaos.md. The exit status is 0 only if no promise was broken.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { describeTrial } from "../test/chaos/describeTrial.ts"
import { runners, runTrial } from "../test/chaos/Trial.ts"

const introduction = `# Under fire

What \`npm run chaos\` printed. A farm of three servers in processes of their own, one of them with TLS, is killed and
started again, refuses, is stopped in the middle, and spoils one answer in six: stalls, resets at random bytes, ends half a
body, answers garbage or more than asked for, closes idle connections early. Meanwhile sixty callers call without pause
(some stream, some stop reading, some give up), limits are changed, routes drained and idle connections closed.
Held at every moment and at the end: each call has one outcome of a known kind; no answer reaches the wrong caller; no POST
is carried out twice; the limits as the kernel counts sockets are never exceeded; two seconds after the storm no call fails
and the rate is back; no descriptor, lease or waiter is left.
`

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    runtime: { type: "string", default: "all" },
    seed: { type: "string" },
    write: { type: "boolean", default: false }
  }
})
const runtimes = values.runtime === "all" ? [...runners.keys()] : values.runtime.split(",")
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const stormSeconds = Number(values.minutes) * 60
if (!(stormSeconds > 0) || runtimes.some((runtime) => !runners.has(runtime))) {
  console.error(`--minutes takes a number, and --runtime ${[...runners.keys()].join(", ")} or all.`)
  process.exit(2)
}

const sections: Array<string> = []
for (const runtime of runtimes) {
  const trial = await runTrial({ runtime, seed, stormSeconds, calmSeconds: 4 })
  const text = describeTrial(trial, stormSeconds)
  console.log(text)
  sections.push(text)
  if (trial.findings.length > 0) process.exitCode = 1
}
if (values.write) {
  writeFileSync(fileURLToPath(new URL("../docs/chaos.md", import.meta.url)), [introduction, ...sections].join("\n"))
}
