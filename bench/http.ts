/**
 * HTTP over loopback: Weir's ways in, from a session on one connection up to `fetch`, beside the clients of each runtime
 * and bare sockets. A server on one processor, the contestants, each a process, on another, in turns.
 *
 * Closed loop: as many calls at a time as there are connections. The rate is what passes by the clock. CPU is the
 * processor time of the contestant's process, its collector's and compiler's threads included; a neighbour on a busy machine
 * changes it little, so ratios are of that: `A / B` says how many times more processor time A takes for a call.
 *
 * Open loop: calls come at random, at half and at 80 % of the rate that the peer (undici `request`, or the runtime's `fetch`)
 * reached in the closed loop, and the time that each takes is told from the moment at which it was due. It is measured at 50
 * connections, unless `--connections` says otherwise.
 *
 * `--work`, `--connections`, `--loop` and `--way` choose parts, each a list with commas. Without them GET of 41 bytes is
 * measured with 1, 50 and 500 connections, the longer kinds with 50, some 17 minutes for three runtimes. `--rounds` says how
 * many turns each contestant has. `--memory COUNT` makes so many calls and looks at the memory ten times on the way.
 * `--profile DIR` has each contestant write a profile there. `--wire memory` puts the server into the contestant's process,
 * where it costs next to nothing: what is left is Weir's own, on GET of 41 bytes.
 */

import { formatNumber, formatTable, isQuick, median, optionValue, Report, runtime } from "./harness.ts"
import { type Contestant, listWays, startContestant } from "./http/Contestant.ts"
import type { Memory, Turn } from "./http/worker.ts"
import { isWorkName, type WorkName, works } from "./http/works.ts"
import { startUpstream } from "./upstream.ts"

/** A ratio that is looked at, and what it should be at least. */
interface Pair {
  readonly of: string
  readonly to: string
  readonly goal?: number
}

const pairs: Readonly<Record<typeof runtime, ReadonlyArray<Pair>>> = {
  node: [
    { of: "bare sockets", to: "weir session" },
    { of: "bare sockets", to: "weir client", goal: 0.6 },
    { of: "undici request", to: "weir client", goal: 2 },
    { of: "undici dispatch", to: "weir client" },
    { of: "node:http", to: "weir client" },
    { of: "effect undici", to: "weir HttpClient", goal: 2 },
    { of: "effect undici traced", to: "weir HttpClient traced", goal: 1.5 },
    { of: "undici request", to: "weir request" },
    { of: "fetch", to: "weir fetch", goal: 3 },
    { of: "undici fetch", to: "weir fetch" }
  ],
  bun: [
    { of: "bare sockets", to: "weir session" },
    { of: "bare sockets", to: "weir client", goal: 0.6 },
    { of: "fetch", to: "weir client", goal: 2 },
    { of: "effect fetch", to: "weir HttpClient" },
    { of: "effect fetch traced", to: "weir HttpClient traced" },
    { of: "fetch", to: "weir request" },
    { of: "fetch", to: "weir fetch", goal: 1.5 }
  ],
  deno: [
    { of: "bare sockets", to: "weir session" },
    { of: "bare sockets", to: "weir client", goal: 0.6 },
    { of: "fetch", to: "weir client", goal: 3 },
    { of: "effect fetch", to: "weir HttpClient" },
    { of: "effect fetch traced", to: "weir HttpClient traced" },
    { of: "fetch", to: "weir request" },
    { of: "fetch", to: "weir fetch", goal: 2 }
  ]
}

/** Whose rate the open loop goes by, and who takes part in it. */
const reference = runtime === "node" ? "undici request" : "fetch"
const openLoopWays = [reference, "weir client", "weir HttpClient", "weir request", "weir fetch", "undici dispatch"]

const listOption = (option: string): ReadonlyArray<string> | undefined => optionValue(option)?.split(",")

const isInMemory = optionValue("--wire") === "memory"
const wantedWorks = isInMemory ? ["get-41"] : listOption("--work")
const wantedConnections = listOption("--connections")
const wantedLoops = isInMemory ? ["closed"] : (listOption("--loop") ?? ["closed", "open"])
const memoryCallCount = Number(optionValue("--memory") ?? 0)
const profileDirectory = optionValue("--profile")

/**
 * The compilers work by how often something was called, and V8 collects all of its heap for every 54 MB of bodies: long
 * kinds of calls need a number of them too.
 */
const size = isQuick
  ? { warmupMillis: 400, warmupCalls: 0, rounds: 5, turnMillis: 60, turnCalls: 0 }
  : { warmupMillis: 1000, warmupCalls: 10_000, rounds: 9, turnMillis: 150, turnCalls: 1000 }
