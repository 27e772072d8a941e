/**
 * What is sent again, and what never is: each row of the table in `RetryVerdict.ts` on real sockets, and the table.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import type { Body } from "@weir/client"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { type FailedAttempt, mayRetry, RetryBudget } from "../src/RetryVerdict.ts"
import type { RawConnection, RawRequest } from "./support/RawServer.ts"
import { type RequestFields, settled, withMemory, withRawServer } from "./support/world.ts"

expectNothingLeft()

type Break = (connection: RawConnection) => void

const breaks: ReadonlyArray<readonly [how: string, say: Break]> = [
  ["FIN", (connection) => connection.finish()],
  ["RST", (connection) => connection.reset()]
]

/** Answers so many requests on each connection, and breaks it on receipt of the next. */
const breaksAfter =
  (answerCount: number, say: Break, log: Array<RawRequest> = []) =>
  (connection: RawConnection): Effect.Effect<void> =>
    Effect.gen(function* () {
      for (let count = 0; count < answerCount; count++) {
        log.push(yield* connection.request)
        connection.answer(`${connection.number}`)
      }
      log.push(yield* connection.request)
      say(connection)
    })

const textOf =
  (call: (fields?: RequestFields) => Effect.Effect<{ readonly text: Effect.Effect<string, unknown> }, unknown>) =>
  (fields?: RequestFields) =>
    Effect.flatMap(call(fields), (response) => response.text)

const bytes: Body = { _tag: "Bytes", bytes: Buffer.from("abc") }
const streamOf = (isReplayable: boolean): Body => ({
  _tag: "Stream",
  stream: Stream.make(Buffer.from("ab"), Buffer.from("c")).pipe(Stream.rechunk(1)),
  isReplayable
})

for (const [how, say] of breaks) {
  describe(`on a used connection that the server ends with ${how} on receipt of the request`, () => {
    const retried: ReadonlyArray<readonly [what: string, fields: RequestFields, body: string]> = [
      ["GET", {}, ""],
      ["HEAD", { method: "HEAD" }, ""],
      ["DELETE", { method: "DELETE" }, ""],
      ["PUT with bytes", { method: "PUT", body: bytes }, "abc"],
      ["PUT with a stream that can be run again", { method: "PUT", body: streamOf(true) }, "abc"],
      ["POST that its caller declares to be idempotent", { method: "POST", body: bytes, isIdempotent: true }, "abc"]
    ]
    for (const [what, fields, body] of retried) {
      it.live(`is sent again on a new connection: ${what}`, () => {
        const log: Array<RawRequest> = []
        return withRawServer(
          function* ({ call }) {
            yield* textOf(call)()
            // So that the connection has been idle by the clock.
            yield* Effect.sleep(2)
            const response = yield* call(fields)
            yield* response.text
            assert.deepStrictEqual([response.timing.retryCount, response.timing.isReused], [1, false])
            assert.deepStrictEqual(
              log.slice(1).map((request) => [request.line, request.body]),
              [1, 2].map(() => [`${fields.method ?? "GET"} / HTTP/1.1`, body])
            )
          },
          {},
          { onConnection: breaksAfter(1, say, log) }
        )
      })
    }

    const failed: ReadonlyArray<readonly [what: string, fields: RequestFields]> = [
      ["POST", { method: "POST", body: bytes }],
      ["PATCH", { method: "PATCH", body: bytes }],
      ["GET that its caller declares not to be idempotent", { isIdempotent: false }],
      ["PUT with a stream", { method: "PUT", body: streamOf(false) }]
    ]
    for (const [what, fields] of failed) {
      it.live(`reaches the server once, and the caller is told: ${what}`, () => {
        const log: Array<RawRequest> = []
        return withRawServer(
          function* ({ call, server }) {
            yield* textOf(call)()
            yield* Effect.sleep(2)
            const error = yield* Effect.flip(call(fields))
            assert.include(error.reason, { _tag: "ConnectionLost", progress: "sent", isReused: true })
            assert.strictEqual(error.retry, "if-idempotent")
            assert.strictEqual(error.retryCount, 0)
            assert.strictEqual(log.length, 2)
            assert.match(
              error.message,
              how === "FIN"
                ? /^\w+ http:.*\/: the peer closed the connection before any byte of the answer, on a reused connection$/
                : /^\w+ http:.*\/: the connection failed before any byte of the answer: .*ECONNRESET\), on a reused connection$/
            )
            assert.strictEqual(server.connections.length, 1)
          },
          {},
          { onConnection: breaksAfter(1, say, log) }
        )
      })
    }
  })

  it.live(`a GET on a new connection that ends with ${how} is not sent again`, () => {
    const log: Array<RawRequest> = []
    return withRawServer(
      function* ({ call }) {
        const error = yield* Effect.flip(call())
        assert.include(error.reason, { _tag: "ConnectionLost", progress: "sent", isReused: false })
        assert.strictEqual(log.length, 1)
      },
      {},
      { onConnection: breaksAfter(0, say, log) }
    )
  })

  it.live(`a GET is not sent again once a byte of its answer has come, if the connection ends with ${how}`, () => {
    const log: Array<RawRequest> = []
    const startAnswer: Break = (connection) => connection.socket.write("HTTP/1.1 2", () => say(connection))
    return withRawServer(
      function* ({ call }) {
        yield* textOf(call)()
        yield* Effect.sleep(2)
        const error = yield* Effect.flip(call())
        // A reset may overtake the byte on its way through the system.
        if (how === "FIN") assert.include(error.reason, { _tag: "ConnectionLost", progress: "response-started" })
        assert.strictEqual(error.reason._tag, "ConnectionLost")
        assert.strictEqual(log.length, how === "FIN" || error.retryCount === 0 ? 2 : 3)
      },
      { http: { retryCountMax: how === "FIN" ? 3 : 0 } },
      { onConnection: breaksAfter(1, startAnswer, log) }
    )
  })

  for (const order of ["one after the other", "all at once"] as const) {
    it.live(`every GET succeeds, ${order}, over 12 idle connections that all went stale (${how})`, () =>
      withRawServer(
        function* ({ call, client, counts }) {
          yield* Effect.all(
            Array.from({ length: 12 }, () => textOf(call)()),
            { concurrency: "unbounded" }
          )
          assert.strictEqual((yield* counts).idle, 12)
          yield* Effect.sleep(2)
          const second = Effect.all(
            Array.from({ length: 12 }, () => call()),
            {
              concurrency: order === "all at once" ? "unbounded" : 1
            }
          )
          for (const response of yield* second) {
            assert.isAbove(Number(yield* response.text), 12)
            assert.isAtMost(response.timing.retryCount, 3)
          }
          assert.isAtLeast((yield* client.pool.stats).createdCount, 13)
        },
        {},
        {
          onConnection: (connection) =>
            connection.number <= 12
              ? breaksAfter(1, say)(connection)
              : Effect.forever(Effect.map(connection.request, () => connection.answer(`${connection.number}`)))
        }
      )
    )
  }
}

