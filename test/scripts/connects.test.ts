import { describe, expect, it } from "vitest"
import { type EnduranceReport, faultsIn } from "../conformance/EnduranceReport.ts"

const flat = [90, 100, 101, 100, 101, 102, 100, 101, 100, 101]
const good: EnduranceReport = {
  leftCount: 0,
  megabytes: flat,
  outcomeCounts: { opened: 60, interrupted: 40, failed: 0 }
}

describe("what thousands of connects come to", () => {
  it("is good when nothing is left, nothing failed and memory is flat", () => {
    expect(faultsIn(good, "node")).toEqual([])
  })

  it("is not when a descriptor is left, but for the pair that Deno opens for itself", () => {
    expect(faultsIn({ ...good, leftCount: 1 }, "node")).toEqual(["1 descriptors are left open"])
    expect(faultsIn({ ...good, leftCount: 2 }, "deno")).toEqual([])
    expect(faultsIn({ ...good, leftCount: 3 }, "deno")).toHaveLength(1)
  })

  it("is not when memory grows in the second half, by what is alive if that is known", () => {
    const growing = flat.map((megabytes, tenth) => megabytes + tenth * 10)
    expect(faultsIn({ ...good, megabytes: growing }, "bun")).toHaveLength(1)
    expect(faultsIn({ ...good, megabytes: growing, heapMegabytes: flat }, "bun")).toEqual([])
    expect(faultsIn({ ...good, heapMegabytes: growing }, "bun")).toHaveLength(1)
  })

  it("is not when connects failed, or none was given up", () => {
    const failing = { opened: 60, interrupted: 39, failed: 1 }
    expect(faultsIn({ ...good, outcomeCounts: failing }, "node")).toEqual(["1 connects have failed"])
    expect(faultsIn({ ...good, outcomeCounts: { ...failing, interrupted: 0, failed: 0 } }, "node")).toHaveLength(1)
  })
})
