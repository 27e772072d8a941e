/**
 * A pool's metrics, as Prometheus reads them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, type Scope } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { ConnectionPool, type PoolConfig, Route } from "../src/index.ts"
import { type FakeConnection, ScriptedFactory } from "./support/ScriptedFactory.ts"
import { a, b, c } from "./support/withPool.ts"

type Pool = ConnectionPool.ConnectionPool<FakeConnection>

/** Every series, `name{labels}` with its value, as a scrape shows them. */
const scrape = Effect.map(
  PrometheusMetrics.format(),
  (text) =>
    new Map(
      text
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line): [string, string] => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)])
    )
)

const ofRoute = (name: string, route: string, more = "") => `${name}{pool="p",route="${route}"${more}}`

/** Runs a scenario with a registry of its own. */
const scenario = (
  name: string,
  config: PoolConfig,
  body: (pool: Pool, factory: ScriptedFactory) => Effect.Effect<void, unknown, Scope.Scope>,
  factory = () => new ScriptedFactory()
) =>
  it.effect(name, () =>
    Effect.scoped(
      Effect.suspend(() => {
        const scripted = factory()
        return Effect.flatMap(ConnectionPool.make(scripted, { name: "p", ...config }), (pool) => body(pool, scripted))
      })
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

/** The sum of a metric over all its series. */
const total = (series: ReadonlyMap<string, string>, name: string): number =>
  Array.from(series)
    .filter(([key]) => key.startsWith(`${name}{`))
    .reduce((sum, [, value]) => sum + Number(value), 0)

describe("gauges", () => {
  scenario("show what a route holds, and follow it", { connectionsPerRouteMax: 2 }, (pool) =>
    Effect.gen(function* () {
      const first = yield* pool.lease(a)
      const second = yield* pool.lease(a)
      const waiter = yield* Effect.forkChild(pool.lease(a), { startImmediately: true })
      const busy = yield* scrape
      assert.strictEqual(busy.get(ofRoute("weir_pool_connections", "test://a:1")), "2")
      assert.strictEqual(busy.get(ofRoute("weir_pool_connections_idle", "test://a:1")), "0")
      assert.strictEqual(busy.get(ofRoute("weir_pool_leases_active", "test://a:1")), "2")
      assert.strictEqual(busy.get(ofRoute("weir_pool_acquires_pending", "test://a:1")), "1")
      first.release()
      second.release()
      const last = yield* Fiber.join(waiter)
      const quieter = yield* scrape
      assert.strictEqual(quieter.get(ofRoute("weir_pool_connections_idle", "test://a:1")), "1")
      assert.strictEqual(quieter.get(ofRoute("weir_pool_leases_active", "test://a:1")), "1")
      assert.strictEqual(quieter.get(ofRoute("weir_pool_acquires_pending", "test://a:1")), "0")
      last.release()
    })
  )

  scenario(
    "show the connections being dialled",
    {},
    (pool, factory) =>
      Effect.gen(function* () {
        const waiter = yield* Effect.forkChild(pool.lease(a), { startImmediately: true })
        assert.strictEqual((yield* scrape).get(ofRoute("weir_pool_connections_dialling", "test://a:1")), "1")
        factory.dial(1).succeed()
        const lease = yield* Fiber.join(waiter)
        assert.strictEqual((yield* scrape).get(ofRoute("weir_pool_connections_dialling", "test://a:1")), "0")
        lease.release()
      }),
    () => new ScriptedFactory({ dials: "manual" })
  )

  scenario("show the limits in force, and follow a new configuration", { connectionsMax: 5 }, (pool) =>
    Effect.gen(function* () {
      yield* pool.use(a, () => Effect.void)
      const before = yield* scrape
      assert.strictEqual(before.get('weir_pool_connections_limit{pool="p"}'), "5")
      assert.strictEqual(before.get(ofRoute("weir_pool_connections_route_limit", "test://a:1")), "64")
      assert.strictEqual(before.get(ofRoute("weir_pool_leases_active_route_limit", "test://a:1")), "+Inf")
      yield* pool.configure({ name: "p", connectionsMax: 7, connectionsPerRouteMax: 3, activePerRouteMax: 9 })
      const after = yield* scrape
      assert.strictEqual(after.get('weir_pool_connections_limit{pool="p"}'), "7")
      assert.strictEqual(after.get(ofRoute("weir_pool_connections_route_limit", "test://a:1")), "3")
      assert.strictEqual(after.get(ofRoute("weir_pool_leases_active_route_limit", "test://a:1")), "9")
    })
  )
})

describe("counters", () => {
  scenario("count what was opened, leased, reused and closed, by reason", { idleTimeout: "1 second" }, (pool) =>
    Effect.gen(function* () {
      yield* pool.use(a, () => Effect.void)
      yield* pool.use(a, () => Effect.void)
      yield* Effect.exit(pool.use(a, () => Effect.fail("mine")))
      yield* pool.use(a, () => Effect.void)
      yield* TestClock.adjust("1 second")
      const series = yield* scrape
      assert.strictEqual(series.get(ofRoute("weir_pool_connections_created_total", "test://a:1")), "2")
      assert.strictEqual(series.get(ofRoute("weir_pool_leases_total", "test://a:1")), "4")
      assert.strictEqual(series.get(ofRoute("weir_pool_leases_reused_total", "test://a:1")), "2")
      const closed = (reason: string) =>
        ofRoute("weir_pool_connections_closed_total", "test://a:1", `,reason="${reason}"`)
      assert.strictEqual(series.get(closed("use-failed")), "1")
      assert.strictEqual(series.get(closed("idle-timeout")), "1")
      assert.isFalse(series.has(closed("lifetime")))
    })
  )

  scenario(
    "count refusals by reason and timeouts by phase",
    { connectionsPerRouteMax: 1, pendingPerRouteMax: 1 },
    (pool) =>
      Effect.gen(function* () {
        const held = yield* pool.lease(a)
        const waiter = yield* Effect.forkChild(Effect.flip(pool.lease(a, { timeout: 50 })), { startImmediately: true })
        yield* Effect.flip(pool.lease(a))
        yield* TestClock.adjust(50)
        yield* Fiber.join(waiter)
        const cancelled = yield* Effect.forkChild(pool.lease(a), { startImmediately: true })
        yield* Fiber.interrupt(cancelled)
        held.release()
        const series = yield* scrape
        const refused = ofRoute("weir_pool_acquires_refused_total", "test://a:1", ',reason="pending-route-limit"')
        assert.strictEqual(series.get(refused), "1")
        assert.strictEqual(
          series.get(ofRoute("weir_pool_acquires_timed_out_total", "test://a:1", ',phase="queue"')),
          "1"
        )
        assert.strictEqual(series.get(ofRoute("weir_pool_acquires_cancelled_total", "test://a:1")), "1")
      })
  )

  scenario(
    "count connects that failed",
    {},
    (pool, factory) =>
      Effect.gen(function* () {
        const waiter = yield* Effect.forkChild(Effect.flip(pool.lease(a)), { startImmediately: true })
        factory.dial(1).fail("refused")
        yield* Fiber.join(waiter)
        assert.strictEqual((yield* scrape).get(ofRoute("weir_pool_connect_failures_total", "test://a:1")), "1")
      }),
    () => new ScriptedFactory({ dials: "manual" })
  )
})

describe("histograms", () => {
  scenario("are in seconds, and their buckets add up", {}, (pool) =>
    Effect.gen(function* () {
      const hold = (millis: number) => pool.use(a, () => Effect.sleep(millis))
      const fiber = yield* Effect.forkChild(Effect.andThen(hold(30), hold(1500)), { startImmediately: true })
      yield* TestClock.adjust(30)
      yield* TestClock.adjust(1500)
      yield* Fiber.join(fiber)
      const series = yield* scrape
      const bucket = (boundary: string) => series.get(`weir_pool_lease_seconds_bucket{pool="p",le="${boundary}"}`)
      assert.strictEqual(bucket("0.02"), "0")
      assert.strictEqual(bucket("0.05"), "1")
      assert.strictEqual(bucket("1"), "1")
      assert.strictEqual(bucket("2"), "2")
      assert.strictEqual(bucket("+Inf"), "2")
      assert.strictEqual(series.get('weir_pool_lease_seconds_sum{pool="p"}'), "1.53")
      assert.strictEqual(series.get('weir_pool_lease_seconds_count{pool="p"}'), "2")
      assert.strictEqual(series.get('weir_pool_acquire_wait_seconds_count{pool="p"}'), "2")
      assert.strictEqual(series.get('weir_pool_connect_seconds_count{pool="p"}'), "1")
      assert.strictEqual(series.get('weir_pool_idle_seconds_count{pool="p"}'), "1")
      yield* pool.closeIdle()
      assert.strictEqual((yield* scrape).get('weir_pool_connection_life_seconds_sum{pool="p"}'), "1.53")
    })
  )
})

describe("labels", () => {
  scenario(
    "fold the routes beyond the bound into one series, so that the sum stays the pool's",
    { metricsRoutesMax: 1 },
    (pool) =>
      Effect.gen(function* () {
        yield* pool.use(a, () => Effect.void)
        yield* pool.use(b, () => Effect.void)
        yield* Effect.exit(pool.use(c, () => Effect.fail("mine")))
        const series = yield* scrape
        const stats = yield* pool.stats
        assert.strictEqual(series.get(ofRoute("weir_pool_leases_total", "test://a:1")), "1")
        assert.strictEqual(series.get(ofRoute("weir_pool_leases_total", "(other)")), "2")
        assert.isFalse(series.has(ofRoute("weir_pool_leases_total", "test://b:1")))
        assert.strictEqual(series.get(ofRoute("weir_pool_connections", "(other)")), "1")
        const closed = ofRoute("weir_pool_connections_closed_total", "(other)", ',reason="use-failed"')
        assert.strictEqual(series.get(closed), "1")
        assert.strictEqual(total(series, "weir_pool_connections"), stats.connections.used)
        assert.strictEqual(total(series, "weir_pool_leases_total"), stats.leasedCount)
      })
  )

  scenario(
    "go with their route, and what the route had counted falls to no other",
    { metricsRoutesMax: 1, idleTimeout: "1 second", routeIdleTimeout: "1 second" },
    (pool) =>
      Effect.gen(function* () {
        yield* pool.use(a, () => Effect.void)
        const held = yield* pool.lease(b)
        yield* TestClock.adjust("2 seconds")
        const series = yield* scrape
        assert.isFalse(Array.from(series.keys()).some((key) => key.includes("test://a:1")))
        assert.strictEqual(series.get(ofRoute("weir_pool_leases_total", "(other)")), "1")
        yield* pool.use(a, () => Effect.void)
        assert.strictEqual((yield* scrape).get(ofRoute("weir_pool_leases_total", "test://a:1")), "1")
        held.release()
      })
  )

  scenario("count a refusal that belongs to no route under the others", { routesMax: 1 }, (pool) =>
    Effect.gen(function* () {
      const held = yield* pool.lease(a)
      yield* Effect.flip(pool.lease(b))
      const refused = ofRoute("weir_pool_acquires_refused_total", "(other)", ',reason="routes-limit"')
      assert.strictEqual((yield* scrape).get(refused), "1")
      held.release()
    })
  )

  scenario("tell a second pool of the same name apart", {}, (first) =>
    Effect.gen(function* () {
      const second = yield* ConnectionPool.make(new ScriptedFactory(), { name: "p" })
      yield* first.use(a, () => Effect.void)
      yield* second.use(a, () => Effect.void)
      yield* second.use(a, () => Effect.void)
      const series = yield* scrape
      assert.strictEqual(series.get(ofRoute("weir_pool_leases_total", "test://a:1")), "1")
      assert.strictEqual(series.get('weir_pool_leases_total{pool="p#2",route="test://a:1"}'), "2")
    })
  )

  it.effect("all go with the pool, which leaves its name free", () =>
    Effect.gen(function* () {
      const use = Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* ConnectionPool.make(new ScriptedFactory(), { name: "p", metricsRoutesMax: 1 })
          yield* pool.use(a, () => Effect.void)
          yield* pool.use(b, () => Effect.void)
          return Array.from((yield* scrape).keys())
        })
      )
      const during = yield* use
      assert.isAbove(during.length, 50)
      assert.strictEqual((yield* scrape).size, 0)
      assert.deepStrictEqual(yield* use, during)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  scenario("keep a route's own quotes apart from the format's", {}, (pool) =>
    Effect.gen(function* () {
      yield* pool.use(Route.make({ scheme: "redis", host: "", port: 0, unixPath: '/tmp/"x"' }), () => Effect.void)
      assert.isTrue((yield* scrape).has(ofRoute("weir_pool_connections", 'redis+unix:/tmp/\\"x\\"')))
    })
  )
})
