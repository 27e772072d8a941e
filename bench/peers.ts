/**
 * Weir beside the HTTP clients that people use in JavaScript, Go, Java and Rust: each a driver of its own (bench/peers),
 * in turns against one server, the driver on one processor and the server on another.
 *
 * `--task rate,open,idle,first,overload,restart` picks parts; `--only NAME,NAME` picks clients by a part of their name;
 * `--rounds N` and `--seconds S` set how often and how long each is measured (3 times 3 seconds).
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { isQuick, median, optionValue, Report } from "./harness.ts"
import { buildPeers, type Peer } from "./peers/drivers.ts"
import { pinned, startUpstream } from "./upstream.ts"

/** What a driver prints; see bench/peers/README.md. */
interface Seen {
  readonly requestCount: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly errorCount: number
  readonly p50Micros: number
  readonly p99Micros: number
  readonly p999Micros: number
  readonly perTenth: ReadonlyArray<number>
  readonly residentBytes: number
}

const rounds = Number(optionValue("--rounds") ?? (isQuick ? 1 : 3))
const measuredSeconds = Number(optionValue("--seconds") ?? (isQuick ? 0.5 : 3))
/** A driver that prints nothing for so long after its time hangs. */
const graceMillis = 30_000

const tasks = new Set((optionValue("--task") ?? "rate,open,idle,first,overload,restart").split(","))
const wanted = optionValue("--only")?.split(",") ?? (isQuick ? ["weir request (node)", "undici request", "Go"] : [""])

const report = new Report("peers", [])
const { absent, peers } = buildPeers((name) => wanted.some((part) => name.includes(part)))
for (const { name, reason } of absent) console.log(`not measured: ${name}: ${reason}`)

type Options = Readonly<Record<string, string | number>>

/** Runs a driver once; `undefined` if it fails, which is said. */
const drive = async (peer: Peer, options: Options): Promise<Seen | undefined> => {
  const [program, ...args] = peer.command
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const [command, commandArgs] = pinned("caller", program, [...args, ...words])
  const child = spawn(command, commandArgs, { stdio: ["ignore", "pipe", "pipe"] })
  const busyMillis = (Number(options["seconds"] ?? 0) + Number(options["warmup"] ?? 0)) * 1000
  const timer = setTimeout(() => child.kill("SIGKILL"), busyMillis + graceMillis)
  const ended = once(child, "close")
  let told = ""
  child.stderr.on("data", (text) => {
    told += text
  })
  let last: string | undefined
  for await (const line of createInterface({ input: child.stdout })) last = line
  await ended
  clearTimeout(timer)
  try {
    return JSON.parse(last ?? "")
  } catch {
    console.log(`${peer.name} ended without a result: ${told.trim().split("\n").slice(0, 3).join(" ")}`)
    return undefined
  }
}

/** Notes one figure of each peer for each round, in turns, and prints the case. */
const inTurns = async (
  caseName: string,
  measure: (peer: Peer) => Promise<ReadonlyArray<readonly [unit: string, value: number]>>
): Promise<void> => {
  const runs = new Map<string, Map<string, Array<number>>>()
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      for (const [unit, value] of await measure(peer)) {
        const known = runs.get(unit) ?? new Map<string, Array<number>>()
        runs.set(unit, known)
        known.set(peer.name, [...(known.get(peer.name) ?? []), value])
      }
    }
  }
  for (const [unit, byName] of runs) {
    const table = `${caseName}: ${unit}`
    for (const [name, values] of byName) report.addRow(name, { case: table, unit, runs: values })
    report.printCase(table)
  }
}

/** The server of `server.ts`; `port` 0 takes a free one. */
const startPlain = async (
  port: number,
  delayMillis: number
): Promise<{ readonly child: ChildProcess; readonly port: number }> => {
  const path = fileURLToPath(new URL("./peers/server.ts", import.meta.url))
  const [command, args] = pinned("server", process.execPath, [path, String(port), String(delayMillis)])
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
  const [line] = await once(child.stdout, "data")
  return { child, port: Number(String(line)) }
}

const stopPlain = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, "close")
  child.kill("SIGKILL")
  await ended
}

const figures = ({ cpuSeconds, p50Micros, p99Micros, p999Micros, requestCount, seconds }: Seen) =>
  ({
    rate: ["requests/s", requestCount / seconds],
    cpu: ["µs of processor/request", (cpuSeconds * 1e6) / Math.max(1, requestCount)],
    p50: ["p50 µs", p50Micros],
    p99: ["p99 µs", p99Micros],
    p999: ["p99.9 µs", p999Micros]
  }) as const

