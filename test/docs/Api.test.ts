import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { readPublicApi } from "../../scripts/api/PublicApi.ts"

const root = join(import.meta.dirname, "../..")

/** The sources that a package's exports lead to. */
const entriesOf = (directory: string): ReadonlyArray<string> => {
  const manifest: { readonly exports: Readonly<Record<string, unknown>> } = JSON.parse(
    readFileSync(join(directory, "package.json"), "utf8")
  )
  return Object.values(manifest.exports).flatMap((source) =>
    typeof source === "string" && source.endsWith(".ts") ? [join(directory, source)] : []
  )
}

describe("what the packages export", () => {
  it("has a doc block, every name of it", () => {
    const undocumented = readdirSync(join(root, "packages"))
      .map((name) => join(root, "packages", name))
      .filter((directory) => existsSync(join(directory, "package.json")))
      .flatMap(entriesOf)
      .flatMap(readPublicApi)
      .filter(({ doc, from }) => doc === "" && from === undefined)
      .map(({ name, path }) => `${path.slice(root.length + 1)}: ${name}`)
    expect(undocumented).toEqual([])
  })
})

describe("readPublicApi", () => {
  it("follows names to where they are declared, under the names that users know", () => {
    const directory = mkdtempSync(join(tmpdir(), "weir-api-"))
    const write = (name: string, text: string) => writeFileSync(join(directory, name), text)
    write(
      "index.ts",
      `export { a as b, type C } from "./one.ts"\nexport * as Two from "./two.ts"\nexport { E } from "@weir/e"\n`
    )
    write("one.ts", "/** The module. */\n\n/** A. */\nconst a = 1\nexport { a }\nexport interface C {}\n")
    write("two.ts", `/** Two. */\nimport "x"\n/**\n * D,\n * in two lines.\n */\nexport const d = 1, e = 2\n`)
    const found = readPublicApi(join(directory, "index.ts")).map(({ doc, from, name }) => [name, doc, from])
    expect(found).toEqual([
      ["b", "A.", undefined],
      ["C", "", undefined],
      ["Two", "Two.", undefined],
      ["Two.d", "D,\nin two lines.", undefined],
      ["Two.e", "D,\nin two lines.", undefined],
      ["E", "", "@weir/e"]
    ])
    rmSync(directory, { recursive: true })
  })
})
