/**
 * Opens connections by the thousand, gives half of them up at some moment and closes or resets the others, and counts what
 * is left: `npm run connects -- [--runtime node|bun|deno|all] [--count N] [--write]`, on Node 24 or on the runtimes named,
 * separated by commas; 100,000 cycles unless told otherwise.
 *
 * `--write` puts what it prints into docs/connects.md. The exit status is 0 only if nothing was left open and memory
 * stayed flat.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { makeCertificates } from "../test/conformance/Certificates.ts"
import { type EnduranceReport, faultsIn, growthMegabytesOf } from "../test/conformance/EnduranceReport.ts"
import type { Answer, Answers, ListenOptions } from "../test/conformance/peer/Protocol.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const bin = join(root, "node_modules", ".bin")

/** How each runtime runs a TypeScript file that may ask for its garbage to be collected. */
const runners = {
  node: ["node", "--expose-gc"],
  bun: ["bun", "run"],
  deno: ["deno", "run", "--allow-all", "--v8-flags=--expose-gc"]
} as const

type Runtime = keyof typeof runners

const isRuntime = (name: string): name is Runtime => Object.hasOwn(runners, name)

const introduction = `# Connects without number

What \`npm run connects\` printed. A cycle opens a connection, in plain text or by TLS, to an address or to a name. Every
second one is given up after as many turns of the event loop as chance says, be it connecting, in its handshake or open;
the others say a word. What was opened is closed, every third time by a reset. Counted are the process's descriptors
before and after, and its memory after each tenth of the cycles, its garbage collected.
`

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "node" },
    count: { type: "string", default: "100000" },
    write: { type: "boolean", default: false }
  }
})
const count = Number(values.count)
const names = values.runtime === "all" ? Object.keys(runners) : values.runtime.split(",")
const runtimes = names.filter(isRuntime)
if (runtimes.length < names.length) {
  console.error(`--runtime is ${values.runtime}; there are ${Object.keys(runners).join(", ")} and all.`)
  process.exit(2)
}
if (!Number.isInteger(count) || count < 10) {
  console.error(`--count is ${values.count}, not a number of at least 10.`)
  process.exit(2)
}

/** Two servers in a process of their own, for as long as `body` takes. */
const withServers = async (body: (plainPort: number, tlsPort: number, ca: string) => Promise<void>): Promise<void> => {
  const { ca, server } = makeCertificates()
  const program = join(root, "test/conformance/peer/PeerProcess.ts")
  const peer = spawn(join(bin, "node"), [program], { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()
  const listen = async (options: ListenOptions): Promise<number> => {
    peer.stdin.write(`0 ${JSON.stringify({ op: "listen", options })}\n`)
    const { value } = await lines.next()
    const answer: Answer<Answers["listen"]> = JSON.parse(String(value).slice("0 ".length))
    if ("failure" in answer) throw new Error(`the peer could not listen: ${answer.failure}`)
    return answer.value.port
  }
  try {
    const plainPort = await listen({ greeting: "absorb" })
    const tlsPort = await listen({ greeting: "absorb", tls: { cert: server.chain, key: server.key } })
    await body(plainPort, tlsPort, ca)
  } finally {
    const exit = once(peer, "exit")
    peer.stdin.end()
    await exit
  }
}

const run = async (runtime: Runtime, plainPort: number, tlsPort: number, ca: string): Promise<EnduranceReport> => {
  const [program, ...runnerArguments] = runners[runtime]
  const file = join(root, "test/conformance/Endurance.ts")
  const child = spawn(join(bin, program), [...runnerArguments, file, ...[plainPort, tlsPort, count].map(String)], {
    env: { ...process.env, CA: ca, DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const { done, value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (done === true) throw new Error(`${runtime} has ended without a report`)
  return JSON.parse(value)
}

const versionOf = (runtime: Runtime): string =>
  /\d+\.\d+\.\d+/.exec(spawnSync(join(bin, runtime), ["--version"], { encoding: "utf8" }).stdout)?.[0] ?? "unknown"

const describeRun = (runtime: Runtime, report: EnduranceReport, seconds: number): string => {
  const { heapMegabytes = [], leftCount, megabytes, outcomeCounts } = report
  const faults = faultsIn(report, runtime)
  return [
    `## ${runtime} ${versionOf(runtime)}`,
    `\`npm run connects -- --runtime ${runtime} --count ${count}\`, ${platform()} ${arch()}, ${cpus().length} cores, in ${Math.round(seconds)} s: ` +
      `${outcomeCounts.opened} opened and closed, ${outcomeCounts.interrupted} given up before they were open, ${outcomeCounts.failed} failed.`,
    `| | |\n| --- | --- |\n| descriptors left open | ${leftCount} |\n| alive on the heap after each tenth, MB | ${heapMegabytes.join(", ")} |\n` +
      `| resident memory then, MB | ${megabytes.join(", ")} |\n| growth of the heap in the second half, MB | ${growthMegabytesOf(report).toFixed(1)} |`,
    ...(runtime === "deno" && leftCount > 0
      ? ["The descriptors are a pair of sockets that Deno opens for itself, once."]
      : []),
    ...faults.map((fault) => `- WRONG: ${fault}`)
  ].join("\n\n")
}

const sections: Array<string> = []
await withServers(async (plainPort, tlsPort, ca) => {
  for (const runtime of runtimes) {
    const startMillis = performance.now()
    const report = await run(runtime, plainPort, tlsPort, ca)
    const section = describeRun(runtime, report, (performance.now() - startMillis) / 1000)
    console.log(`${section}\n`)
    sections.push(section)
    if (faultsIn(report, runtime).length > 0) process.exitCode = 1
  }
})
if (values.write)
  writeFileSync(join(root, "docs/connects.md"), `${[introduction.trimEnd(), ...sections].join("\n\n")}\n`)
