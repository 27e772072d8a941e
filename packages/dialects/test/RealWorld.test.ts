/**
 * Configurations as they stand in public documentation and repositories, typed anew, each with what it means here: what
 * is set, for which routes, and what is not carried over.
 */
import { describe, expect, it } from "vitest"
import { detect, dialectOf } from "../src/index.ts"
import { foundInPublic } from "./support/foundInPublic.ts"
import { writtenIn } from "./support/values.ts"

describe("a configuration found in public", () => {
  it.each(foundInPublic.map((found) => [found.where, found] as const))(
    "means what its authors expect: %s",
    (_where, found) => {
      const { file, id, lost = [], match = "", matched = {}, options = {}, text, values = {} } = found
      const reading = dialectOf(id)?.(text, { ...options, ...(file === undefined ? {} : { file }) })
      if (reading === undefined) throw new Error(`no dialect ${id}`)
      expect(writtenIn(reading)).toEqual(values)
      expect(writtenIn(reading, match)).toEqual(matched)
      const last = reading.unmapped.map(({ key }) => key.split(".").at(-1) ?? "")
      expect([...new Set(last)].sort()).toEqual([...new Set(lost)].sort())
    }
  )

  it.each(
    foundInPublic.filter(({ where }) => !where.includes("Pingora's own")).map((found) => [found.where, found] as const)
  )("is known for whose it is: %s", (_where, { file, id, text }) => {
    const found = detect(text, file).map(({ dialect }) => dialect.spec.id)
    // Two versions of one system have names in common.
    expect(id.startsWith("apache") ? found.map((one) => one.slice(0, 6)) : found).toContain(
      id.startsWith("apache") ? "apache" : id
    )
  })

  it("is one of at least thirty", () => {
    expect(foundInPublic.length).toBeGreaterThanOrEqual(30)
  })
})
