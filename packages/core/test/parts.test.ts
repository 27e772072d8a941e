/**
 * The parts of the pool that can be judged by themselves.
 */
import { assert, describe, it } from "@effect/vitest"
import { assertTransition, toMermaid, transitions } from "../src/ConnectionState.ts"
import { backoffMillis } from "../src/internal/Backoff.ts"
import { Buckets, boundariesMillis } from "../src/internal/Buckets.ts"
import { type IdleObservations, observe, retireAfter } from "../src/internal/LearnedIdle.ts"
import { Permits } from "../src/internal/Permits.ts"
import { TimeHeap } from "../src/internal/TimeHeap.ts"

describe("the life of a connection", () => {
  it("has no way out of `closed` and one way out of `closing`", () => {
    assert.deepStrictEqual(transitions.closed, [])
    assert.deepStrictEqual(transitions.closing, ["closed"])
  })

  it("dies on a move that its table does not have", () => {
    assert.throws(() => assertTransition("closed", "idle"), "a pooled connection cannot go from closed to idle")
    assert.throws(() => assertTransition("connecting", "leased"))
    assert.doesNotThrow(() => assertTransition("idle", "leased"))
  })

  it("is drawn from that table", () => {
    const diagram = toMermaid()
    for (const [from, targets] of Object.entries(transitions)) {
      for (const to of targets) assert.include(diagram, `${from} --> ${to}`)
    }
  })
})

describe("TimeHeap", () => {
  const drain = <A>(heap: TimeHeap<A>, nowMillis: number): ReadonlyArray<A> => {
    const out: Array<A> = []
    for (let value = heap.takeDue(nowMillis); value !== undefined; value = heap.takeDue(nowMillis)) out.push(value)
    return out
  }

  it("gives out what is due, the earliest first, and nothing before its time", () => {
    const heap = new TimeHeap<number>()
    const times = Array.from({ length: 500 }, (_, index) => (index * 7919) % 503)
    for (const time of times) heap.add(time, time)
    assert.deepStrictEqual(
      drain(heap, 250),
      times.filter((time) => time <= 250).toSorted((x, y) => x - y)
    )
    assert.strictEqual(heap.nextMillis, 251)
    assert.strictEqual(drain(heap, 1000).length, heap.size + times.filter((time) => time > 250).length)
  })

  it("is rebuilt without the dead once they are the most, and keeps its order", () => {
    const heap = new TimeHeap<{ readonly at: number; isLive: boolean }>()
    const items = Array.from({ length: 1000 }, (_, index) => ({ at: (index * 7919) % 1009, isLive: true }))
    for (const item of items) heap.add(item.at, item)
    items.forEach((item, index) => {
      if (index % 4 === 0) return
      item.isLive = false
      heap.forget((one) => one.isLive)
    })
    assert.isAtMost(heap.size, 2 * 250 + 64)
    const left = drain(heap, 2000).filter((item) => item.isLive)
    assert.strictEqual(left.length, 250)
    assert.deepStrictEqual(
      left.map((item) => item.at),
      left.map((item) => item.at).toSorted((x, y) => x - y)
    )
  })

  it("can be emptied", () => {
    const heap = new TimeHeap<number>()
    heap.add(1, 1)
    heap.clear()
    assert.isUndefined(heap.nextMillis)
    assert.isUndefined(heap.takeDue(10))
  })
})

describe("Permits", () => {
  it("are granted up to the limit and given back one by one", () => {
    const permits = new Permits(2)
    assert.deepStrictEqual([permits.take(), permits.take(), permits.take()], [true, true, false])
    permits.give()
    assert.strictEqual(permits.free, 1)
    assert.isTrue(permits.take())
  })

  it("given back once too often are a bug that dies", () => {
    const permits = new Permits(1)
    assert.throws(() => permits.give(), "a permit was given back twice")
  })

  it("keep count when the limit falls below what is held and rises again", () => {
    const permits = new Permits(3)
    for (let count = 0; count < 3; count++) permits.take()
    permits.resize(1)
    assert.deepStrictEqual([permits.isOver, permits.free, permits.take()], [true, 0, false])
    permits.give()
    permits.give()
    assert.deepStrictEqual([permits.isOver, permits.free, permits.take()], [false, 0, false])
    permits.give()
    assert.isTrue(permits.take())
    permits.resize(2)
    assert.deepStrictEqual([permits.take(), permits.take()], [true, false])
  })

  it("without a limit are always granted", () => {
    const permits = new Permits(Number.POSITIVE_INFINITY)
    for (let count = 0; count < 1000; count++) assert.isTrue(permits.take())
    assert.strictEqual(permits.free, Number.POSITIVE_INFINITY)
    permits.resize(10)
    assert.isFalse(permits.take())
  })
})

