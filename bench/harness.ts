/**
 * What every benchmark shares: running contestants in turns, medians, the table on the screen and the file of results.
 *
 * Machines are noisy, and noise comes in stretches: two programs measured one after the other differ although they are
 * the same. So contestants run in short turns, A B C A B C, and whoever is compared is compared turn by turn; a ratio is
 * the median of those, never a quotient of two averages. The first contestant of a round changes from round to round.
 *
 * Every benchmark takes `--quick` (under 40 seconds) and `--json FILE`, and writes
 * `{ bench, machine, versions, rows: [{ runtime, case, name, unit, median, runs }], ratios: [{ runtime, case, of, to, median, runs }] }`.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os"

export interface Row {
  readonly runtime: string
  readonly case: string
  readonly name: string
  /** `ns/op`, `bytes`, `req/s`: what the numbers count. */
  readonly unit: string
  readonly median: number
  readonly runs: ReadonlyArray<number>
}

export interface Ratio {
  readonly runtime: string
  readonly case: string
  readonly of: string
  readonly to: string
  readonly median: number
  /** One value a round: `of` divided by `to`, both of that round. */
  readonly runs: ReadonlyArray<number>
}

/** One way to do a thing, to be compared with others. */
export interface Contestant {
  readonly name: string
  /** Does it `count` times. What is returned is awaited, so a synchronous contestant returns nothing. */
  readonly run: (count: number) => Promise<unknown> | undefined
}

export interface TurnOptions {
  /**
   * `cpu`: the processor time of the process, its collector's and compiler's threads included, for what never waits: a
   * neighbour on a busy machine changes it little. `wall`: time as it passes, for what waits for others.
   */
  readonly clock: "cpu" | "wall"
  readonly rounds: number
  /** How long one turn lasts, about; the number of operations is found by trying. */
  readonly turnMillis: number
}

/** `node`, `bun` or `deno`. */
export const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node"

export const optionValue = (option: string): string | undefined => {
  const index = process.argv.indexOf(option)
  return index < 0 ? undefined : process.argv[index + 1]
}

/** `--quick`: fewer rounds and sizes, for a look; what goes into the documentation is measured without it. */
export const isQuick = process.argv.includes("--quick")

