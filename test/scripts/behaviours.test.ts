import { describe, expect, it } from "vitest"
import { type Column, countBehaviours, formatMarkdown, formatScreen, tabulate } from "../../scripts/behaviours.ts"

interface Spec {
  readonly title: string
  readonly status: string
  readonly meta?: { readonly instead: string }
}

const column = (
  title: string,
  group: string,
  specs: ReadonlyArray<Spec>,
  file = "test/conformance/a.test.ts"
): Column => ({
  title,
  report: {
    testResults: [
      {
        name: file,
        status: "passed",
        assertionResults: specs.map((spec) => ({ ...spec, ancestorTitles: ["", group], fullName: spec.title }))
      }
    ]
  }
})

const reads: Spec = { title: "reads", status: "passed" }
const resets: Spec = { title: "resets", status: "skipped", meta: { instead: "closes" } }

describe("the table of behaviours", () => {
  it("has a row for each spec and a column for each runtime", () => {
    const table = tabulate([
      column("Node", "sockets", [reads]),
      column("Deno", "sockets", [{ ...reads, status: "failed" }])
    ])
    expect(table.columns).toEqual(["Node", "Deno"])
    expect(table.groups).toEqual([{ title: "Sockets", rows: [{ title: "reads", cells: ["pass", "FAIL"] }] }])
    expect(countBehaviours(table)).toBe(1)
  })

  it("says what happens instead where a layer lacks an ability, each thing once", () => {
    const again = { ...resets, title: "resets again" }
    const table = tabulate([column("Node", "sockets", []), column("Deno", "sockets", [resets, again])])
    expect(table.groups[0]?.rows.map(({ cells }) => cells)).toEqual([
      ["–", "no (1)"],
      ["–", "no (1)"]
    ])
    expect(table.notes).toEqual(["Deno: closes"])
    expect(formatScreen(table)).toContain("(1) Deno: closes")
    expect(formatMarkdown(table)).toContain("- no (1): Deno: closes")
  })

  it("tells a spec that is about other layers from one that passed", () => {
    const table = tabulate([column("Node", "sockets", [{ title: "closes", status: "skipped" }])])
    expect(table.groups[0]?.rows[0]?.cells).toEqual(["–"])
  })

  it("takes nothing from suites about something else", () => {
    expect(countBehaviours(tabulate([column("Node", "pool", [reads], "packages/core/test/a.test.ts")]))).toBe(0)
  })

  it("keeps its columns straight on a screen", () => {
    const table = tabulate([column("Node", "sockets", [reads, resets]), column("Deno", "sockets", [reads])])
    const lines = formatScreen(table).split("\n")
    expect(lines.slice(0, 4)).toEqual([
      "behaviour  Node    Deno",
      "Sockets",
      "  reads    pass    pass",
      "  resets   no (1)  –"
    ])
  })
})