describe("backoffMillis", () => {
  it("is nothing for the first failure, then doubles up to the maximum", () => {
    const pauses = [0, 1, 2, 3, 4, 5, 100, 10_000].map((failures) => backoffMillis(failures, 10, 50, 0))
    assert.deepStrictEqual(pauses, [0, 0, 10, 20, 40, 50, 50, 50])
  })

  it("takes off a random half at most", () => {
    assert.strictEqual(backoffMillis(2, 10, 50, 1), 5)
    assert.strictEqual(backoffMillis(2, 10, 50, 0.5), 7.5)
  })

  it("is nothing where the base or the maximum is 0", () => {
    assert.strictEqual(backoffMillis(9, 0, 50, 0), 0)
    assert.strictEqual(backoffMillis(9, 10, 0, 0), 0)
  })
})

describe("what is learned of idle closes", () => {
  const learnedFrom = (ages: ReadonlyArray<number>, everyMillis = 10_000) =>
    ages.reduce<IdleObservations | undefined>(
      (known, age, index) => observe(known, age, index * everyMillis),
      undefined
    )

  it("needs three ages close together", () => {
    assert.isUndefined(learnedFrom([5000, 5000])?.retireAfterMillis)
    assert.strictEqual(learnedFrom([5000, 5000, 5000])?.retireAfterMillis, 4500)
    assert.isUndefined(learnedFrom([5000, 5600, 5000])?.retireAfterMillis)
    assert.strictEqual(learnedFrom([5000, 5500, 5000])?.retireAfterMillis, 4500)
  })

  it("keeps a margin of a tenth, between a tenth of a second and two seconds", () => {
    assert.strictEqual(learnedFrom([1000, 1000, 1000])?.retireAfterMillis, 900)
    assert.strictEqual(learnedFrom([60_000, 60_000, 60_000])?.retireAfterMillis, 58_000)
  })

  it("leaves out closes within the first second of an idle time", () => {
    assert.isUndefined(learnedFrom([999, 999, 999]))
    assert.strictEqual(learnedFrom([5000, 20, 5000, 999, 5000])?.retireAfterMillis, 4500)
  })

  it("counts closes within a second as one", () => {
    assert.isUndefined(learnedFrom([5000, 5000, 5000, 5000], 300)?.retireAfterMillis)
  })

  it("follows a peer that has become less patient", () => {
    assert.strictEqual(learnedFrom([5000, 5000, 5000, 2000, 2000, 2000])?.retireAfterMillis, 1800)
  })

  it("is begun anew by what is seen after a quarter of an hour", () => {
    const later = observe(learnedFrom([5000, 5000, 5000]), 9000, 20_000 + 900_000)
    assert.deepStrictEqual(later?.agesMillis, [9000])
    assert.isUndefined(later?.retireAfterMillis)
  })

  it("holds for a quarter of an hour", () => {
    const known = learnedFrom([5000, 5000, 5000])
    assert.strictEqual(retireAfter(known, 20_000 + 899_999), 4500)
    assert.strictEqual(retireAfter(known, 20_000 + 900_000), Number.POSITIVE_INFINITY)
    assert.strictEqual(retireAfter(undefined, 0), Number.POSITIVE_INFINITY)
  })
})

describe("Buckets", () => {
  it("count each value once, at the first boundary that it does not exceed", () => {
    const buckets = new Buckets()
    for (const millis of [0, 0.5, 1, 1.5, 3_600_000, 3_600_001]) buckets.record(millis)
    const index = (boundary: number) => boundariesMillis.indexOf(boundary)
    assert.strictEqual(buckets.counts[index(0)], 1)
    assert.strictEqual(buckets.counts[index(1)], 2)
    assert.strictEqual(buckets.counts[index(2)], 1)
    assert.strictEqual(buckets.counts.at(-1), 1)
    assert.strictEqual(buckets.count, 6)
    assert.strictEqual(buckets.max, 3_600_001)
    assert.strictEqual(buckets.min, 0)
  })
})
