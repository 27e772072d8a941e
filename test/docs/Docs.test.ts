import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { describe, expect, it } from "vitest"
import { toMermaid } from "../../packages/core/src/ConnectionState.ts"
import { capabilitiesPage } from "../../scripts/capabilities.ts"

const root = join(import.meta.dirname, "../..")

/** Every Markdown file of the repository's own. */
const pages = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === "node_modules" || entry.name.startsWith(".") ? [] : pages(path)
    return entry.name.endsWith(".md") ? [path] : []
  })

const linksOf = (page: string): ReadonlyArray<string> =>
  Array.from(readFileSync(page, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g), (match) => match[1] ?? "")

describe("the documentation", () => {
  it("links only to files that exist", () => {
    const broken = pages(root).flatMap((page) =>
      linksOf(page)
        .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(dirname(page), link)))
        .map((link) => `${relative(root, page)}: ${link}`)
    )
    expect(broken).toEqual([])
  })

  it("shows the life of a connection as the pool executes it", () => {
    const shown = /```mermaid\n([\s\S]*?)\n```/.exec(readFileSync(join(root, "docs/ARCHITECTURE.md"), "utf8"))
    expect(shown?.[1]).toBe(toMermaid())
  })

  it("says of every layer what its code says it can do", () => {
    expect(readFileSync(join(root, "docs/capabilities.md"), "utf8")).toBe(capabilitiesPage())
  })
})
