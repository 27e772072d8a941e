import { describe, expect, it } from "vitest"
import { ParsedHead, readFieldLines } from "../src/ParsedHead.ts"

const headOf = (...lines: ReadonlyArray<string>): ParsedHead =>
  new ParsedHead(["HTTP/1.1 200 OK", ...lines, "", ""].join("\r\n"), 200, "1.1")

describe("a response's head", () => {
  it("gives the very same fields where all of them stood in the head before", () => {
    const lines = ["Server: s", "Empty:", "Content-Length: 41"]
    const first = headOf(...lines).headers
    expect(first).toEqual(["Server", "s", "Empty", "", "Content-Length", "41"])
    expect(headOf(...lines).headers).toBe(first)
    expect(headOf("Server: \t s \t", "Empty: ", "Content-Length:41").headers).toEqual(first)
  })

  it("tells fields from those of the head before, however alike they are", () => {
    const before = ["X-A: 12", "X-B: b", "X-C: c"]
    for (const [lines, fields] of [
      [
        ["X-A: 1", "X-B: b", "X-C: c"],
        ["X-A", "1", "X-B", "b", "X-C", "c"]
      ],
      [
        ["X-A: 123", "X-B: b", "X-C: c"],
        ["X-A", "123", "X-B", "b", "X-C", "c"]
      ],
      [
        ["X-Ab: 12", "X-B: b"],
        ["X-Ab", "12", "X-B", "b"]
      ],
      [
        ["X-: 12", "X-B: b"],
        ["X-", "12", "X-B", "b"]
      ],
      [
        ["x-a: 12", "X-B: b", "X-C: c"],
        ["x-a", "12", "X-B", "b", "X-C", "c"]
      ],
      [
        ["X-A: 12", "X-C: c", "X-B: b"],
        ["X-A", "12", "X-C", "c", "X-B", "b"]
      ],
      [["X-A: 12"], ["X-A", "12"]],
      [
        [...before, "X-D: d"],
        ["X-A", "12", "X-B", "b", "X-C", "c", "X-D", "d"]
      ],
      [[], []]
    ] as const) {
      const kept = headOf(...before).headers
      expect(headOf(...lines).headers).toEqual(fields)
      expect(kept).toEqual(["X-A", "12", "X-B", "b", "X-C", "c"])
    }
  })

  it("reads trailers after a head that has the same fields and more", () => {
    expect(headOf("X-Sum: 4", "X-B: b").headers).toEqual(["X-Sum", "4", "X-B", "b"])
    expect(readFieldLines("X-Sum: 4\r\n\r\n", 0)).toEqual(["X-Sum", "4"])
  })
})
