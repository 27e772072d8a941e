/**
 * The table of behaviours: a row for each spec of test/conformance, a column for each runtime it ran on. Pure.
 */
import type { VitestReport } from "./tally.ts"

export interface Column {
  /** `Node 24.21.0`. */
  readonly title: string
  readonly report: VitestReport
}

export interface Behaviours {
  readonly columns: ReadonlyArray<string>
  readonly groups: ReadonlyArray<{
    readonly title: string
    readonly rows: ReadonlyArray<{ readonly title: string; readonly cells: ReadonlyArray<string> }>
  }>
  /** What happens where a cell says `no`: its number is the place in this list, from 1. */
  readonly notes: ReadonlyArray<string>
}

/** The suite whose specs are the rows. */
export const suite = "test/conformance/"

/** A spec that did not run says what happens instead, if the layer lacks an ability; else it is about other layers. */
const absent = "–"

export function tabulate(columns: ReadonlyArray<Column>): Behaviours {
  const notes: Array<string> = []
  const groups = new Map<string, Map<string, Array<string>>>()
  for (const [index, { report, title: runtime }] of columns.entries()) {
    // Files come in the order in which they ended.
    const files = report.testResults
      .filter(({ name }) => name.includes(suite))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const { ancestorTitles = [], meta, status, title = "" } of files.flatMap((file) => file.assertionResults)) {
      const group = ancestorTitles.filter((part) => part !== "").join(" ")
      const rows = groups.get(group) ?? new Map<string, Array<string>>()
      groups.set(group, rows)
      const cells = rows.get(title) ?? columns.map(() => absent)
      rows.set(title, cells)
      cells[index] = cellOf(status, meta?.instead === undefined ? undefined : `${runtime}: ${meta.instead}`, notes)
    }
  }
  return {
    columns: columns.map(({ title }) => title),
    groups: [...groups].map(([title, rows]) => ({
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      rows: [...rows].map(([behaviour, cells]) => ({ title: behaviour, cells }))
    })),
    notes
  }
}

function cellOf(status: string, note: string | undefined, notes: Array<string>): string {
  if (status === "passed") return "pass"
  if (status === "failed") return "FAIL"
  if (note === undefined) return absent
  if (!notes.includes(note)) notes.push(note)
  return `no (${notes.indexOf(note) + 1})`
}

const legend = `${absent} is about layers of another kind`

/** For a terminal. */
export function formatScreen({ columns, groups, notes }: Behaviours): string {
  const widthOf = (column: number) =>
    Math.max(
      ...[columns, ...groups.flatMap(({ rows }) => rows.map(({ cells }) => cells))].map(
        (row) => (row[column] ?? "").length
      )
    )
  const widths = columns.map((_, column) => widthOf(column))
  const nameWidth = Math.max(
    "behaviour".length,
    ...groups.flatMap(({ rows }) => rows.map(({ title }) => title.length + 2))
  )
  const line = (title: string, cells: ReadonlyArray<string>): string =>
    [title.padEnd(nameWidth), ...cells.map((cell, column) => cell.padEnd(widths[column] ?? 0))].join("  ").trimEnd()
  return [
    line("behaviour", columns),
    ...groups.flatMap(({ rows, title }) => [title, ...rows.map((row) => line(`  ${row.title}`, row.cells))]),
    ...notes.map((note, index) => `(${index + 1}) ${note}`),
    legend
  ].join("\n")
}

/** For docs/conformance.md. */
export function formatMarkdown({ columns, groups, notes }: Behaviours): string {
  const tables = groups.map(({ rows, title }) =>
    [
      `## ${title}\n`,
      `| | ${columns.join(" | ")} |`,
      `|---|${columns.map(() => "---").join("|")}|`,
      ...rows.map((row) => `| ${[row.title.replaceAll("|", "\\|"), ...row.cells].join(" | ")} |`)
    ].join("\n")
  )
  const numbered = notes.map((note, index) => `- no (${index + 1}): ${note}`)
  return [[...numbered, `- ${legend}`].join("\n"), ...tables].join("\n\n")
}

export const countBehaviours = ({ groups }: Behaviours): number =>
  groups.reduce((sum, { rows }) => sum + rows.length, 0)
