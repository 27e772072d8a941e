/**
 * Leases held for too long: reported, reclaimed, and forgiven when they come back.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { a, b, spec } from "./support/withPool.ts"

describe("a lease held for longer than `leakThreshold`", () => {
  // Hikari: testLeakDetection.
  spec(
    "is reported once, with who took it, where, and for how long",
    { leakThreshold: 1000 },
    function* ({ listen, pass, take }) {
      const heard = yield* listen
      const lease = take(a, { holder: "report job" })
      yield* pass(999)
      assert.isFalse((yield* heard).some((event) => event._tag === "LeakSuspected"))
      yield* pass(5000)
      const reports = (yield* heard).filter((event) => event._tag === "LeakSuspected")
      assert.strictEqual(reports.length, 1)
      const [report] = reports
      assert.strictEqual(report?.holder, "report job")
      assert.strictEqual(report?.heldMillis, 1000)
      assert.strictEqual(report?.connectionId, 1)
      assert.include(report?.stack ?? "", "leaks.test.ts")
      assert.isTrue(lease.isLive)
      lease.release()
    }
  )

  // Hikari logs again when the connection is returned.
  spec(
    "is taken back from the reports when it is released",
    { leakThreshold: 1000 },
    function* ({ listen, pass, take }) {
      const heard = yield* listen
      const leaked = take(a, { holder: "slow" })
      yield* pass(1500)
      leaked.release()
      take(a).release()
      const tags = (yield* heard)
        .map((event) => event._tag)
        .filter((tag) => tag === "Unleaked" || tag === "LeakSuspected")
      assert.deepStrictEqual(tags, ["LeakSuspected", "Unleaked"])
      const unleaked = (yield* heard).find((event) => event._tag === "Unleaked")
      assert.isTrue(unleaked?._tag === "Unleaked" && unleaked.heldMillis === 1500 && unleaked.holder === "slow")
    }
  )

  spec(
    "is reported at its own time, whatever other leases do",
    { leakThreshold: 1000 },
    function* ({ listen, pass, take }) {
      const heard = yield* listen
      const first = take(a)
      yield* pass(600)
      const second = take(b)
      first.release()
      yield* pass(999)
      assert.isFalse((yield* heard).some((event) => event._tag === "LeakSuspected"))
      yield* pass(1)
      assert.isTrue((yield* heard).some((event) => event._tag === "LeakSuspected" && event.connectionId === 2))
      second.release()
    }
  )

  spec(
    "goes by the span that it was taken in, where the caller gave no name",
    { leakThreshold: 1000 },
    function* ({ listen, pass, pool }) {
      const heard = yield* listen
      const lease = yield* pool.lease(a).pipe(Effect.withSpan("nightly-export"))
      yield* pass(1000)
      const report = (yield* heard).find((event) => event._tag === "LeakSuspected")
      assert.isTrue(report?._tag === "LeakSuspected" && report.holder === "nightly-export")
      lease.release()
    }
  )

  spec(
    "stays the first of the holders that an explanation names",
    { leakThreshold: 1000, connectionsPerRouteMax: 1 },
    function* ({ pass, pool, take }) {
      const lease = take(a, { holder: "leaker" })
      yield* pass(90_000)
      assert.include(yield* pool.explain(a), "held longest by leaker for 90.0 s")
      lease.release()
    }
  )

  spec(
    "is looked for when the threshold is set while it is held already",
    {},
    function* ({ listen, pass, pool, take }) {
      const heard = yield* listen
      const lease = take(a)
      yield* pass(5000)
      yield* pool.configure({ leakThreshold: 1000 })
      yield* pass(0)
      assert.isTrue((yield* heard).some((event) => event._tag === "LeakSuspected"))
      lease.release()
    }
  )

  spec("costs nobody a stack trace while leaks are not looked for", {}, ({ state, take }) => {
    const lease = take(a)
    assert.isUndefined(state.leases.oldest?.stack)
    lease.release()
  })
})

describe("a lease held for longer than `leakReclaimAfter`", () => {
  const reclaiming = { leakThreshold: 1000, leakReclaimAfter: 3000, connectionsPerRouteMax: 1 } as const

  // OkHttp: leakedAllocation.
  spec(
    "is revoked, its connection closed, and the next waiter served",
    reclaiming,
    function* ({ ask, closedBy, listen, pass, take }) {
      const heard = yield* listen
      const leaked = take(a, { holder: "leaker" })
      const waiter = ask(a)
      yield* pass(2999)
      assert.isTrue(leaked.isLive)
      yield* pass(1)
      assert.isFalse(leaked.isLive)
      assert.strictEqual(closedBy("reclaimed"), 1)
      assert.strictEqual(waiter.connection.id, 2)
      const reclaimed = (yield* heard).find((event) => event._tag === "Reclaimed")
      assert.isTrue(reclaimed?._tag === "Reclaimed" && reclaimed.holder === "leaker" && reclaimed.heldMillis === 3000)
      waiter.release()
    }
  )

  // hyper, undici: what comes late touches nobody else.
  spec(
    "means nothing any more to its holder: a late release touches nobody else's",
    reclaiming,
    function* ({ ask, pass, state, take }) {
      const leaked = take(a)
      const waiter = ask(a)
      yield* pass(3000)
      leaked.release()
      leaked.discard()
      assert.isTrue(waiter.lease.isLive)
      assert.strictEqual(state.activeCount, 1)
      waiter.release()
    }
  )

  spec(
    "is reported as well, though no threshold is set",
    { leakReclaimAfter: 3000 },
    function* ({ listen, pass, take }) {
      const heard = yield* listen
      take(a)
      yield* pass(3000)
      const tags = (yield* heard).map((event) => event._tag)
      assert.includeMembers(tags, ["LeakSuspected", "Reclaimed"])
    }
  )

  spec(
    "leaves those who share the connection in peace, and closes it after them",
    {
      ...reclaiming,
      slotsPerConnectionMax: 2
    },
    function* ({ factory, pass, take }) {
      const leaked = take(a)
      yield* pass(2000)
      const fellow = take(a)
      yield* pass(1000)
      assert.isFalse(leaked.isLive)
      assert.isTrue(fellow.isLive)
      assert.strictEqual(factory.open.size, 1)
      fellow.release()
      assert.strictEqual(factory.open.size, 0)
    }
  )
})
