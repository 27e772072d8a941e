/**
 * One configuration for each system that says something other than the default by every key that is honoured, and what
 * each of them then sets; and every key that is not honoured, one by one.
 */
import { describe, expect, it } from "vitest"
import { type Dialect, dialectOf, dialects, type Key } from "../src/index.ts"
import { matchName } from "../src/Key.ts"
import { honouredByClients } from "./support/honouredByClients.ts"
import { honouredBySystems } from "./support/honouredBySystems.ts"
import { writtenIn } from "./support/values.ts"

const table = [...honouredBySystems, ...honouredByClients]

const dialect = (id: string): Dialect => {
  const found = dialectOf(id)
  if (found === undefined) throw new Error(`no dialect ${id}`)
  return found
}

describe("what is written", () => {
  it.each(table.map((full) => [full.id, full] as const))("means in the words of %s what the table says", (id, full) => {
    const reading = dialect(id)(full.text, { ...full.options })
    expect(writtenIn(reading)).toEqual(full.values)
    for (const [match, values] of Object.entries(full.matches ?? {})) expect(writtenIn(reading, match)).toEqual(values)
  })

  it.each(dialects.map(({ spec }) => [spec.id, spec] as const))(
    "is stated for every key of %s that is honoured",
    (id, spec) => {
      const texts = table.filter((full) => full.id === id).map(({ text }) => text.replaceAll(/[-_]/g, "").toLowerCase())
      const missing = spec.keys.filter((key) => {
        const last = key.name.split(".").findLast((part) => !part.startsWith("*")) ?? ""
        const word = last.replace("[]", "").replaceAll(/[-_]/g, "").toLowerCase()
        return key.loss === undefined && !texts.some((text) => text.includes(word))
      })
      expect(missing.map(({ name }) => name)).toEqual([])
    }
  )
})

/** A value that the key takes, and that asks for something. */
const samplesOf = ({ codec }: Key): ReadonlyArray<unknown> =>
  [true, false, "x", 7, "7", "10s", 10_000, "PT10S", -1].concat(
    codec.expects.replace("one of ", "").split(", ").reverse()
  )

describe("what is not honoured", () => {
  const cases = dialects.flatMap(({ spec }) =>
    spec.keys.flatMap((key) => (key.loss === undefined ? [] : [[spec.id, key.name, key] as const]))
  )

  it.each(cases)("is told in the words of %s: %s", (id, name, key) => {
    const { spec } = dialect(id)
    const path = name.replace(/\.?\*\*$/, ".x").replaceAll("*", "x")
    const told = samplesOf(key).some((sample) => {
      const reading = dialect(id).read(inputFor(id, path, sample))
      if (reading._tag === "Failure") return false
      return reading.success.unmapped.some(({ why }) => why === key.loss?.why)
    })
    expect(told).toBe(true)
    // It is this key's row that answers for its name, and no other.
    expect(spec.keys.find((one) => matchName(one.name, path.split(".")) !== undefined)?.name).toBe(name)
  })
})

const prefixes: Readonly<Record<string, string>> = {
  zuul: "zuul.",
  openfeign: "feign.",
  "spring-cloud-gateway": "spring.cloud.gateway.httpclient."
}

/** An object with one value, where the dialect looks for it. */
const inputFor = (id: string, path: string, value: unknown): object => {
  const steps = `${prefixes[id] ?? ""}${path}`.split(".")
  if (id === "istio") {
    const isRoot = ["exportTo[]", "workloadSelector"].some((root) => path.startsWith(root))
    return { host: "a", ...nest(isRoot ? steps : ["trafficPolicy", ...steps], value) }
  }
  return Object.assign({}, nest(steps, value))
}

const nest = ([first = "", ...rest]: ReadonlyArray<string>, value: unknown): object => {
  const inner = rest.length === 0 ? value : nest(rest, value)
  return first.endsWith("[]") ? { [first.slice(0, -2)]: [inner] } : { [first]: inner }
}
