/**
 * Requests that are sent again, to another endpoint, and those that never are.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { connectionPool, route, serviceYaml, withGateway } from "../support/gateway.ts"
import { makeRawUpstream } from "../support/RawPeer.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

const retrying = (attempts: number, retryOn?: string) => [
  { route, retries: { attempts, ...(retryOn === undefined ? {} : { retryOn }) } }
]

const answering = (status: number, fields: Readonly<Record<string, string>> = {}) =>
  makeUpstream((_, response) => {
    response.writeHead(status, fields)
    response.end(String(status))
  })

/** A port that nothing listens at. */
const deadPort: Effect.Effect<number> = Effect.scoped(Effect.map(makeRawUpstream, ({ port }) => port))

/** An endpoint that ends each connection at its first byte. */
const makeDropping: Effect.Effect<{ readonly port: number; readonly acceptedCount: () => number }, never, Scope.Scope> =
  Effect.gen(function* () {
    const { accept, acceptedCount, port } = yield* makeRawUpstream
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.flatMap(accept, (endpoint) =>
          Effect.map(
            endpoint.until(({ receivedByteCount }) => receivedByteCount > 0),
            () => endpoint.socket.destroy()
          )
        )
      )
    )
    return { port, acceptedCount }
  })

describe("a request whose connect fails", () => {
  it.live.each([
    { method: "GET", body: "" },
    { method: "POST", body: "short" },
    { method: "POST", body: "x".repeat(200_000) }
  ])("goes to the other endpoint, since nothing was sent: $method with a body of $body.length", ({ body, method }) =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((request, response) => response.end(request.body))
      yield* withGateway(serviceYaml({ ports: [yield* deadPort, upstream.port] }), function* ({ call, logged }) {
        const answer = yield* call({ method, ...(body === "" ? {} : { body }) })
        assert.deepStrictEqual([answer.status, answer.body], [200, body])
        assert.match((yield* logged(1))[0] ?? "", new RegExp(` 200 - .* "127.0.0.1:${upstream.port}" .* retries=1$`))
      })
    })
  )

  it.live("is answered 503 with flags UF and URX when every try failed", () =>
    Effect.gen(function* () {
      const port = yield* deadPort
      const http = retrying(2, "connect-failure")
      yield* withGateway(serviceYaml({ ports: [port], http }), function* ({ call, logged }) {
        const { body, headers, status } = yield* call()
        assert.deepStrictEqual([status, headers["x-weir-response-flag"]], [503, "UF"])
        assert.match(body, /^503 UF: upstream connect failed: .*ECONNREFUSED/)
        assert.match((yield* logged(1))[0] ?? "", / 503 UF,URX .* retries=2$/)
      })
    })
  )

  it.live.each([
    { why: "its rule switches retries off", http: retrying(0) },
    { why: "its rule retries on something else", http: retrying(2, "retriable-4xx") }
  ])("is answered at once where $why, with flag UF alone", ({ http }) =>
    Effect.gen(function* () {
      yield* withGateway(serviceYaml({ ports: [yield* deadPort], http }), function* ({ call, logged }) {
        assert.strictEqual((yield* call()).status, 503)
        assert.match((yield* logged(1))[0] ?? "", / 503 UF .* retries=0$/)
      })
    })
  )
})