const rounds = Number(optionValue("--rounds") ?? size.rounds)
const openLoopSize = isQuick ? { rounds: 1, seconds: 0.7 } : { rounds: 3, seconds: 1.5 }

/** One connection carries a stream as fast as the processor does; more of them would only share it. */
const isStream = (work: WorkName): boolean => works[work].reading === "pieces"

const cases: ReadonlyArray<{ readonly work: WorkName; readonly connectionCount: number }> = Object.keys(works)
  .filter(isWorkName)
  .filter((work) => wantedWorks?.includes(work) ?? (!isQuick || work === "get-41"))
  .flatMap((work) => {
    const usual = isQuick || work !== "get-41" ? [50] : [1, 50, 500]
    const counts = isStream(work) ? [1] : (wantedConnections?.map(Number) ?? usual)
    return counts.map((connectionCount) => ({ work, connectionCount }))
  })

const allNames = await listWays()
const names = listOption("--way") ?? allNames
for (const name of names) {
  if (!allNames.includes(name)) {
    console.error(`There is no way of calling named ${name}; there are: ${allNames.join(", ")}`)
    process.exit(2)
  }
}

const report = new Report("http", ["effect", ...(runtime === "node" ? ["undici"] : [])])
const upstream = await startUpstream()
console.log(`upstream: ${upstream.kind}`)

/** Warms a contestant up, for the compiler makes the first turns slow, and returns how many calls fill a turn. */
const calibrate = async (contestant: Contestant, work: WorkName, laneCount: number): Promise<number> => {
  const [warmupCalls, turnCallsMin] = isStream(work) ? [0, laneCount] : [size.warmupCalls, size.turnCalls]
  let count = laneCount
  for (let warmMillis = 0, warmCalls = 0; warmMillis < size.warmupMillis || warmCalls < warmupCalls; ) {
    const millis = (await contestant.run(count)).wallNanos / 1e6
    warmMillis += millis
    warmCalls += count
    count = Math.max(laneCount, Math.min(count * 4, Math.round((count * size.turnMillis) / millis)))
  }
  return Math.max(count, turnCallsMin)
}

interface Lane {
  readonly contestant: Contestant
  /** How many calls fill a turn. */
  count: number
  readonly turns: Array<Turn>
}

/** Those that came through. One that fails is named, and takes no part in the rest of the case. */
const survivors = async (
  title: string,
  lanes: ReadonlyArray<Lane>,
  turn: (lane: Lane) => Promise<void>
): Promise<ReadonlyArray<Lane>> => {
  const left: Array<Lane> = []
  for (const lane of lanes) {
    try {
      await turn(lane)
      left.push(lane)
    } catch (error) {
      console.log(`\n${title}: ${lane.contestant.name} failed: ${String(error)}`)
    }
  }
  return left
}

const closedLoop = async (title: string, begun: ReadonlyArray<Lane>): Promise<ReadonlyArray<Lane>> => {
  let lanes = begun
  for (let round = 0; round < rounds; round++) {
    // Another one begins each round.
    lanes = await survivors(title, [...lanes.slice(1), ...lanes.slice(0, 1)], async ({ contestant, count, turns }) => {
      turns.push(await contestant.run(count))
    })
  }
  lanes = begun.filter((lane) => lanes.includes(lane))
  const wallCase = `${title}, by the clock`
  for (const { contestant, count, turns } of lanes) {
    const perCall = (nanos: (turn: Turn) => number) => turns.map((turn) => nanos(turn) / count)
    report.addRow(contestant.name, { case: title, unit: "ns of CPU", runs: perCall((turn) => turn.cpuNanos) })
    report.addRow(contestant.name, { case: wallCase, unit: "ns", runs: perCall((turn) => turn.wallNanos) })
  }
  const rows = lanes.map(({ contestant, count, turns }) => {
    const cpuMicros = turns.map((turn) => turn.cpuNanos / count / 1000)
    return [
      contestant.name,
      formatNumber(Math.round(median(turns.map((turn) => (count * 1e9) / turn.wallNanos)))),
      median(cpuMicros).toFixed(1),
      Math.min(...cpuMicros).toFixed(1),
      Math.max(...cpuMicros).toFixed(1)
    ]
  })
  console.log(`\n${title}\n\n${formatTable(["", "calls/s", "CPU µs/call", "least", "most"], rows)}`)
  const ran = lanes.map(({ contestant }) => contestant.name)
  const present = pairs[runtime].filter(({ of, to }) => ran.includes(of) && ran.includes(to))
  const ratios = present.map(({ goal, of, to }) => [
    `${of} / ${to}`,
    report.addRatio(title, of, to).toFixed(2),
    report.addRatio(wallCase, of, to).toFixed(2),
    goal === undefined ? "" : String(goal)
  ])
  if (ratios.length > 0) console.log(`\n${formatTable(["in turns", "CPU", "clock", "goal"], ratios)}`)
  return lanes
}

