/**
 * Our gateway beside those that people use: each alone on one processor, in turns, with the upstream (nginx) and the load
 * (wrk, which is Debian's) on the other.
 *
 * `--only NAME,NAME` picks gateways by a part of their name; `--rounds N` and `--seconds S` set how often and how long each is
 * measured (3 times 5 seconds).
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { isQuick, optionValue, Report } from "./harness.ts"
import { configure, type GatewayProgram, gatewayPrograms, versionOf, whyAbsent } from "./peers/gatewayPrograms.ts"
import { freePort, pinned, startUpstream } from "./upstream.ts"

const rounds = Number(optionValue("--rounds") ?? (isQuick ? 1 : 3))
const measuredSeconds = Number(optionValue("--seconds") ?? (isQuick ? 1 : 5))
const connectionCounts = isQuick ? [50] : [1, 50, 500]

const wanted = optionValue("--only")?.split(",") ?? (isQuick ? ["(node)", "nginx"] : [""])
const report = new Report("gateways", [])

if (spawnSync("wrk", ["-v"]).error !== undefined) {
  console.error("wrk is not installed: apt-get install wrk")
  process.exit(1)
}

const programs = gatewayPrograms
  .filter(({ name }) => wanted.some((part) => name.includes(part)))
  .filter((program) => {
    const reason = whyAbsent(program)
    report.addVersion(program.name, reason === undefined ? versionOf(program) : `not measured: ${reason}`)
    return reason === undefined
  })

const upstream = await startUpstream("caller")
const directory = mkdtempSync(join(tmpdir(), "weir-gateways-"))

/** Processor seconds of a process and those it started. */
const cpuSeconds = (pid: number): number => {
  let ticks = 0
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(entry)
    if (stat === undefined || (Number(entry) !== pid && stat.parent !== pid)) continue
    ticks += stat.ticks
  }
  return ticks / 100
}

/** `undefined`: the process has ended. */
const statOf = (pid: string): { readonly parent: number; readonly ticks: number } | undefined => {
  try {
    // The name in brackets may hold anything; the third field and what follows stand behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined
  }
}

const untilListening = async (port: number, isOver: () => boolean): Promise<void> => {
  for (;;) {
    if (isOver()) throw new Error("the gateway ended before it listened")
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy()
        resolve(true)
      })
      socket.on("error", () => resolve(false))
    })
    if (isOpen) return
    await sleep(50)
  }
}

/** What wrk saw. */
interface Seen {
  readonly requestsPerSecond: number
  readonly requestCount: number
  readonly p50Micros: number
  readonly p99Micros: number
  readonly badCount: number
}

const unitsMicros: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 }

const load = async (port: number, connectionCount: number, seconds: number): Promise<Seen> => {
  const [program, args] = pinned("caller", "wrk", [
    "--latency",
    "-t1",
    `-c${connectionCount}`,
    `-d${seconds}s`,
    `http://127.0.0.1:${port}/`
  ])
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] })
  let text = ""
  child.stdout.on("data", (piece) => {
    text += piece
  })
  await once(child, "close")
  const find = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "0"
  const micros = (share: number): number => {
    const found = new RegExp(`^ +${share}% +([\\d.]+)(us|ms|s)$`, "m").exec(text)
    return Number(found?.[1] ?? 0) * (unitsMicros[found?.[2] ?? "us"] ?? 1)
  }
  return {
    requestsPerSecond: Number(find(/Requests\/sec: +([\d.]+)/)),
    requestCount: Number(find(/(\d+) requests in/)),
    p50Micros: micros(50),
    p99Micros: micros(99),
    badCount: Number(find(/Non-2xx or 3xx responses: (\d+)/))
  }
}

type Figures = Readonly<Record<string, number>>

const measure = async (program: GatewayProgram): Promise<ReadonlyMap<number, Figures>> => {
  const ports = { port: await freePort(), adminPort: await freePort(), upstreamPort: upstream.port }
  const own = join(directory, program.name.replaceAll(/\W/g, "-"))
  configure(program, ports, own)
  const [command, ...words] = program.command(ports, own)
  const [pinnedCommand, args] = pinned("server", command, words)
  const child = spawn(pinnedCommand, args, { stdio: ["ignore", "ignore", "inherit"] })
  const ended = once(child, "close")
  let isOver = false
  child.once("close", () => {
    isOver = true
  })
  await untilListening(ports.port, () => isOver)
  await load(ports.port, 50, isQuick ? 1 : program.warmupSeconds)
  const found = new Map<number, Figures>()
  for (const connectionCount of connectionCounts) {
    const cpuBefore = cpuSeconds(child.pid ?? 0)
    const seen = await load(ports.port, connectionCount, measuredSeconds)
    found.set(connectionCount, {
      "requests/s": seen.requestsPerSecond,
      "µs of processor/request": ((cpuSeconds(child.pid ?? 0) - cpuBefore) * 1e6) / Math.max(1, seen.requestCount),
      "p50 µs": seen.p50Micros,
      "p99 µs": seen.p99Micros,
      "bad answers": seen.badCount
    })
  }
  child.kill("SIGTERM")
  const timer = setTimeout(() => child.kill("SIGKILL"), 3000)
  await ended
  clearTimeout(timer)
  return found
}

const runs = new Map<string, Map<string, Array<number>>>()
for (let round = 0; round < rounds; round++) {
  for (const program of programs) {
    for (const [connectionCount, figures] of await measure(program)) {
      for (const [unit, value] of Object.entries(figures)) {
        const table = `${connectionCount} connections: ${unit}`
        const byName = runs.get(table) ?? new Map<string, Array<number>>()
        runs.set(table, byName)
        byName.set(program.name, [...(byName.get(program.name) ?? []), value])
      }
    }
  }
}
for (const [table, byName] of runs) {
  const unit = table.replace(/^\d+ connections: /, "")
  for (const [name, values] of byName) report.addRow(name, { case: table, unit, runs: values })
  report.printCase(table)
}
report.finish()
await upstream.stop()
rmSync(directory, { recursive: true, force: true })