describe("the number of retries", () => {
  it.live("is bounded by retryCountMax, and the last is made on a connection that cannot be stale", () =>
    withRawServer(
      function* ({ call, counts, server }) {
        yield* Effect.all(
          Array.from({ length: 5 }, () => textOf(call)()),
          { concurrency: "unbounded" }
        )
        yield* Effect.sleep(2)
        const response = yield* call()
        assert.strictEqual(yield* response.text, "6")
        assert.strictEqual(response.timing.retryCount, 2)
        // Two were tried; the others were closed as suspect.
        assert.strictEqual((yield* counts).connections, 1)
        assert.strictEqual(server.connections.length, 6)
      },
      { http: { retryCountMax: 2 } },
      { onConnection: breaksAfter(1, (connection) => connection.finish()) }
    )
  )

  it.live("is none with retryCountMax 0", () =>
    withRawServer(
      function* ({ call }) {
        yield* textOf(call)()
        yield* Effect.sleep(2)
        assert.strictEqual((yield* Effect.flip(call())).reason._tag, "ConnectionLost")
      },
      { http: { retryCountMax: 0 } },
      { onConnection: breaksAfter(1, (connection) => connection.finish()) }
    )
  )

  for (const [what, http, isRetried] of [
    ["is what the budget allows", {}, true],
    ["is none when the budget is used up", { retryBudgetRatio: 0, retryBudgetCountMin: 0 }, false]
  ] as const) {
    it.live(`${what}, on a connection that went straight from one call to the next`, () =>
      withRawServer(
        function* ({ call }) {
          const callers = yield* Effect.forkChild(
            Effect.all([Effect.result(textOf(call)()), Effect.result(textOf(call)())], { concurrency: "unbounded" })
          )
          const results = yield* Fiber.join(callers)
          assert.deepStrictEqual(
            results.map(({ _tag }) => _tag),
            ["Success", isRetried ? "Success" : "Failure"]
          )
        },
        { pool: { connectionsPerRouteMax: 1 }, http },
        { onConnection: breaksAfter(1, (connection) => connection.finish()) }
      )
    )
  }

  it.effect(
    "by the budget is a share of the calls under way now, and each retry that ends makes room for another",
    () =>
      withMemory(
        { pool: { connectionsPerRouteMax: 2 }, http: { retryBudgetRatio: 0.5, retryBudgetCountMin: 0 } },
        function* ({ call, network, start }) {
          for (let round = 0; round < 3; round++) {
            yield* start(call())
            yield* start(call())
            const waiting = [yield* start(Effect.result(call())), yield* start(Effect.result(call()))]
            const [first, second] = network.connections.filter(({ isOpen }) => isOpen)
            if (first === undefined || second === undefined) return assert.fail("no two connections")
            first.answer("x")
            second.answer("x")
            // Both have gone straight to the two that waited: half of them may be sent again.
            first.finish()
            second.finish()
            yield* settled
            network.connections.at(-1)?.answer("x")
            yield* settled
            const results = waiting.map((fiber) => {
              const exit = fiber.pollUnsafe()
              return exit?._tag === "Success" ? exit.value._tag : exit?._tag
            })
            assert.deepStrictEqual(results.toSorted(), ["Failure", "Success"])
          }
        }
      )
  )

  it("taken from the budget is a share of the calls under way, or the least allowed, and comes back", () => {
    const budget = new RetryBudget(0.2, 3)
    assert.deepStrictEqual([budget.take(), budget.take(), budget.take(), budget.take()], [true, true, true, false])
    budget.activeCallCount = 20
    assert.deepStrictEqual([budget.take(), budget.take()], [true, false])
    budget.give()
    assert.deepStrictEqual([budget.take(), budget.take()], [true, false])
  })
})

