import { describe, expect, it } from "@effect/vitest"
import { formatFinding } from "../../src/config/Finding.ts"
import { readYaml } from "../../src/config/YamlDocument.ts"

const read = (text: string) => {
  const { documents, findings } = readYaml("a.yaml", text)
  return { documents, lines: findings.map(formatFinding) }
}

describe("reading YAML", () => {
  it("says in which line and column the text is broken, for every document that is", () => {
    const { documents, lines } = read("a: [1\n---\nb: 1\n---\nc: 'open\n")
    expect(documents.map(({ value }) => value)).toEqual([{ b: 1 }])
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^a\.yaml:2:1: document 1: .*\]/)
    expect(lines[1]).toMatch(/^a\.yaml:6:1: document 3: Missing closing 'quote/)
  })

  it("refuses a key that is there twice", () => {
    expect(read("a: 1\nb: 2\na: 3\n").lines).toEqual(["a.yaml:3:1: document 1: Map keys must be unique"])
  })

  it("refuses a tag that means nothing", () => {
    expect(read("a: !port 80\n").lines[0]).toMatch(/^a\.yaml:1:4: document 1: Unresolved tag: !port/)
  })

  it("refuses a directive that means nothing, also where no document follows", () => {
    expect(read("%YAML 9.9\n").lines).toEqual(["a.yaml:1:7: document 1: Unsupported YAML version 9.9"])
    expect(read("%HELLO\n---\na: 1\n").lines).toEqual(["a.yaml:1:1: document 1: Unknown directive %HELLO"])
  })

  it("refuses aliases that multiply beyond measure", () => {
    const text = `a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
`
    const { documents, lines } = read(text)
    expect(documents).toEqual([])
    expect(lines[0]).toMatch(/^a\.yaml:1:1: document 1: Excessive alias count/)
  })

  it("counts documents that hold nothing, and leaves them out", () => {
    const { documents } = read("---\n---\n# nothing\n---\na: 1\n")
    expect(documents).toHaveLength(1)
    expect(documents[0]?.placeOf(["a"])).toEqual({ file: "a.yaml", documentNumber: 3, line: 5, column: 1 })
  })

  it("places a field at its key and an item at its value", () => {
    const [document] = read("a:\n  b:\n    - c: 1\n    - {c: 2, d: 3}\n").documents
    const at = (...path: ReadonlyArray<string | number>) => {
      const { column, line } = document?.placeOf(path) ?? {}
      return `${line}:${column}`
    }
    expect(at("a", "b")).toBe("2:3")
    expect(at("a", "b", 1)).toBe("4:7")
    expect(at("a", "b", 1, "d")).toBe("4:14")
  })

  it("places what is not there at its nearest ancestor", () => {
    const [document] = read("a:\n  b: 1\n").documents
    expect(document?.placeOf(["a", "x", "y"])).toMatchObject({ line: 1, column: 1 })
    expect(document?.placeOf(["z"])).toMatchObject({ line: 1, column: 1 })
  })

  it("follows aliases and merge keys, to the values and to their places", () => {
    const [document] = read("base: &base\n  x: 1\nuse:\n  <<: *base\n  y: 2\nsame: *base\n").documents
    expect(document?.value).toEqual({ base: { x: 1 }, use: { x: 1, y: 2 }, same: { x: 1 } })
    expect(document?.placeOf(["same", "x"])).toMatchObject({ line: 2, column: 3 })
    expect(document?.placeOf(["use", "x"])).toMatchObject({ line: 3, column: 1 })
  })

  it("takes every key for a string, as labels need", () => {
    const [document] = read("1: a\ntrue: b\n").documents
    expect(document?.value).toEqual({ "1": "a", true: "b" })
    expect(document?.placeOf(["true"])).toMatchObject({ line: 2, column: 1 })
  })
})
