import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import { Connector } from "@weir/transport"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { findFreePort } from "../../../test/support/Listening.ts"
import { type LoadNotice, type LoadOptions, type LoadReport, runLoad } from "../src/index.ts"
import { type Answer, makeTestServer, type TestServer } from "./TestServer.ts"

const ok: Answer = (_request, response) => response.end("hello")

/** A run against a server of its own, on the real clock; nothing may be open afterwards. */
const measured = (
  answer: Answer,
  options: Omit<LoadOptions, "url">,
  judge: (report: LoadReport, server: TestServer) => void
) =>
  Effect.gen(function* () {
    const server = yield* makeTestServer(answer)
    const report = yield* runLoad({ url: server.url, ...options })
    yield* server.allClosed
    judge(report, server)
  }).pipe(Effect.provide(NodeConnector.layer))

describe("runLoad", () => {
  it.live("gives each caller an equal share of the calls, on a connection of its own", () =>
    measured(ok, { concurrency: 10, requestCount: 100, qps: "max" }, (report, server) => {
      assert.deepStrictEqual(
        server.requestCounts(),
        Array.from({ length: 10 }, () => 10)
      )
      assert.strictEqual(report.requests, 100)
      assert.strictEqual(report.socketsUsed, 10)
      assert.strictEqual(report.concurrency, 10)
      assert.deepStrictEqual(report.codes, { "200": 100 })
      assert.deepStrictEqual(report.errors, {})
      assert.strictEqual(report.bytesReceived, 500)
      const { avg, max, min, p50 } = report.latencyMillis
      assert.isTrue(min > 0 && min <= avg && avg <= max && p50 <= max)
    })
  )

  it.live("makes exactly the calls asked for where they cannot be shared equally", () =>
    measured(ok, { concurrency: 4, requestCount: 11, qps: "max" }, (report, server) => {
      assert.strictEqual(server.requestCount(), 11)
      assert.strictEqual(report.requests, 11)
      assert.deepStrictEqual([...server.requestCounts()].sort(), [2, 3, 3, 3])
    })
  )

  it.live("runs no caller that would have no call", () =>
    measured(ok, { concurrency: 8, requestCount: 3, qps: "max" }, (report) => {
      assert.strictEqual(report.concurrency, 3)
      assert.strictEqual(report.socketsUsed, 3)
    })
  )

  it.live("dials for every call where the server closes after each answer", () =>
    measured(
      (_request, response) => response.setHeader("connection", "close").end("x"),
      { concurrency: 3, requestCount: 12, qps: "max" },
      (report, server) => {
        assert.strictEqual(report.socketsUsed, 12)
        assert.deepStrictEqual(
          server.requestCounts(),
          Array.from({ length: 12 }, () => 1)
        )
        assert.deepStrictEqual(report.codes, { "200": 12 })
      }
    )
  )

  it.live("drops the connection after an answer that is an error, and keeps it after 2xx and 418", () =>
    measured(
      (_request, response, number) => {
        response.statusCode = [200, 204, 503, 418, 201, 404, 200, 200][number - 1] ?? 500
        response.end()
      },
      { concurrency: 1, requestCount: 8, qps: "max" },
      (report, server) => {
        assert.deepStrictEqual(server.requestCounts(), [3, 3, 2])
        assert.strictEqual(report.socketsUsed, 3)
        assert.deepStrictEqual(report.codes, { "200": 3, "201": 1, "204": 1, "404": 1, "418": 1, "503": 1 })
      }
    )
  )

  it.effect("replaces a connection that the server closed while it was idle, before anything is sent on it", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer((request, response) => {
        response.end("x")
        response.on("finish", () => request.socket.end())
      })
      // A POST is not repeated, so each of these was sent once, on a connection that was open. One every 1.5 seconds.
      const fiber = yield* Effect.forkChild(
        runLoad({ url: server.url, concurrency: 1, requestCount: 3, qps: 1, method: "POST", payload: "x" })
      )
      for (const count of [1, 2]) {
        yield* server.seen(count)
        yield* server.allClosed
        yield* TestClock.adjust("1500 millis")
      }
      const report = yield* Fiber.join(fiber)
      assert.deepStrictEqual(server.requestCounts(), [1, 1, 1])
      assert.strictEqual(report.socketsUsed, 3)
      assert.deepStrictEqual(report.codes, { "200": 3 })
      assert.strictEqual(report.durationMillis, 3_000)
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("repeats a GET on a new connection where a kept one broke before its answer, and counts it once", () =>
    measured(
      (request, response, number) => {
        if (number === 2) request.socket.destroy()
        else response.end("x")
      },
      { concurrency: 1, requestCount: 3, qps: "max" },
      (report, server) => {
        assert.deepStrictEqual(report.codes, { "200": 3 })
        assert.strictEqual(report.socketsUsed, 2)
        assert.strictEqual(server.requestCount(), 4)
      }
    )
  )

  it.live("counts a broken POST as code -1 and sends it once", () =>
    measured(
      (request, response, number) => {
        if (number === 2) request.socket.destroy()
        else response.end("x")
      },
      { concurrency: 1, requestCount: 3, qps: "max", method: "POST", payload: "x" },
      (report, server) => {
        assert.deepStrictEqual(report.codes, { "200": 2, "-1": 1 })
        assert.strictEqual(
          Object.values(report.errors).reduce((sum, count) => sum + count, 0),
          1
        )
        assert.strictEqual(server.requestCount(), 3)
      }
    )
  )

  it.live("does not repeat on a connection that was new", () =>
    measured(
      (request) => request.socket.destroy(),
      { concurrency: 2, requestCount: 6, qps: "max" },
      (report, server) => {
        assert.deepStrictEqual(report.codes, { "-1": 6 })
        assert.strictEqual(report.socketsUsed, 6)
        assert.strictEqual(server.requestCount(), 6)
      }
    )
  )

  it.live("does not repeat a call whose answer broke in its body", () =>
    measured(
      (request, response, number) => {
        if (number === 2) {
          response.setHeader("content-length", "100")
          response.write("half", () => request.socket.destroy())
        } else {
          response.end("x")
        }
      },
      { concurrency: 1, requestCount: 3, qps: "max" },
      (report, server) => {
        assert.deepStrictEqual(report.codes, { "200": 2, "-1": 1 })
        assert.strictEqual(server.requestCount(), 3)
      }
    )
  )

  it.live("reads chunked bodies and bodies that end with the connection", () =>
    measured(
      (_request, response, number) => {
        if (number === 2) {
          response.useChunkedEncodingByDefault = false
          response.removeHeader("content-length")
        }
        response.write("12345")
        response.end("678")
      },
      { concurrency: 1, requestCount: 3, qps: "max" },
      (report) => {
        assert.deepStrictEqual(report.codes, { "200": 3 })
        assert.strictEqual(report.bytesReceived, 24)
        assert.strictEqual(report.socketsUsed, 2)
      }
    )
  )

  it.live("sends the method, the headers and the payload it was given", () => {
    const bodies: Array<string> = []
    return measured(
      (request, response) => {
        const chunks: Array<string> = []
        request.setEncoding("utf8")
        request.on("data", (chunk: string) => chunks.push(chunk))
        request.on("end", () => {
          bodies.push(`${request.method} ${request.headers.host} ${request.headers["x-a"]} ${chunks.join("")}`)
          response.end()
        })
      },
      {
        concurrency: 1,
        requestCount: 2,
        qps: "max",
        payload: "gruß",
        headers: [
          ["Host", "other.test"],
          ["X-A", "1"]
        ]
      },
      () => assert.deepStrictEqual(bodies, ["POST other.test 1 gruß", "POST other.test 1 gruß"])
    )
  })

  it.live("begins no call before its time", () => {
    const startsMillis: Array<number> = []
    const originMillis = performance.now()
    return measured(
      (_request, response) => {
        startsMillis.push(performance.now() - originMillis)
        response.end()
      },
      { concurrency: 2, requestCount: 10, qps: 50 },
      (report) => {
        startsMillis.sort((a, b) => a - b)
        // Two callers of five calls each: at 0, 50, 100, 150 and 200 ms. A timer may fire a millisecond early.
        startsMillis.forEach((startMillis, index) => {
          assert.isAtLeast(startMillis, Math.floor(index / 2) * 50 - 2)
        })
        assert.isAtLeast(report.durationMillis, 198)
        assert.strictEqual(report.requests, 10)
      }
    )
  })

  it.live("begins no call after the duration, and lets those under way end", () =>
    measured(ok, { concurrency: 2, duration: "200 millis", qps: "max" }, (report, server) => {
      assert.isAtLeast(report.durationMillis, 200)
      assert.isAbove(report.requests, 2)
      assert.deepStrictEqual(report.codes, { "200": report.requests })
      assert.strictEqual(server.requestCount(), report.requests)
      assert.closeTo(report.qps, (report.requests * 1000) / report.durationMillis, 0.001)
    })
  )

  it.effect("gives a call up after its timeout and counts it as -1", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer((_request, response, number) => {
        if (number > 2) response.end("late enough")
      })
      const notices: Array<LoadNotice> = []
      const fiber = yield* Effect.forkChild(
        runLoad({
          url: server.url,
          concurrency: 2,
          requestCount: 4,
          qps: "max",
          timeout: "3 seconds",
          observer: { onNotice: (notice) => notices.push(notice) }
        })
      )
      yield* server.seen(2)
      yield* TestClock.adjust("2950 millis")
      assert.strictEqual(server.requestCount(), 2)
      yield* TestClock.adjust("50 millis")
      const report = yield* Fiber.join(fiber)
      yield* server.allClosed
      assert.deepStrictEqual(report.codes, { "200": 2, "-1": 2 })
      assert.deepStrictEqual(report.errors, { Timeout: 2 })
      assert.strictEqual(report.socketsUsed, 4)
      assert.strictEqual(report.latencyMillis.max, 3_000)
      assert.deepStrictEqual(notices, [
        {
          level: "Error",
          message: "a call failed with Timeout: no answer within 3000 ms; more of them are only counted"
        }
      ])
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.effect("ends at once when stopped between calls, and tells its progress until then", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer(ok)
      const stop = yield* Deferred.make<void>()
      const finished = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        runLoad({
          url: server.url,
          concurrency: 3,
          duration: Number.POSITIVE_INFINITY,
          qps: 0.001,
          stop: Deferred.await(stop),
          observer: {
            onProgress: ({ elapsedMillis, finishedCount }) => {
              assert.strictEqual(elapsedMillis % 50, 0)
              if (finishedCount === 3) Deferred.doneUnsafe(finished, Effect.void)
            }
          }
        })
      )
      yield* server.seen(3)
      // The answers come in real time; each turn of the virtual clock lets the run say how many it has.
      while (!(yield* Deferred.isDone(finished))) {
        yield* TestClock.adjust("50 millis")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      yield* Deferred.succeed(stop, undefined)
      const report = yield* Fiber.join(fiber)
      yield* server.allClosed
      assert.deepStrictEqual(report.codes, { "200": 3 })
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("closes every connection when it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer((_request, response, number) => {
        if (number % 2 === 0) response.end("x")
      })
      const fiber = yield* Effect.forkChild(
        runLoad({ url: server.url, concurrency: 8, duration: "1 hour", qps: "max" })
      )
      yield* server.seen(12)
      yield* Fiber.interrupt(fiber)
      yield* server.allClosed
      assert.isAtLeast(server.requestCounts().length, 8)
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("fails where nothing listens, naming the URL and the reason", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(findFreePort)
      const error = yield* Effect.flip(runLoad({ url: `http://127.0.0.1:${port}/x`, concurrency: 3, requestCount: 9 }))
      assert.strictEqual(error.reason, "ConnectFailed")
      assert.include(error.message, `cannot connect to http://127.0.0.1:${port}/x`)
      assert.include(error.message, "ECONNREFUSED")
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.effect("fails where no connection comes up within the timeout", () =>
    Effect.gen(function* () {
      const connector = yield* Connector
      const silent = Connector.of({ ...connector, connect: () => Effect.never })
      const fiber = yield* Effect.forkChild(
        runLoad({ url: "http://127.0.0.1:1", timeout: "2 seconds" }).pipe(
          Effect.provideService(Connector, silent),
          Effect.flip
        )
      )
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason, "ConnectFailed")
      assert.include(error.message, "no connection within 2000 ms")
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("counts connects that fail later in the run as code -1", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer((_request, response) => response.setHeader("connection", "close").end("x"))
      const connector = yield* Connector
      const port = yield* Effect.promise(findFreePort)
      let dialCount = 0
      const failingLater = Connector.of({
        ...connector,
        connect: (target) =>
          Effect.suspend(() =>
            connector.connect(dialCount++ < 2 ? target : { address: { _tag: "Tcp", host: "127.0.0.1", port } })
          )
      })
      const report = yield* runLoad({ url: server.url, concurrency: 1, requestCount: 5, qps: "max" }).pipe(
        Effect.provideService(Connector, failingLater)
      )
      assert.deepStrictEqual(report.codes, { "200": 2, "-1": 3 })
      assert.deepStrictEqual(report.errors, { Refused: 3 })
      assert.strictEqual(report.socketsUsed, 2)
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("calls an https server, whose certificate has to be valid unless told otherwise", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer(ok, "https")
      const options = { url: server.url, concurrency: 2, requestCount: 6, qps: "max" } as const
      const error = yield* Effect.flip(runLoad(options))
      assert.strictEqual(error.reason, "ConnectFailed")
      assert.propertyVal(error.cause, "reason", "CertificateRejected")
      const report = yield* runLoad({ ...options, verification: "unverified" })
      yield* server.allClosed
      assert.deepStrictEqual(report.codes, { "200": 6 })
      assert.strictEqual(report.socketsUsed, 2)
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("refuses https on a socket layer without TLS", () =>
    Effect.gen(function* () {
      const connector = yield* Connector
      const plain = Connector.of({ ...connector, capabilities: { ...connector.capabilities, tls: false } })
      const error = yield* Effect.flip(
        runLoad({ url: "https://127.0.0.1:1" }).pipe(Effect.provideService(Connector, plain))
      )
      assert.strictEqual(error.reason, "Unsupported")
      assert.include(error.message, "https://127.0.0.1:1/ needs TLS")
    }).pipe(Effect.provide(NodeConnector.layer))
  )

  it.live("fails where the request cannot be written as HTTP", () =>
    Effect.gen(function* () {
      const server = yield* makeTestServer(ok)
      const error = yield* Effect.flip(runLoad({ url: server.url, headers: [["bad name", "x"]] }))
      yield* server.allClosed
      assert.strictEqual(error.reason, "InvalidRequest")
      assert.strictEqual(server.requestCount(), 0)
    }).pipe(Effect.provide(NodeConnector.layer))
  )
})