describe("the table", () => {
  const used: FailedAttempt = {
    isReused: true,
    idleMillis: 5,
    reason: "ConnectionClosed",
    progress: "sent",
    isIdempotent: true,
    isReplayable: true
  }
  const rows: ReadonlyArray<
    readonly [what: string, attempt: Partial<FailedAttempt>, verdict: ReturnType<typeof mayRetry>]
  > = [
    ["a used connection that was idle", {}, "yes"],
    ["a reset instead of a close", { reason: "ConnectionFailed" }, "yes"],
    ["one that was never idle since its last call", { idleMillis: 0 }, "within-budget"],
    ["a method that is not idempotent", { isIdempotent: false }, "no"],
    ["nothing written, whatever the method", { progress: "unsent", isIdempotent: false }, "yes"],
    ["nothing written, on one that was never idle", { progress: "unsent", idleMillis: 0 }, "yes"],
    ["a body that cannot be sent again", { isReplayable: false }, "no"],
    ["a body that cannot be sent again, nothing written", { isReplayable: false, progress: "unsent" }, "no"],
    ["a byte of the answer", { progress: "response-started" }, "no"],
    ["the head of the answer", { progress: "head-received" }, "no"],
    ["a fresh connection", { isReused: false, idleMillis: 999 }, "no"],
    ["a fresh connection, nothing written", { isReused: false, idleMillis: 0, progress: "unsent" }, "no"],
    ["a connection opened early that lay idle", { isReused: false, idleMillis: 1000 }, "yes"],
    ["a malformed answer", { reason: "MalformedResponse" }, "no"],
    ["an answer beyond a limit", { reason: "LimitExceeded" }, "no"],
    ["a request that HTTP cannot carry", { reason: "InvalidRequest", progress: "unsent" }, "no"],
    ["a body of another length than announced", { reason: "BodyLengthMismatch" }, "no"],
    ["a call given up", { reason: "Aborted" }, "no"]
  ]
  for (const [what, attempt, verdict] of rows) {
    it(`says ${verdict} to ${what}`, () => {
      assert.strictEqual(mayRetry({ ...used, ...attempt }), verdict)
    })
  }
})

describe("a call whose first try was sent", () => {
  it.effect("does not say that nothing was sent when its second finds no connection", () =>
    withMemory({ pool: { connectTimeout: 1000 } }, function* ({ call, network, start }) {
      yield* start(call())
      network.connections[0]?.answer("x")
      yield* settled
      const waiting = yield* start(Effect.flip(call()))
      network.stuckIn = "tcp"
      network.connections[0]?.finish()
      yield* settled
      yield* TestClock.adjust(1000)
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error.reason._tag, "NoConnection")
      assert.strictEqual(error.retryCount, 1)
      assert.strictEqual(error.retry, "if-idempotent")
    })
  )
})
