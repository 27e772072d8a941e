/**
 * Writes the tables and the charts of bench/results: for each JSON file that a benchmark wrote there, a Markdown page of
 * the same name, and an SVG for the cases named in `charted`. `npm run bench -- results`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse, type Spec, View } from "vega"
import { formatNumber, formatTable, type Ratio, type Row } from "./harness.ts"

interface Result {
  readonly bench: string
  readonly machine: Readonly<Record<string, string | number | boolean>>
  readonly versions: Readonly<Record<string, string>>
  readonly rows: ReadonlyArray<Row>
  readonly ratios: ReadonlyArray<Ratio>
}

const directory = fileURLToPath(new URL("results/", import.meta.url))

/** Cases that are worth a picture: the title, and what the bars count. */
const charted: Readonly<Record<string, string>> = {
  "closed loop, 50 connections: requests/s": "Requests per second, 50 connections, 41-byte answers, one core",
  "50 connections: requests/s": "Requests per second through a gateway, 50 connections, one core"
}

const casesOf = (rows: ReadonlyArray<{ readonly case: string }>): ReadonlyArray<string> => [
  ...new Set(rows.map((row) => row.case))
]

const caseText = (result: Result, caseName: string): string => {
  const rows = result.rows
    .filter((row) => row.case === caseName)
    .map(({ name, median, runs, unit }) => [name, formatNumber(median), runs.map(formatNumber).join(" · "), unit])
  const ratios = result.ratios
    .filter((ratio) => ratio.case === caseName)
    .map(({ of, to, median, runs }) => [
      `${of} / ${to}`,
      median.toFixed(2),
      Math.min(...runs).toFixed(2),
      Math.max(...runs).toFixed(2)
    ])
  const parts = [`## ${caseName}`, formatTable(["", "median", "every run", "unit"], rows)]
  if (ratios.length > 0) parts.push(formatTable(["in turns", "median", "least", "most"], ratios))
  return parts.join("\n\n")
}

const pageOf = (result: Result, charts: ReadonlyArray<string>): string =>
  [
    `# ${result.bench}`,
    Object.entries(result.machine)
      .map(([key, value]) => `${key}: ${value}`)
      .join("; "),
    ...charts.map((file) => `![${file}](${file})`),
    ...casesOf(result.rows).map((caseName) => caseText(result, caseName)),
    "## Versions",
    formatTable(["", "version"], Object.entries(result.versions)),
    ""
  ].join("\n\n")

const chartOf = (title: string, rows: ReadonlyArray<Row>): Promise<string> => {
  const bars = rows.map(({ median, name }) => ({ name, median, isOurs: name.startsWith("weir") }))
  bars.sort((a, b) => b.median - a.median)
  const spec: Spec = {
    width: 520,
    height: bars.length * 22,
    padding: 12,
    autosize: "pad",
    background: "white",
    title: { text: title, anchor: "start", offset: 12 },
    data: [{ name: "bars", values: bars }],
    scales: [
      { name: "y", type: "band", domain: { data: "bars", field: "name" }, range: "height", padding: 0.3 },
      { name: "x", type: "linear", domain: { data: "bars", field: "median" }, range: "width", zero: true, nice: true }
    ],
    axes: [
      { orient: "left", scale: "y", labelFontSize: 12, labelLimit: 260, ticks: false, domain: false },
      { orient: "bottom", scale: "x", title: rows[0]?.unit ?? "", format: ",.0f", tickCount: 5 }
    ],
    marks: [
      {
        type: "rect",
        from: { data: "bars" },
        encode: {
          enter: {
            y: { scale: "y", field: "name" },
            height: { scale: "y", band: 1 },
            x: { scale: "x", value: 0 },
            x2: { scale: "x", field: "median" },
            fill: [{ test: "datum.isOurs", value: "#0b7285" }, { value: "#adb5bd" }]
          }
        }
      },
      {
        type: "text",
        from: { data: "bars" },
        encode: {
          enter: {
            y: { scale: "y", field: "name", band: 0.5 },
            x: { scale: "x", field: "median", offset: 5 },
            text: { signal: "format(datum.median, ',.0f')" },
            baseline: { value: "middle" },
            fontSize: { value: 11 }
          }
        }
      }
    ]
  }
  return new View(parse(spec), { renderer: "none" }).toSVG()
}

for (const file of readdirSync(directory).filter((name) => name.endsWith(".json"))) {
  const result: Result = JSON.parse(readFileSync(`${directory}${file}`, "utf8"))
  const charts: Array<string> = []
  for (const [caseName, title] of Object.entries(charted)) {
    const rows = result.rows.filter((row) => row.case === caseName)
    if (rows.length === 0) continue
    const chart = file.replace(".json", ".svg")
    writeFileSync(`${directory}${chart}`, await chartOf(title, rows))
    charts.push(chart)
  }
  writeFileSync(`${directory}${file.replace(".json", ".md")}`, pageOf(result, charts))
  console.log(file)
}
