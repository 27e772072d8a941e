/**
 * What an operator reads: `/pools`, `/stats`, and what there is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { call } from "./support/call.ts"
import { connectionPool, serviceYaml, withGateway } from "./support/gateway.ts"
import { makeUpstream } from "./support/upstream.ts"

expectNothingLeft()

describe("/pools", () => {
  it.live("shows each pool with its routes, what is used of it, and its limits with who set each", () =>
    Effect.gen(function* () {
      const held: Array<() => void> = []
      const upstream = yield* makeUpstream(({ url }, response) => {
        if (url === "/held") held.push(() => response.end())
        else response.end()
      })
      const trafficPolicy = connectionPool({ http2MaxRequests: 10, maxRetries: 3 }, { maxConnections: 2 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ adminPort, call: get }) {
        const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(get({ path: "/held" })))
        yield* upstream.until(() => held.length === 2)
        const pools = Effect.map(call(adminPort, { path: "/pools" }), ({ body, headers }) => {
          assert.strictEqual(headers["content-type"], "application/json")
          return JSON.parse(body)
        })
        let [all] = [yield* pools]
        while (all[0].pending === 0) all = yield* pools
        // A cluster for the host and one for its subset.
        assert.deepStrictEqual(
          all.map((pool: { readonly cluster: string }) => pool.cluster),
          ["outbound|80||up.test", "outbound|80|v1|up.test"]
        )
        const source = (path: string, line: number) =>
          `DestinationRule up (rules.yaml document 3, line ${line}): spec.trafficPolicy.connectionPool.${path}`
        const unset = { value: "unlimited", source: "Istio default" }
        const line = Number(/line (\d+)/.exec(all[0].limits.maxRetries.source)?.[1])
        assert.deepStrictEqual(all[0], {
          cluster: "outbound|80||up.test",
          total: 2,
          active: 2,
          idle: 0,
          pending: 1,
          dialling: 0,
          limits: {
            maxConnections: { value: 2, source: source("tcp.maxConnections", line) },
            http1MaxPendingRequests: unset,
            http2MaxRequests: { value: 10, source: source("http.http2MaxRequests", line) },
            maxRequestsPerConnection: unset,
            maxRetries: { value: 3, source: source("http.maxRetries", line) },
            connectTimeoutMillis: { value: 10_000, source: "Istio default" },
            idleTimeoutMillis: { value: 3_600_000, source: "Istio default" },
            maxConnectionDurationMillis: unset
          },
          created: 2,
          reused: 0,
          closed: {},
          refused: {},
          routes: [
            { route: `http://127.0.0.1:${upstream.port}`, total: 2, active: 2, idle: 0, pending: 1, dialling: 0 }
          ]
        })
        for (let count = 0; count < 3; count++) {
          yield* upstream.until(() => held.length > 0)
          held.shift()?.()
        }
        yield* Effect.forEach(calls, Fiber.join)
        const [after] = yield* pools
        assert.deepStrictEqual([after.idle, after.active, after.reused], [2, 0, 1])
      })
    })
  )
})

/** A line of Prometheus' text format that is no comment: name, labels, value. */
const sample =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="[^"\n]*"(,[a-zA-Z_][a-zA-Z0-9_]*="[^"\n]*")*\})? (-?[0-9.]+(e[+-]?[0-9]+)?|[+-]Inf|NaN)$/

describe("/stats", () => {
  it.live("counts requests by cluster, status and flags, in Prometheus' text format", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end())
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ adminPort, call: get, logged }) {
        yield* Effect.all([get(), get(), get({ host: "other.test" })])
        yield* logged(3)
        const { body, headers } = yield* call(adminPort, { path: "/stats" })
        assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
        for (const line of lines) assert.match(line, sample)
        assert.deepStrictEqual(lines.filter((line) => line.startsWith("weir_gateway_requests_total")).sort(), [
          'weir_gateway_requests_total{cluster="none",code="404",flags="NR"} 1',
          'weir_gateway_requests_total{cluster="outbound|80||up.test",code="200",flags="-"} 2'
        ])
        assert.match(body, /^# TYPE weir_gateway_requests_total counter$/m)
      })
    })
  )

  it.live("shows each cluster's pool under the cluster's name", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end())
      const trafficPolicy = connectionPool({ http2MaxRequests: 10 }, { maxConnections: 2 })
      yield* withGateway(serviceYaml({ ports: [upstream.port], trafficPolicy }), function* ({ adminPort, call: get }) {
        yield* Effect.all([get(), get()])
        const { body } = yield* call(adminPort, { path: "/stats" })
        const pool = 'pool="outbound|80||up.test"'
        const route = `route="http://127.0.0.1:${upstream.port}"`
        const sampleOf = (name: string, ...labels: ReadonlyArray<string>): string | undefined =>
          body
            .split("\n")
            .find((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
            ?.split(" ")
            .at(-1)
        assert.deepStrictEqual(
          {
            limit: sampleOf("weir_pool_connections_limit", pool),
            activeLimit: sampleOf("weir_pool_leases_active_limit", pool),
            connections: sampleOf("weir_pool_connections", pool, route),
            idle: sampleOf("weir_pool_connections_idle", pool, route),
            leases: sampleOf("weir_pool_leases_total", pool, route),
            reused: sampleOf("weir_pool_leases_reused_total", pool, route)
          },
          { limit: "2", activeLimit: "10", connections: "1", idle: "1", leases: "2", reused: "1" }
        )
      })
    })
  )
})

describe("the admin port", () => {
  it.live("says what there is", () =>
    withGateway(serviceYaml({ ports: [1] }), function* ({ adminPort }) {
      const root = yield* call(adminPort)
      assert.deepStrictEqual([root.status, root.body], [200, "/stats  Prometheus text\n/pools  JSON\n"])
      const other = yield* call(adminPort, { path: "/statz" })
      assert.deepStrictEqual([other.status, other.body], [404, "there are /stats and /pools\n"])
    })
  )
})
