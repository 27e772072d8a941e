/**
 * The order and the times of RFC 8305, as decisions: nothing is dialled here.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  attemptBegun,
  attemptFailed,
  type DialPlan,
  dialSettings,
  dueAddress,
  interleave,
  isHopeless,
  planDial
} from "../src/DialPlan.ts"

const v4 = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] as const
const v6 = ["2001:db8::1", "2001:db8::2", "2001:db8::3"] as const

describe("the order of addresses", () => {
  const orders: ReadonlyArray<
    readonly [string, ReadonlyArray<string>, firstFamilyCount: number, ReadonlyArray<string>]
  > = [
    [
      "begins with the resolver's first and takes the families in turn",
      [...v6, ...v4],
      1,
      [v6[0], v4[0], v6[1], v4[1], v6[2], v4[2]]
    ],
    [
      "may begin with the old family, if the resolver does",
      [...v4, ...v6],
      1,
      [v4[0], v6[0], v4[1], v6[1], v4[2], v6[2]]
    ],
    [
      "takes as many of the first family at first as it is told",
      [...v6, ...v4],
      2,
      [v6[0], v6[1], v4[0], v6[2], v4[1], v4[2]]
    ],
    ["keeps the order of a single family", v4, 1, v4],
    ["goes on with the longer family", ["2001:db8::1", ...v4], 1, ["2001:db8::1", ...v4]],
    ["knows an address with a zone for IPv6", ["fe80::1%eth0", ...v4.slice(0, 1)], 1, ["fe80::1%eth0", "192.0.2.1"]],
    ["of nothing is nothing", [], 1, []]
  ]
  for (const [what, addresses, firstFamilyCount, expected] of orders) {
    it(what, () => assert.deepStrictEqual(interleave(addresses, firstFamilyCount), expected))
  }
})

describe("a plan", () => {
  const settings = dialSettings({ attemptDelay: 100 })

  /** Begins whatever is due at these times, and tells what was begun when. */
  const begunAt = (plan: DialPlan, timesMillis: ReadonlyArray<number>) => {
    const begun: Array<readonly [number, string]> = []
    let now = plan
    for (const timeMillis of timesMillis) {
      const address = dueAddress(now, timeMillis)
      if (address === undefined) continue
      begun.push([timeMillis, address])
      now = attemptBegun(now, timeMillis)
    }
    return { begun, plan: now }
  }

  it("begins an attempt at once, and the next whenever the last has been silent for the delay", () => {
    const times = Array.from({ length: 400 }, (_, index) => 1000 + index)
    const { begun, plan } = begunAt(planDial(v4, settings, 1000), times)
    assert.deepStrictEqual(begun, [
      [1000, v4[0]],
      [1100, v4[1]],
      [1200, v4[2]]
    ])
    assert.strictEqual(plan.nextAtMillis, Number.POSITIVE_INFINITY)
  })

  it("begins the next at once when one has failed, and counts the delay from there", () => {
    const first = begunAt(planDial(v4, settings, 0), [0]).plan
    const { begun } = begunAt(attemptFailed(first, 30), [30, 31, 129, 130])
    assert.deepStrictEqual(begun, [
      [30, v4[1]],
      [130, v4[2]]
    ])
  })

  it("is hopeless when every address has failed, not before", () => {
    let plan = begunAt(planDial(v4, settings, 0), [0, 100, 200]).plan
    for (const failedCount of [1, 2, 3]) {
      assert.isFalse(isHopeless(plan))
      plan = attemptFailed(plan, 200)
      assert.strictEqual(plan.failedCount, failedCount)
      assert.strictEqual(plan.nextAtMillis, Number.POSITIVE_INFINITY)
    }
    assert.isTrue(isHopeless(plan))
  })
})

describe("the settings", () => {
  it("are 250 ms and one address unless something else is said", () => {
    assert.deepStrictEqual(dialSettings(), { attemptDelayMillis: 250, firstFamilyCount: 1 })
  })

  it.each([9, 2001, Number.NaN])("refuse an attempt delay of %s ms, with the bounds", (attemptDelay) => {
    assert.throws(() => dialSettings({ attemptDelay }), /not from 10 to 2000 ms/)
  })

  it.each([0, 1.5])("refuse a first family count of %s", (firstFamilyCount) => {
    assert.throws(() => dialSettings({ firstFamilyCount }), /not a whole number from 1/)
  })
})
