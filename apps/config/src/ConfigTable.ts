/**
 * A reading as a person reads it: what is in force and where it came from, what to know about it, and what was lost.
 */
import type { Entry, Knob, Reading } from "@weir/dialects"
import Table from "cli-table3"

const plain = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  "
}

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const drawn = new Table({
    head: [...head],
    chars: plain,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true }
  })
  drawn.push(...rows.map((row) => [...row]))
  return drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
}

/** The unit of a knob's numbers, which stands in none of them. */
export const shownValue = (knob: Knob, value: Entry["value"]): string => {
  if (
    typeof value !== "number" ||
    !/(Timeout|lifetime|Interval|Margin|Inactivity|Threshold|After|Base|BackoffMax)$/i.test(knob)
  ) {
    // A proxy's URL may hold a password.
    return String(value).replace(/\/\/[^/@]*@/, "//")
  }
  return value >= 1000 && value % 1000 === 0 ? `${value / 1000} s` : `${value} ms`
}

export interface TableOptions {
  /** Also what the system has no setting for, and so is unlimited. */
  readonly hasAbsent: boolean
}

export const formatReading = (reading: Reading, title: string, { hasAbsent }: TableOptions): string => {
  const shown = reading.entries.filter(({ kind }) => hasAbsent || kind !== "absent")
  const hiddenCount = reading.entries.length - shown.length
  const hasMatches = shown.some(({ match }) => match !== "*")
  const head = ["setting", "value", ...(hasMatches ? ["routes"] : []), "from"]
  const rows = shown.map(({ knob, match, source, value }) => [
    knob,
    shownValue(knob, value),
    ...(hasMatches ? [match] : []),
    source
  ])
  return [
    `${title} ${reading.version}`,
    "",
    table(head, rows),
    ...(hiddenCount === 0
      ? []
      : ["", `${hiddenCount} settings that ${title} has not are unlimited or off; --all shows them`]),
    ...section(
      "Notes",
      reading.notes.map(({ message, source }) => `${source}: ${message}`)
    ),
    ...section(
      "Not carried over",
      reading.unmapped.map(
        ({ source, todo, value, why }) => `${source}: ${String(JSON.stringify(value))}: ${why}; ${todo}`
      )
    )
  ].join("\n")
}

export const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  ${line}`)]

/** The values that two readings differ in; empty: in none. */
export const differences = (a: Reading, b: Reading): ReadonlyArray<ReadonlyArray<string>> => {
  const keyOf = ({ knob, match }: Entry) => JSON.stringify([match, knob])
  const ofA = new Map(a.entries.map((entry) => [keyOf(entry), entry]))
  const ofB = new Map(b.entries.map((entry) => [keyOf(entry), entry]))
  return [...new Set([...ofA.keys(), ...ofB.keys()])].flatMap((key) => {
    const [left, right] = [ofA.get(key), ofB.get(key)]
    const one = left ?? right
    if (one === undefined || left?.value === right?.value) return []
    const cell = (entry: Entry | undefined) => (entry === undefined ? "not set" : shownValue(entry.knob, entry.value))
    return [[one.knob, one.match, cell(left), cell(right), left?.source ?? "", right?.source ?? ""]]
  })
}

export const formatDifferences = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  names: readonly [string, string]
): string =>
  rows.length === 0
    ? `${names[0]} and ${names[1]} mean the same.`
    : table(
        ["setting", "routes", names[0], names[1]],
        rows.map(([knob = "", match = "", left = "", right = "", fromLeft = "", fromRight = ""]) => [
          knob,
          match,
          fromLeft === "" ? left : `${left} (${fromLeft})`,
          fromRight === "" ? right : `${right} (${fromRight})`
        ])
      )
