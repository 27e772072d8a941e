/**
 * Each limit of a DestinationRule as callers and endpoints meet it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { deafPort } from "../support/deafPort.ts"
import { connectionPool, serviceYaml, withGateway } from "../support/gateway.ts"
import { makeRawUpstream } from "../support/RawPeer.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

/** An endpoint whose answers wait until the test lets them go. */
const makeHeld = Effect.gen(function* () {
  const held: Array<() => void> = []
  const upstream = yield* makeUpstream((_, response) => {
    held.push(() => response.end("ok"))
  })
  return {
    ...upstream,
    /** Lets the oldest answer go, as soon as there is one. */
    release: Effect.flatMap(
      upstream.until(() => held.length > 0),
      () => Effect.sync(() => held.shift()?.())
    )
  }
})

describe("maxConnections", () => {
  it.live("lets requests wait, without refusing any", () =>
    Effect.gen(function* () {
      const upstream = yield* makeHeld
      const trafficPolicy = connectionPool({}, { maxConnections: 2 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call, pool }) {
        const calls = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.forkScoped(call()))
        yield* upstream.until(() => upstream.begunCount() === 2)
        for (let pending = 0; pending < 3; ) pending = (yield* pool()).pending
        const { limits, total } = yield* pool()
        assert.deepStrictEqual([total, limits["maxConnections"]?.value], [2, 2])
        for (let count = 0; count < 5; count++) yield* upstream.release
        const answers = yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [200, 200, 200, 200, 200]
        )
        assert.strictEqual(upstream.requestCounts().length, 2)
      })
    })
  )

  it.live("holds over all endpoints together, and an idle connection gives way to another endpoint", () =>
    Effect.gen(function* () {
      const [one, two] = [
        yield* makeUpstream((_, response) => response.end("1")),
        yield* makeUpstream((_, response) => response.end("2"))
      ]
      const trafficPolicy = connectionPool({}, { maxConnections: 1 })
      yield* withGateway(serviceYaml({ ports: [one.port, two.port], trafficPolicy }), function* ({ call, pool }) {
        let order = ""
        for (let count = 0; count < 4; count++) order += (yield* call()).body
        assert.strictEqual(order, "1212")
        const { closed, total } = yield* pool()
        assert.deepStrictEqual([total, closed], [1, { "evicted-for-other-route": 3 }])
      })
    })
  )
})

describe("http1MaxPendingRequests", () => {
  it.live("refuses with 503 and flag UO who would wait beyond it, and says which limit that is", () =>
    Effect.gen(function* () {
      const upstream = yield* makeHeld
      const trafficPolicy = connectionPool({ http1MaxPendingRequests: 1 }, { maxConnections: 1 })
      yield* withGateway(
        serviceYaml({ ports: [upstream.port], trafficPolicy }),
        function* ({ call, lines, logged, pool }) {
          const first = yield* Effect.forkScoped(call())
          yield* upstream.until(() => upstream.begunCount() === 1)
          const second = yield* Effect.forkScoped(call())
          for (let pending = 0; pending < 1; ) pending = (yield* pool()).pending
          const refused = yield* call()
          assert.deepStrictEqual(
            [refused.status, refused.headers["x-envoy-overloaded"], refused.headers["x-weir-response-flag"]],
            [503, "true", "UO"]
          )
          assert.match(
            refused.body,
            /^503 UO: upstream overflow: requests wait for a connection to outbound\|80\|\|up\.test, as many as http1MaxPendingRequests 1 allows \(DestinationRule up \(rules\.yaml document 3, line \d+\): spec\.trafficPolicy\.connectionPool\.http\.http1MaxPendingRequests\)\n$/
          )
          assert.match((yield* logged(1))[0] ?? "", / 503 UO 0 \d+ \d+ - .* outbound\|80\|\|up\.test retries=0$/)
          assert.deepStrictEqual((yield* pool()).refused, { "pending-total-limit": 1 })
          yield* upstream.release
          yield* upstream.release
          assert.deepStrictEqual([(yield* Fiber.join(first)).status, (yield* Fiber.join(second)).status], [200, 200])
          assert.strictEqual(lines.length, 3)
        }
      )
    })
  )

  it.live("counts who waits for a connect of its own", () =>
    Effect.gen(function* () {
      const trafficPolicy = connectionPool({ http1MaxPendingRequests: 3 })
      const yaml = serviceYaml({ ports: [yield* deafPort], trafficPolicy })
      yield* withGateway(yaml, function* ({ call, pool }) {
        const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(call()))
        for (let pending = 0; pending < 3; ) pending = (yield* pool()).pending
        assert.strictEqual((yield* pool()).dialling, 3)
        assert.strictEqual((yield* call()).headers["x-weir-response-flag"], "UO")
        yield* Effect.forEach(calls, Fiber.interrupt)
      })
    })
  )
})

const noRetries = [{ route: [{ destination: { host: "up.test" } }], retries: { attempts: 0 } }]

