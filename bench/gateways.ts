/**
 * Our gateway beside those that people use: each alone on one processor, in turns, with the upstream (nginx) and the load
 * (wrk, which is Debian's) on the other.
 *
 * `--only NAME,NAME` picks gateways by a part of their name; `--rounds N` and `--seconds S` set how often and how long each is
 * measured (3 times 4 seconds: with warm-ups, 7 minutes for all of them).
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { isQuick, optionValue, Report } from "./harness.ts"
import { configure, type GatewayProgram, gatewayPrograms, versionOf, whyAbsent } from "./peers/gatewayPrograms.ts"
import { freePort, pinned, startUpstream } from "./upstream.ts"

const rounds = Number(optionValue("--rounds") ?? (isQuick ? 1 : 3))
const measuredSeconds = Number(optionValue("--seconds") ?? (isQuick ? 1 : 4))
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
  /** Median and tail; `undefined` where not one request was answered. */
  readonly p50Micros: number | undefined
  readonly p99Micros: number | undefined
  readonly p999Micros: number | undefined
  /** Answers of 400 and above, timeouts, connections refused or lost. */
  readonly badCount: number
}

const reporter = fileURLToPath(new URL("peers/gateways/wrk.lua", import.meta.url))

const load = async (port: number, connectionCount: number, seconds: number): Promise<Seen> => {
  const [program, args] = pinned("caller", "wrk", [
    "-t1",
    `-c${connectionCount}`,
    `-d${seconds}s`,
    ...["-s", reporter],
    `http://127.0.0.1:${port}/`
  ])
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] })
  let text = ""
  child.stdout.on("data", (piece) => {
    text += piece
  })
  await once(child, "close")
  const found = /^seen (\{.*\})$/m.exec(text)?.[1]
  if (found === undefined) throw new Error(`wrk has not said what it saw: ${text}`)
  const said: Readonly<Record<string, number>> = JSON.parse(found)
  const count = (field: string): number => said[field] ?? 0
  return {
    requestsPerSecond: count("requestCount") / (count("durationMicros") / 1e6),
    requestCount: count("requestCount"),
    p50Micros: said["p50Micros"],
    p99Micros: said["p99Micros"],
    p999Micros: said["p999Micros"],
    badCount: count("badCount")
  }
}

/** By unit; `undefined` where there is nothing to measure. */
type Figures = Readonly<Record<string, number | undefined>>

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
      "p99.9 µs": seen.p999Micros,
      failures: seen.badCount
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
        if (value === undefined) continue
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
