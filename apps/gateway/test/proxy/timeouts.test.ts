/**
 * The route's time, the time of one try, and what becomes of an exchange in which nothing moves.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { connectionPool, route, type Steps, serviceYaml, withGateway } from "../support/gateway.ts"
import { withPeers } from "../support/peers.ts"
import { dial, exchangeRaw } from "../support/RawPeer.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

const silent = makeUpstream(() => {
  // Never answers.
})

describe("the timeout of a route", () => {
  it.live("ends an exchange without an answer with 504 and flag UT, and the endpoint's part of it", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      yield* withGateway(
        serviceYaml({ ports: [upstream.port], http: [{ route, timeout: "300ms" }] }),
        function* ({ call, logged }) {
          const { body, headers, status } = yield* call()
          assert.deepStrictEqual([status, headers["x-weir-response-flag"]], [504, "UT"])
          assert.match(
            body,
            /^504 UT: upstream request timeout: not finished within 300 ms, which is timeout \(VirtualService up \(rules\.yaml document 2, line \d+\): spec\.http\[0\]\.timeout\)\n$/
          )
          assert.match((yield* logged(1))[0] ?? "", / 504 UT 0 \d+ .* retries=0$/)
          yield* upstream.until(() => upstream.openCount() === 0)
        }
      )
    })
  )

  it.live("says what a request waited for that got no connection", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      const http = [{ match: [{ uri: { exact: "/waits" } }], route, timeout: "300ms" }, { route }]
      const trafficPolicy = connectionPool({}, { maxConnections: 1 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], http, trafficPolicy }), function* ({ call }) {
        yield* Effect.forkScoped(call())
        yield* upstream.until(() => upstream.begunCount() === 1)
        assert.match(
          (yield* call({ path: "/waits" })).body,
          /not finished within 300 ms.*; it had no connection: .*all 1 connections of the pool are in use/
        )
      })
    })
  )

  it.live("breaks off an answer that is not finished, with flag UT", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => {
        response.write("the beginning")
      })
      yield* withGateway(
        serviceYaml({ ports: [upstream.port], http: [{ route, timeout: "300ms" }] }),
        function* ({ call, logged }) {
          const { body, isBroken, status } = yield* call()
          assert.deepStrictEqual([status, body, isBroken], [200, "the beginning", true])
          assert.match((yield* logged(1))[0] ?? "", / 200 UT 0 13 /)
        }
      )
    })
  )

  it.live.each([
    { kind: "a short body", length: 10 },
    { kind: "a long body", length: 100_000 }
  ])("does not run while the caller sends $kind", ({ length }) =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream(({ body }, response) => response.end(String(body.length)))
      yield* withGateway(
        serviceYaml({ ports: [upstream.port], http: [{ route, timeout: "400ms" }] }),
        function* ({ logged, port }) {
          const caller = yield* dial(port)
          caller.send(`POST / HTTP/1.1\r\nHost: up.test\r\nContent-Length: ${length}\r\n\r\n`)
          caller.send("x".repeat(length / 2))
          // Longer than the timeout: the passing of that time is the very thing that is tested.
          yield* Effect.sleep(500)
          caller.send("x".repeat(length / 2))
          yield* caller.untilReceived(`\r\n\r\n${length}`)
          assert.match((yield* logged(1))[0] ?? "", new RegExp(` 200 - ${length} `))
        }
      )
    })
  )

  it.live("ends an exchange after a long body that was not answered", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      yield* withGateway(
        serviceYaml({ ports: [upstream.port], http: [{ route, timeout: "300ms" }] }),
        function* ({ call, logged }) {
          const { body, status } = yield* call({ method: "POST", body: "x".repeat(100_000) })
          assert.strictEqual(status, 504)
          assert.match(body, /not finished within 300 ms/)
          assert.match((yield* logged(1))[0] ?? "", / 504 UT 100000 /)
          yield* upstream.until(() => upstream.openCount() === 0)
        }
      )
    })
  )

  it.live("covers all tries together, and leaves none for later", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      const http = [{ route, timeout: "300ms", retries: { attempts: 5, retryOn: "5xx,reset" } }]
      yield* withGateway(serviceYaml({ ports: [upstream.port], http }), function* ({ call, logged }) {
        assert.strictEqual((yield* call()).status, 504)
        assert.match((yield* logged(1))[0] ?? "", / 504 UT .* retries=0$/)
        yield* upstream.until(() => upstream.begunCount() > 0)
        assert.strictEqual(upstream.begunCount(), 1)
      })
    })
  )
})

describe("the timeout of one try", () => {
  const http = (attempts: number) => [{ route, retries: { attempts, perTryTimeout: "300ms", retryOn: "5xx" } }]

  it.live("sends a request to the other endpoint", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      const other = yield* makeUpstream((_, response) => response.end("other"))
      yield* withGateway(
        serviceYaml({ ports: [upstream.port, other.port], http: http(1) }),
        function* ({ call, logged }) {
          assert.strictEqual((yield* call()).body, "other")
          assert.match((yield* logged(1))[0] ?? "", / 200 - .* retries=1$/)
          yield* upstream.until(() => upstream.openCount() === 0)
        }
      )
    })
  )

  it.live("ends in 504 with flags UT and URX when there is no try left", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      yield* withGateway(serviceYaml({ ports: [upstream.port], http: http(1) }), function* ({ call, logged }) {
        const { body, status } = yield* call()
        assert.strictEqual(status, 504)
        assert.match(body, /^504 UT: .*no answer within 300 ms, which is perTryTimeout \(VirtualService up .*\)\n$/)
        assert.match((yield* logged(1))[0] ?? "", / 504 UT,URX .* retries=1$/)
      })
    })
  )

  it.live("does not send a POST again", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      yield* withGateway(serviceYaml({ ports: [upstream.port], http: http(3) }), function* ({ call, logged }) {
        assert.strictEqual((yield* call({ method: "POST", body: "x" })).status, 504)
        assert.match((yield* logged(1))[0] ?? "", / 504 UT 1 .* retries=0$/)
        yield* upstream.until(() => upstream.begunCount() > 0)
        assert.strictEqual(upstream.begunCount(), 1)
      })
    })
  )

  it.live("leaves an answer that has begun alone", () =>
    withPeers(function* ({ ask, caller, logged }) {
      const endpoint = yield* ask("GET / HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
      endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
      yield* caller.untilReceived("half")
      yield* Effect.sleep(450)
      endpoint.send("half")
      yield* caller.ended
      assert.match(caller.received, /halfhalf$/)
      assert.match((yield* logged(1))[0] ?? "", / 200 - 0 8 /)
    }, http(1))
  )
})

describe("an exchange in which nothing moves", () => {
  const still = { idleMillisMax: 300 }

  it.live("is given up with 504 and flag SI when the endpoint says nothing", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      const steps: Steps = function* ({ logged, port }) {
        const answer = yield* exchangeRaw(port, "GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
        assert.match(
          answer,
          /^HTTP\/1\.1 504 Gateway Timeout\r\n.*504 SI: stream timeout: nothing was sent or taken for 300 ms/s
        )
        assert.match((yield* logged(1))[0] ?? "", / 504 SI /)
        yield* upstream.until(() => upstream.openCount() === 0)
      }
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), steps, still)
    })
  )

  it.live("is given up with 408 and flag SI when the caller stops in the middle of its body", () =>
    Effect.gen(function* () {
      const upstream = yield* silent
      const steps: Steps = function* ({ logged, port }) {
        const answer = yield* exchangeRaw(port, "POST / HTTP/1.1\r\nHost: up.test\r\nContent-Length: 9\r\n\r\nhalf")
        assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/)
        assert.match((yield* logged(1))[0] ?? "", / 408 SI 4 /)
      }
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), steps, still)
    })
  )

  it.live("is broken off, with flag SI, when its answer stops half way", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => {
        response.write("half")
      })
      const steps: Steps = function* ({ call, logged }) {
        assert.isTrue((yield* call()).isBroken)
        assert.match((yield* logged(1))[0] ?? "", / 200 SI 0 4 /)
        yield* upstream.until(() => upstream.openCount() === 0)
      }
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), steps, still)
    })
  )
})
