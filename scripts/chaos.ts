/**
 * The client under fire: `npm run chaos -- [--minutes N] [--overload-seconds N] [--runtime node|bun|deno|all] [--seed N]
 * [--write]`, ten minutes of storm and one of overload on all three runtimes unless told otherwise, one after the other.
 * Several of these may run side by side, one for each runtime.
 *
 * `--write` puts what it prints into docs/chaos.md, for each runtime in the place of what was there. The exit status is 0
 * only if no promise was broken.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { cpus, loadavg, totalmem } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import manifest from "../package.json" with { type: "json" }
import { describeEndings, describeOverload, describeTrial } from "../test/chaos/describeTrial.ts"
import { inOwnNetwork, untried } from "../test/chaos/inOwnNetwork.ts"
import { runners } from "../test/chaos/Judge.ts"

const introduction = `# Under fire

What \`npm run chaos\` printed, a section for each runtime. [test/chaos](../test/chaos) has the short form, which is part of
\`npm test\`.

**The storm.** The client calls four servers in processes of their own: by a name, through a proxy that is a bad cable, with
TLS, and in another network behind a cable that can be cut. The servers are killed and started again, refuse, are stopped
in the middle and have their backlogs filled until the kernel drops connects; they spoil one answer in six (stalls, resets
at random bytes, half a body, garbage, more than asked for, early ends of idle connections, drop by drop) and one connection
in twelve (reset at once, silence, a TLS handshake cut off). The name changes its addresses, leads to a black hole first,
and its name server fails or says nothing. The bad cable delays, throttles, stalls, half-closes and resets. The TLS server
shows a certificate that nobody can trust. The far server vanishes: packets to it are lost, and nobody hears of it.
Meanwhile three to sixty callers call without pause (some stream, some stop reading, some give up, a third send bodies),
one leaves answers lying that it never reads, others lease connections as urgent or background callers; limits are changed,
routes drained and idle connections closed.

Held at every moment and at the end: each call has one outcome of a known kind; no answer reaches the wrong caller; no POST
is carried out twice; nobody is answered by a server with the wrong certificate; the limits as the kernel counts sockets are
never exceeded; an address that the name has lost loses its connections; two seconds after the storm no call fails and the
rate is back; and when all is closed, no lease, waiter, fiber or timer is left, and no descriptor that was not there before
the callers began. (Node and Deno tell of timers, Bun does not.) Where the machine was busy with other things and let the
client or the judge wait, that is measured, and speed is not judged; the report says so.

**Overload.** A server that takes 100 ms for an answer, ten connections, ten callers that may wait. The capacity is measured
with ten callers; then callers arrive at a hundred times that rate, each on a fiber of its own, whatever becomes of those
before. Held: at least 90 % of the capacity is answered; a refusal costs less than 50 µs of CPU time; memory is bounded;
afterwards no call fails, at once.

**Endings.** Callers send POSTs over eight connections, four more wait. A kill (SIGKILL) leaves no socket that is not closed on
either side. On SIGTERM the program shuts its pool down: what is under way is answered, who waits and who comes later is
told that the pool is closed, and was carried out nowhere; the exit status is 0. The gateway's own SIGTERM is shown by
[its tests](../apps/gateway/test/main.test.ts).
`

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    "overload-seconds": { type: "string", default: "60" },
    runtime: { type: "string", default: "all" },
    seed: { type: "string" },
    write: { type: "boolean", default: false }
  }
})
const runtimes = values.runtime === "all" ? [...runners.keys()] : values.runtime.split(",")
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const stormSeconds = Number(values.minutes) * 60
const overloadSeconds = Number(values["overload-seconds"])
const isUsable = stormSeconds > 0 && overloadSeconds >= 1 && Number.isInteger(seed)
if (!isUsable || runtimes.some((runtime) => !runners.has(runtime))) {
  console.error(
    `--minutes takes a number, --overload-seconds one from 1, --seed a whole one, and --runtime ${[...runners.keys()].join(", ")} or all.`
  )
  process.exit(2)
}

const document = fileURLToPath(new URL("../docs/chaos.md", import.meta.url))
const sectionStart = /^## /m

/** Replaces a runtime's section, and leaves those of the others. */
const write = async (runtime: string, section: string): Promise<void> => {
  for (;;) {
    const [, ...written] = existsSync(document) ? readFileSync(document, "utf8").split(sectionStart) : []
    const sections = new Map(written.map((text) => [text.match(/^\w+/)?.[0] ?? "", `## ${text.trimEnd()}\n`]))
    if (sections.get(runtime) === section) return
    sections.set(runtime, section)
    const ordered = [...runners.keys()].flatMap((name) => sections.get(name) ?? [])
    const draft = `${document}.${process.pid}`
    writeFileSync(draft, [introduction, ...ordered].join("\n"))
    renameSync(draft, document)
    // Another runtime's may have been written in the same moment, from what was there before: then the loop goes round.
    await sleep(500)
  }
}

const versions: Readonly<Record<string, string>> = manifest.devDependencies
const machine = `${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB`

for (const runtime of runtimes) {
  const startedAt = new Date().toISOString()
  const storm = await inOwnNetwork("storm", { runtime, seed, stormSeconds, calmSeconds: 4 })
  const overload = await inOwnNetwork("overload", {
    runtime,
    seed,
    overloadSeconds,
    goodputRatioMin: 0.9,
    arrivalRatioMin: 80,
    refusalMicrosMax: 50
  })
  const endings = await inOwnNetwork("endings", { runtime, seed })
  const section = [
    `## ${runtime} ${versions[runtime] ?? ""}`,
    "",
    `Begun ${startedAt}, on ${process.platform} with ${machine}, a load of ${loadavg()[1]?.toFixed(1)} at the end; seed ${seed}.`,
    ...untried.map((missing) => `**Not tried here: ${missing}.**`),
    "",
    `### A storm of ${stormSeconds} s`,
    "",
    ...describeTrial(storm),
    "",
    `### Overload for ${overloadSeconds} s`,
    "",
    ...describeOverload(overload),
    "",
    "### Endings",
    "",
    ...describeEndings(endings),
    ""
  ].join("\n")
  console.log(section)
  if (values.write) await write(runtime, section)
  if ([storm, overload, endings].some(({ findings }) => findings.length > 0)) process.exitCode = 1
}