describe("http2MaxRequests", () => {
  it.live("refuses at once what would be under way beyond it", () =>
    Effect.gen(function* () {
      const upstream = yield* makeHeld
      const trafficPolicy = connectionPool({ http2MaxRequests: 2 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call, logged }) {
        const calls = yield* Effect.forEach([1, 2], () => Effect.forkScoped(call()))
        yield* upstream.until(() => upstream.begunCount() === 2)
        const refused = yield* call()
        assert.deepStrictEqual([refused.status, refused.headers["x-envoy-overloaded"]], [503, "true"])
        assert.match(
          refused.body,
          /^503 UO: upstream overflow: requests are under way to outbound\|80\|\|up\.test, as many as http2MaxRequests 2 allows \(DestinationRule up /
        )
        assert.match((yield* logged(1))[0] ?? "", / 503 UO /)
        yield* upstream.release
        yield* upstream.release
        yield* Effect.forEach(calls, Fiber.join)
        const next = yield* Effect.forkScoped(call())
        yield* upstream.release
        assert.strictEqual((yield* Fiber.join(next)).status, 200)
      })
    })
  )

  it.live("refuses one that had been waiting for a connection when its turn comes", () =>
    Effect.gen(function* () {
      const upstream = yield* makeHeld
      const trafficPolicy = connectionPool({ http2MaxRequests: 1 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call, logged, pool }) {
        // All of them wait for the first connect; one gets it.
        const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(call()))
        yield* upstream.until(() => upstream.begunCount() === 1)
        for (const line of yield* logged(2)) assert.match(line, / 503 UO /)
        assert.deepStrictEqual((yield* pool()).refused, { "active-total-limit": 2 })
        yield* upstream.release
        const statuses = (yield* Effect.forEach(calls, Fiber.join)).map(({ status }) => status)
        assert.deepStrictEqual(statuses.sort(), [200, 503, 503])
      })
    })
  )

  it.live("is met by an answer that is not finished, and not by one that is", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      const trafficPolicy = connectionPool({ http2MaxRequests: 1 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call }) {
        const first = yield* Effect.forkScoped(call())
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        assert.strictEqual((yield* call()).status, 503)
        endpoint.send("lf")
        assert.strictEqual((yield* Fiber.join(first)).body, "half")
        const second = yield* Effect.forkScoped(call())
        yield* endpoint.head
        endpoint.answer("ok")
        assert.strictEqual((yield* Fiber.join(second)).status, 200)
      })
    })
  )
})

describe("maxRequestsPerConnection", () => {
  it.live.each([1, 2, 3])("closes each connection after so many requests: %s", (max) =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("ok"))
      const trafficPolicy = connectionPool({ maxRequestsPerConnection: max })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call, pool }) {
        for (let count = 0; count < 6; count++) assert.strictEqual((yield* call()).status, 200)
        assert.deepStrictEqual(
          upstream.requestCounts(),
          Array.from({ length: 6 / max }, () => max)
        )
        yield* upstream.until(() => upstream.openCount() === 0)
        const { closed, total } = yield* pool()
        assert.deepStrictEqual([total, closed], [0, { uses: 6 / max }])
      })
    })
  )
})

describe("connectTimeout", () => {
  it.live("ends a connect that comes to nothing with 503 and flag UF", () =>
    Effect.gen(function* () {
      const port = yield* deafPort
      const trafficPolicy = connectionPool({}, { connectTimeout: "50ms" })
      yield* withGateway(serviceYaml({ ports: [port], trafficPolicy, http: noRetries }), function* ({ call, logged }) {
        const { body, headers, status } = yield* call()
        assert.deepStrictEqual([status, headers["x-weir-response-flag"]], [503, "UF"])
        assert.match(
          body,
          /^503 UF: upstream connect failed: .*connect not finished within 50 ms \(connectTimeout\), in phase tcp/
        )
        assert.match(
          (yield* logged(1))[0] ?? "",
          new RegExp(` 503 UF 0 \\d+ \\d+ - "-" "up.test" "127.0.0.1:${port}" `)
        )
      })
    })
  )
})

describe("idleTimeout", () => {
  it.live("closes a connection that has had no request for so long", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("ok"))
      const trafficPolicy = connectionPool({ idleTimeout: "50ms" })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call, pool }) {
        yield* call()
        assert.strictEqual(upstream.openCount(), 1)
        yield* upstream.until(() => upstream.openCount() === 0)
        assert.deepStrictEqual((yield* pool()).closed, { "idle-timeout": 1 })
      })
    })
  )
})

describe("maxConnectionDuration", () => {
  it.live("closes a connection that has become so old", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("ok"))
      const trafficPolicy = connectionPool({}, { maxConnectionDuration: "50ms" })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ call, pool }) {
        yield* call()
        yield* upstream.until(() => upstream.openCount() === 0)
        assert.deepStrictEqual((yield* pool()).closed, { lifetime: 1 })
      })
    })
  )
})

describe("without a rule", () => {
  it.live("nothing is refused and nothing waits", () =>
    Effect.gen(function* () {
      const upstream = yield* makeHeld
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const calls = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.forkScoped(call()))
        yield* upstream.until(() => upstream.begunCount() === 50)
        for (let count = 0; count < 50; count++) yield* upstream.release
        for (const { status } of yield* Effect.forEach(calls, Fiber.join)) assert.strictEqual(status, 200)
      })
    })
  )
})