describe("a request whose connection is lost before an answer", () => {
  it.live.each(["5xx", "gateway-error", "reset"])(
    "goes to the other endpoint if its method may be repeated: %s",
    (condition) =>
      Effect.gen(function* () {
        const dropping = yield* makeDropping
        const upstream = yield* answering(200)
        const yaml = serviceYaml({ ports: [dropping.port, upstream.port], http: retrying(2, condition) })
        yield* withGateway(yaml, function* ({ call, logged }) {
          assert.strictEqual((yield* call({ method: "PUT", body: "x" })).status, 200)
          assert.match((yield* logged(1))[0] ?? "", / 200 - .* retries=1$/)
          assert.strictEqual(upstream.requests[0]?.body, "x")
        })
      })
  )

  it.live.each([
    { what: "a POST", method: "POST", body: "x" },
    { what: "a PATCH", method: "PATCH", body: "x" },
    { what: "a body that is read once", method: "PUT", body: "x".repeat(200_000) }
  ])("is never sent twice with $what: 503 with flag UC", ({ body, method }) =>
    Effect.gen(function* () {
      const dropping = yield* makeDropping
      const upstream = yield* answering(200)
      const http = retrying(3, "5xx,reset,connect-failure,503")
      yield* withGateway(serviceYaml({ ports: [dropping.port, upstream.port], http }), function* ({ call, logged }) {
        const { headers, status } = yield* call({ method, body })
        assert.deepStrictEqual([status, headers["x-weir-response-flag"]], [503, "UC"])
        assert.match((yield* logged(1))[0] ?? "", / 503 UC .* retries=0$/)
        assert.strictEqual(dropping.acceptedCount() + upstream.begunCount(), 1)
      })
    })
  )

  it.live("is not sent again on connect-failure, for it was connected", () =>
    Effect.gen(function* () {
      const dropping = yield* makeDropping
      const http = retrying(2, "connect-failure,refused-stream")
      yield* withGateway(serviceYaml({ ports: [dropping.port], http }), function* ({ call }) {
        assert.strictEqual((yield* call()).headers["x-weir-response-flag"], "UC")
        assert.strictEqual(dropping.acceptedCount(), 1)
      })
    })
  )
})

describe("a request that is answered", () => {
  it.live.each([
    { condition: "5xx", status: 500 },
    { condition: "gateway-error", status: 503 },
    { condition: "retriable-4xx", status: 409 },
    { condition: "429", status: 429 }
  ])("$status goes to the other endpoint on $condition", ({ condition, status }) =>
    Effect.gen(function* () {
      const failing = yield* answering(status)
      const upstream = yield* answering(200)
      const yaml = serviceYaml({ ports: [failing.port, upstream.port], http: retrying(1, condition) })
      yield* withGateway(yaml, function* ({ call, logged }) {
        assert.strictEqual((yield* call()).body, "200")
        assert.match((yield* logged(1))[0] ?? "", / 200 - .* retries=1$/)
        assert.deepStrictEqual([failing.begunCount(), upstream.begunCount()], [1, 1])
      })
    })
  )

  it.live("is answered with the last answer when the tries are used up, with flag URX", () =>
    Effect.gen(function* () {
      const failing = yield* answering(502)
      yield* withGateway(
        serviceYaml({ ports: [failing.port], http: retrying(2, "5xx") }),
        function* ({ call, logged }) {
          const { body, headers, status } = yield* call()
          // The endpoint's own answer: no flag of ours is on it.
          assert.deepStrictEqual([status, body, headers["x-weir-response-flag"]], [502, "502", undefined])
          assert.match((yield* logged(1))[0] ?? "", / 502 URX 0 3 .* retries=2$/)
          assert.strictEqual(failing.begunCount(), 3)
        }
      )
    })
  )

  it.live("is never sent twice with a POST", () =>
    Effect.gen(function* () {
      const failing = yield* answering(503)
      const http = retrying(2, "5xx,503")
      yield* withGateway(serviceYaml({ ports: [failing.port], http }), function* ({ call, logged }) {
        assert.strictEqual((yield* call({ method: "POST", body: "x" })).body, "503")
        assert.match((yield* logged(1))[0] ?? "", / 503 - 1 3 .* retries=0$/)
        assert.strictEqual(failing.begunCount(), 1)
      })
    })
  )

  it.live("by a proxy that met a limit is left alone", () =>
    Effect.gen(function* () {
      const failing = yield* answering(503, { "x-envoy-overloaded": "true" })
      yield* withGateway(serviceYaml({ ports: [failing.port], http: retrying(2, "5xx") }), function* ({ call }) {
        assert.strictEqual((yield* call()).status, 503)
        assert.strictEqual(failing.begunCount(), 1)
      })
    })
  )
})