const measuresOfRate = async (): Promise<void> => {
  const upstream = await startUpstream()
  const url = `http://127.0.0.1:${upstream.port}/`
  for (const connections of isQuick ? [50] : [1, 50, 500]) {
    await inTurns(`closed loop, ${connections} connections`, async (peer) => {
      const warmup = isQuick ? 0.5 : peer.warmupSeconds
      const seen = await drive(peer, { url, connections, warmup, seconds: measuredSeconds })
      if (seen === undefined) return []
      const { cpu, rate } = figures(seen)
      return [rate, cpu]
    })
  }
  await upstream.stop()
}

const openRatePerSecond = 3000

const measuresOfOpenLoop = async (): Promise<void> => {
  const upstream = await startUpstream()
  const url = `http://127.0.0.1:${upstream.port}/`
  await inTurns(`open loop, ${openRatePerSecond} requests/s, 50 connections`, async (peer) => {
    const warmup = isQuick ? 0.5 : peer.warmupSeconds
    const paced = { rate: openRatePerSecond, callers: 200 }
    const seen = await drive(peer, { url, connections: 50, warmup, seconds: measuredSeconds, ...paced })
    if (seen === undefined) return []
    const { cpu, p50, p99, p999 } = figures(seen)
    return [p50, p99, p999, cpu]
  })
  await upstream.stop()
}

const measuresOfIdle = async (): Promise<void> => {
  const connections = 1000
  const { child, port } = await startPlain(0, 1000)
  await inTurns(`${connections} idle connections`, async (peer) => {
    const seen = await drive(peer, { url: `http://127.0.0.1:${port}/`, connections, task: "idle" })
    return seen === undefined ? [] : [["kB resident", seen.residentBytes / 1000]]
  })
  await stopPlain(child)
}

const measuresOfFirst = async (): Promise<void> => {
  const upstream = await startUpstream()
  await inTurns("from start to the end of the first request", async (peer) => {
    const startMillis = performance.now()
    const seen = await drive(peer, { url: `http://127.0.0.1:${upstream.port}/`, task: "first" })
    return seen === undefined ? [] : [["ms", performance.now() - startMillis]]
  })
  await upstream.stop()
}

/** Ten callers for each connection: what is done beside what as many callers as connections get done. */
const measuresOfOverload = async (): Promise<void> => {
  const upstream = await startUpstream()
  const of = { url: `http://127.0.0.1:${upstream.port}/`, connections: 50, seconds: measuredSeconds }
  await inTurns("10 callers for each of 50 connections", async (peer) => {
    const warmup = isQuick ? 0.5 : peer.warmupSeconds
    const calm = await drive(peer, { ...of, warmup })
    const crowded = await drive(peer, { ...of, warmup, callers: 500 })
    if (calm === undefined || crowded === undefined) return []
    const { p50, p99 } = figures(crowded)
    return [["of the rate with 50 callers", crowded.requestCount / Math.max(1, calm.requestCount)], p50, p99]
  })
  await upstream.stop()
}

/** The server is killed and started again a second later: how long until the calls come at 0.8 of their rate again. */
const measuresOfRestart = async (): Promise<void> => {
  const downMillis = 1000
  await inTurns("server killed for a second", async (peer) => {
    const first = await startPlain(0, 0)
    const { port } = first
    const warmup = peer.warmupSeconds
    const driving = drive(peer, { url: `http://127.0.0.1:${port}/`, connections: 50, warmup, seconds: 6 })
    await sleep(warmup * 1000 + 2000)
    await stopPlain(first.child)
    await sleep(downMillis)
    const second = await startPlain(port, 0)
    const seen = await driving
    await stopPlain(second.child)
    if (seen === undefined) return []
    return [
      ["ms below 0.8 of the rate", recoveryMillis(seen.perTenth)],
      ["failed calls", seen.errorCount]
    ]
  })
}

/** From the first tenth of a second without a call to the first at 0.8 of the rate before. */
const recoveryMillis = (perTenth: ReadonlyArray<number>): number => {
  const usual = median(perTenth.slice(0, 10))
  const from = perTenth.findIndex((count, index) => index >= 10 && count < usual * 0.1)
  const to = perTenth.findIndex((count, index) => index > from && count >= usual * 0.8)
  return from < 0 ? 0 : to < 0 ? Number.POSITIVE_INFINITY : (to - from) * 100
}

const parts: Readonly<Record<string, () => Promise<void>>> = {
  rate: measuresOfRate,
  open: measuresOfOpenLoop,
  idle: measuresOfIdle,
  first: measuresOfFirst,
  overload: measuresOfOverload,
  restart: measuresOfRestart
}
for (const [name, measure] of Object.entries(parts)) if (tasks.has(name)) await measure()

for (const { name, version } of peers) report.addVersion(name, version)
for (const { name, reason } of absent) report.addVersion(name, `not measured: ${reason}`)
report.finish()