export const median = (runs: ReadonlyArray<number>): number => {
  const sorted = [...runs].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

const nowNanos: Readonly<Record<TurnOptions["clock"], () => number>> = {
  cpu: () => {
    const { system, user } = process.cpuUsage()
    return (system + user) * 1000
  },
  wall: () => Number(process.hrtime.bigint())
}

const nanosOf = async (contestant: Contestant, count: number, clock: TurnOptions["clock"]): Promise<number> => {
  const startedNanos = nowNanos[clock]()
  const running = contestant.run(count)
  if (running !== undefined) await running
  return nowNanos[clock]() - startedNanos
}

const warmupTurns = 6

/** Warms a contestant up and returns how many operations fill a turn: the compiler makes the first turns slow. */
const calibrate = async (contestant: Contestant, { clock, turnMillis }: TurnOptions): Promise<number> => {
  let count = 16
  for (let turns = 0; turns < warmupTurns; ) {
    const millis = (await nanosOf(contestant, count, clock)) / 1e6
    if (millis < turnMillis / 2) {
      count *= 2
    } else {
      count = Math.max(1, Math.round((count * turnMillis) / millis))
      turns++
    }
  }
  return count
}

/** Nanoseconds per operation of each contestant, one value a round. */
export const runInTurns = async (
  contestants: ReadonlyArray<Contestant>,
  options: TurnOptions
): Promise<ReadonlyMap<string, ReadonlyArray<number>>> => {
  const lanes: Array<{ readonly contestant: Contestant; readonly count: number; readonly runs: Array<number> }> = []
  for (const contestant of contestants) {
    lanes.push({ contestant, count: await calibrate(contestant, options), runs: [] })
  }
  for (let round = 0; round < options.rounds; round++) {
    const first = round % lanes.length
    for (const lane of [...lanes.slice(first), ...lanes.slice(0, first)]) {
      lane.runs.push((await nanosOf(lane.contestant, lane.count, options.clock)) / lane.count)
    }
  }
  return new Map(lanes.map(({ contestant, runs }) => [contestant.name, runs]))
}

/** `1234` as `1,234`, small numbers with three digits that mean something. */
export const formatNumber = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A table as Markdown reads it, its columns aligned for the screen too: the first to the left, the others to the right. */
export const formatTable = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, 3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${widths.map((width, column) => (column === 0 ? (cells[column] ?? "").padEnd(width) : (cells[column] ?? "").padStart(width))).join(" | ")} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`
  return [line(head), rule, ...rows.map(line)].join("\n")
}

/** The version of an installed package, from its manifest: not every package exports it. */
const versionOf = (name: string): string => {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")
  )
  return manifest.version
}

/** Collects what a benchmark finds, prints it, and writes the file that `--json` asks for. */
export class Report {
  private readonly bench: string
  private readonly packages: ReadonlyArray<string>
  private readonly rows: Array<Row> = []
  private readonly ratios: Array<Ratio> = []
  private readonly versions: Record<string, string> = {}

  /** `packages` are those whose versions belong to the result. */
  constructor(bench: string, packages: ReadonlyArray<string>) {
    this.bench = bench
    this.packages = packages
    const cpu = cpus()
    console.log(
      `${bench} on ${runtime} ${runtimeVersion()}, ${cpu.length} × ${cpu[0]?.model ?? "unknown processor"}, load ${loadavg()[0]?.toFixed(1)}${isQuick ? ", quick" : ""}`
    )
  }

  /** The version of what is no package of this workspace. */
  addVersion(name: string, version: string): void {
    this.versions[name] = version
    console.log(`${name}: ${version}`)
  }

  addRow(
    name: string,
    of: { readonly case: string; readonly unit: string; readonly runs: ReadonlyArray<number> }
  ): void {
    this.rows.push({ runtime, case: of.case, name, unit: of.unit, median: median(of.runs), runs: of.runs })
  }

  /** Compares two rows of a case, run by run. */
  addRatio(caseName: string, of: string, to: string): number {
    const runsOf = (name: string) => this.rows.find((row) => row.case === caseName && row.name === name)?.runs ?? []
    const below = runsOf(to)
    const runs = runsOf(of).flatMap((value, index) => {
      const other = below[index]
      return other === undefined ? [] : [value / other]
    })
    this.ratios.push({ runtime, case: caseName, of, to, median: median(runs), runs })
    return median(runs)
  }

  /** Runs contestants in turns, notes each as a row, each pair `[of, to]` as a ratio, and prints the case. */
  async compare(
    caseName: string,
    contestants: ReadonlyArray<Contestant>,
    pairs: ReadonlyArray<readonly [of: string, to: string]>,
    turns: TurnOptions
  ): Promise<void> {
    for (const [name, runs] of await runInTurns(contestants, turns)) {
      this.addRow(name, { case: caseName, unit: "ns/op", runs })
    }
    for (const [of, to] of pairs) this.addRatio(caseName, of, to)
    this.printCase(caseName)
  }

  printCase(caseName: string): void {
    const rows = this.rows.filter((row) => row.case === caseName)
    const table = rows.map(({ median, name, runs, unit }) => [
      name,
      formatNumber(median),
      formatNumber(Math.min(...runs)),
      formatNumber(Math.max(...runs)),
      unit
    ])
    console.log(`\n${caseName}\n\n${formatTable(["", "median", "least", "most", "unit"], table)}`)
    const ratios = this.ratios.filter((ratio) => ratio.case === caseName)
    if (ratios.length === 0) return
    const compared = ratios.map(({ median, of, runs, to }) => [
      `${of} / ${to}`,
      median.toFixed(2),
      Math.min(...runs).toFixed(2),
      Math.max(...runs).toFixed(2)
    ])
    console.log(`\n${formatTable(["in turns", "median", "least", "most"], compared)}`)
  }

  /** Writes the file of results, if one was asked for. */
  finish(): void {
    const path = optionValue("--json")
    if (path === undefined) return
    const cpu = cpus()
    const result = {
      bench: this.bench,
      machine: {
        processor: cpu[0]?.model ?? "unknown",
        processorCount: cpu.length,
        memoryBytes: totalmem(),
        system: `${platform()} ${release()} ${arch()}`,
        isQuick
      },
      versions: {
        [runtime]: runtimeVersion(),
        ...Object.fromEntries(this.packages.map((name) => [name, versionOf(name)])),
        ...this.versions
      },
      rows: this.rows,
      ratios: this.ratios
    }
    writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`)
  }
}

const runtimeVersion = (): string => process.versions[runtime] ?? "unknown"