describe("a request that is refused by a limit", () => {
  it.live("is not sent again, however many tries its rule has", () =>
    Effect.gen(function* () {
      const held: Array<() => void> = []
      const upstream = yield* makeUpstream((_, response) => {
        held.push(() => response.end("ok"))
      })
      const trafficPolicy = connectionPool({ http2MaxRequests: 1 })
      const yaml = serviceYaml({ ports: [upstream.port], http: retrying(5, "5xx,reset,503"), trafficPolicy })
      yield* withGateway(yaml, function* ({ call, logged }) {
        const first = yield* Effect.forkScoped(call())
        yield* upstream.until(() => held.length === 1)
        assert.strictEqual((yield* call()).status, 503)
        assert.match((yield* logged(1))[0] ?? "", / 503 UO .* retries=0$/)
        for (const answer of held) answer()
        yield* Fiber.join(first)
      })
    })
  )
})

describe("retries under way", () => {
  /** Two endpoints: one that always fails, and one that holds whatever was sent again. */
  const failingAndHeld = Effect.gen(function* () {
    const held: Array<() => void> = []
    const failing = yield* answering(503)
    const holding = yield* makeUpstream((_, response) => {
      held.push(() => response.end("held"))
    })
    return { failing, held, holding, ports: [failing.port, holding.port] }
  })

  it.live("are as many as maxRetries allows; what is beyond is answered as it is, with flag UO", () =>
    Effect.gen(function* () {
      const { failing, held, holding, ports } = yield* failingAndHeld
      const trafficPolicy = connectionPool({ maxRetries: 1 })
      const yaml = serviceYaml({ ports, http: retrying(1, "5xx"), trafficPolicy })
      yield* withGateway(yaml, function* ({ call, lines, logged }) {
        const first = yield* Effect.forkScoped(call())
        yield* holding.until(() => held.length === 1)
        // The turn is the failing endpoint's again, since the retry took the other's.
        const second = yield* call()
        assert.deepStrictEqual([second.status, second.body], [503, "503"])
        assert.match((yield* logged(1))[0] ?? "", / 503 UO 0 3 .* retries=0$/)
        for (const answer of held.splice(0)) answer()
        assert.strictEqual((yield* Fiber.join(first)).body, "held")
        // The place is free again: of two more calls one is the failing endpoint's, and is sent again.
        const others = yield* Effect.forEach([1, 2], () => Effect.forkScoped(call()))
        yield* holding.until(() => held.length === 2)
        for (const answer of held) answer()
        for (const other of others) assert.strictEqual((yield* Fiber.join(other)).body, "held")
        yield* logged(4)
        assert.strictEqual(lines.filter((line) => line.endsWith("retries=1")).length, 2)
        assert.strictEqual(failing.begunCount(), 3)
      })
    })
  )

  it.live("are told of in the reply that takes the place of one", () =>
    Effect.gen(function* () {
      const holding = yield* makeUpstream(() => {
        // Never answers.
      })
      const yaml = serviceYaml({
        ports: [yield* deadPort, holding.port],
        http: retrying(1, "connect-failure"),
        trafficPolicy: connectionPool({ maxRetries: 1 })
      })
      yield* withGateway(yaml, function* ({ call }) {
        yield* Effect.forkScoped(call())
        yield* holding.until(() => holding.begunCount() === 1)
        const { body, headers } = yield* call()
        assert.strictEqual(headers["x-weir-response-flag"], "UF")
        assert.match(
          body,
          /; not sent again: as many retries are under way as maxRetries 1 \(DestinationRule up .*\) allows\n$/
        )
      })
    })
  )

  it.live("are as many as a retry budget allows in the place of maxRetries", () =>
    Effect.gen(function* () {
      const { held, holding, ports } = yield* failingAndHeld
      const trafficPolicy = {
        ...connectionPool({ maxRetries: 1 }),
        retryBudget: { percent: 0, minRetryConcurrency: 2 }
      }
      const yaml = serviceYaml({ ports, http: retrying(1, "5xx"), trafficPolicy })
      yield* withGateway(yaml, function* ({ call, logged }) {
        const calls = [yield* Effect.forkScoped(call())]
        yield* holding.until(() => held.length === 1)
        calls.push(yield* Effect.forkScoped(call()))
        yield* holding.until(() => held.length === 2)
        assert.strictEqual((yield* call()).body, "503")
        assert.match((yield* logged(1))[0] ?? "", / 503 UO /)
        for (const answer of held) answer()
        for (const call of calls) assert.strictEqual((yield* Fiber.join(call)).body, "held")
      })
    })
  )
})
