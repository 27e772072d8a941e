import { assert, describe, it } from "@effect/vitest"
import type { Endpoint } from "../../src/config/GatewayModel.ts"
import { type Candidate, candidatesOf, pick } from "../../src/proxy/Balancer.ts"

const endpoint = (host: string, weight = 1): Endpoint => ({ host, port: 80, labels: {}, weight })

const none: ReadonlySet<Candidate> = new Set()

/** Draws these numbers in turn, again and again. */
const drawing = (...units: ReadonlyArray<number>) => {
  let index = 0
  return () => units[index++ % units.length] ?? 0
}

describe("round robin", () => {
  const order = (candidates: ReadonlyArray<Candidate>, count: number): string =>
    Array.from({ length: count }, () => pick(candidates, "ROUND_ROBIN", none, drawing(0))?.endpoint.host).join("")

  it("takes each in turn", () => {
    assert.strictEqual(order(candidatesOf([endpoint("a"), endpoint("b"), endpoint("c")]), 7), "abcabca")
  })

  it("gives each its weight, without bursts", () => {
    assert.strictEqual(order(candidatesOf([endpoint("a", 5), endpoint("b"), endpoint("c")]), 14), "aabacaaaabacaa")
  })

  it("lets a retry take the turn of the one it goes to", () => {
    const candidates = candidatesOf([endpoint("a"), endpoint("b"), endpoint("c")])
    const [a] = candidates
    assert.isDefined(a)
    assert.strictEqual(order(candidates, 1), "a")
    assert.strictEqual(pick(candidates, "ROUND_ROBIN", new Set([a]), drawing(0))?.endpoint.host, "b")
    assert.strictEqual(order(candidates, 4), "cabc")
  })
})

describe("every policy", () => {
  const policies = ["ROUND_ROBIN", "RANDOM", "LEAST_REQUEST"] as const

  it.each(policies)("has nothing to choose where there is no endpoint: %s", (policy) => {
    assert.isUndefined(pick([], policy, none, drawing(0.5)))
  })

  it.each(policies)("leaves out what was tried, until all was: %s", (policy) => {
    const candidates = candidatesOf([endpoint("a"), endpoint("b")])
    const [a, b] = candidates
    assert.isDefined(a)
    assert.isDefined(b)
    for (const unit of [0, 0.5, 0.99]) {
      assert.strictEqual(pick(candidates, policy, new Set([a]), drawing(unit)), b)
      assert.isDefined(pick(candidates, policy, new Set([a, b]), drawing(unit)))
    }
  })
})

describe("random", () => {
  it("gives each its share of the draws", () => {
    const candidates = candidatesOf([endpoint("a", 3), endpoint("b")])
    const hostAt = (unit: number) => pick(candidates, "RANDOM", none, drawing(unit))?.endpoint.host
    assert.deepStrictEqual([hostAt(0), hostAt(0.74), hostAt(0.75), hostAt(0.99)], ["a", "a", "b", "b"])
  })
})

describe("least request", () => {
  it("takes the less busy of two drawn", () => {
    const candidates = candidatesOf([endpoint("a"), endpoint("b")])
    const [a] = candidates
    assert.isDefined(a)
    a.activeCount = 1
    const hostAt = (...units: ReadonlyArray<number>) =>
      pick(candidates, "LEAST_REQUEST", none, drawing(...units))?.endpoint.host
    assert.deepStrictEqual([hostAt(0, 0.9), hostAt(0.9, 0), hostAt(0, 0)], ["b", "b", "a"])
  })
})