/** By the clock, in the closed loop. */
const capacityOf = ({ count, turns }: Lane): number => median(turns.map((turn) => (count * 1e9) / turn.wallNanos))

const openLoops = async (title: string, lanes: ReadonlyArray<Lane>): Promise<void> => {
  const peer = lanes.find(({ contestant }) => contestant.name === reference)
  if (peer === undefined) return
  for (const share of [0.5, 0.8]) {
    const ratePerSecond = Math.round(capacityOf(peer) * share)
    const caseName = `${title}, ${share * 100} % of what ${reference} can`
    const racing = lanes.filter(({ contestant }) => openLoopWays.includes(contestant.name))
    // Above its own capacity a client's times only say how long the case lasted.
    let able: ReadonlyArray<Lane> = racing.filter((lane) => capacityOf(lane) > ratePerSecond * 1.1)
    const quantiles = ["p50Micros", "p99Micros", "p999Micros"] as const
    const found = new Map(able.map(({ contestant }) => [contestant.name, quantiles.map((): Array<number> => [])]))
    for (let round = 0; round < openLoopSize.rounds; round++) {
      able = await survivors(caseName, able, async ({ contestant }) => {
        const latencies = await contestant.openLoop(ratePerSecond, openLoopSize.seconds)
        quantiles.forEach((quantile, index) => {
          found.get(contestant.name)?.[index]?.push(latencies[quantile])
        })
      })
    }
    for (const [name, runs] of found) {
      quantiles.forEach((quantile, index) => {
        report.addRow(name, { case: `${caseName}, ${quantile}`, unit: "µs", runs: runs[index] ?? [] })
      })
    }
    const rows = racing.map(({ contestant }) => [
      contestant.name,
      ...(found.get(contestant.name)?.map((runs) => formatNumber(median(runs))) ?? ["too slow", "", ""])
    ])
    const heading = `${caseName}: ${formatNumber(ratePerSecond)} calls/s`
    console.log(`\n${heading}\n\n${formatTable(["µs", "p50", "p99", "p99.9"], rows)}`)
  }
}

const compare = async (): Promise<void> => {
  for (const { connectionCount, work } of cases) {
    // Anew for each case: a second client in a process is slower than the first, for the compiler knows of one no more.
    const contestants = names.map((name) => startContestant(name, upstream.port, profileDirectory))
    const connections = connectionCount === 1 ? "1 connection" : `${connectionCount} connections`
    const title = `${works[work].title}, ${connections}${isInMemory ? ", in memory" : ""}`
    const all = contestants.map((contestant): Lane => ({ contestant, count: 0, turns: [] }))
    const ready = await survivors(title, all, async (lane) => {
      await lane.contestant.open(work, connectionCount)
      lane.count = await calibrate(lane.contestant, work, connectionCount)
    })
    const lanes = await closedLoop(title, ready)
    const isOpenUsual = wantedConnections !== undefined || connectionCount === 50
    if (wantedLoops.includes("open") && isOpenUsual && !isStream(work)) await openLoops(title, lanes)
    await Promise.all(contestants.map((contestant) => contestant.stop()))
  }
}

const watchMemory = async (): Promise<void> => {
  const rows: Array<ReadonlyArray<string>> = []
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  for (const name of listOption("--way") ?? ["weir client", "weir fetch"]) {
    const contestant = startContestant(name, upstream.port, undefined)
    await contestant.open("get-41", 50)
    const readings: Array<Memory> = []
    for (let tenth = 0; tenth < 10; tenth++) {
      await contestant.run(Math.ceil(memoryCallCount / 10))
      readings.push(await contestant.memory())
    }
    await contestant.stop()
    rows.push([`${name}, heap`, ...readings.map(({ heapBytes }) => megabytes(heapBytes))])
    rows.push([`${name}, resident`, ...readings.map(({ residentBytes }) => megabytes(residentBytes))])
    const caseName = `memory over ${memoryCallCount} calls`
    report.addRow(`${name}, heap`, { case: caseName, unit: "bytes", runs: readings.map((one) => one.heapBytes) })
    report.addRow(`${name}, resident`, {
      case: caseName,
      unit: "bytes",
      runs: readings.map((one) => one.residentBytes)
    })
  }
  const head = [
    "MB after",
    ...Array.from({ length: 10 }, (_, tenth) => formatNumber(((tenth + 1) * memoryCallCount) / 10))
  ]
  console.log(`\nGET 41 B, 50 connections, ${formatNumber(memoryCallCount)} calls\n\n${formatTable(head, rows)}`)
}

await (memoryCallCount > 0 ? watchMemory() : compare())
report.finish()
await upstream.stop()
process.exit()
