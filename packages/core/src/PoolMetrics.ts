/**
 * A pool's metrics, read from its own books when somebody asks for them: leases and returns pay nothing for them.
 *
 * They go to the registry of the context that the pool is made in (`Metric.MetricRegistry`), and so to Prometheus or
 * OTLP by Effect's own exporters. Every series carries `pool`. Series of routes carry `route` as well: summed over
 * routes, a gauge is the pool's own number, and so is a counter, but for what went with routes that are gone. Only the
 * first `metricsRoutesMax` routes have series of their own; what belongs to the others, or to no route, stands under
 * `route="(other)"`. A route's series go with the route, and all go with the pool. A second pool of one name in a
 * registry is called `name#2`.
 *
 * Gauges of routes: `weir_pool_connections` (all that hold a permit: dialling, idle, leased, closing), and of them
 * `weir_pool_connections_idle` and `weir_pool_connections_dialling`; `weir_pool_leases_active`;
 * `weir_pool_acquires_pending`. Each has its limits, `+Inf` where there is none: the pool's under the same name with
 * `_limit`, the route's with `_route_limit`.
 *
 * Counters of routes: `weir_pool_connections_created_total`, `weir_pool_connections_closed_total` by `reason`,
 * `weir_pool_connect_failures_total`, `weir_pool_leases_total`, `weir_pool_leases_reused_total`,
 * `weir_pool_acquires_refused_total` by `reason`, `weir_pool_acquires_timed_out_total` by `phase`,
 * `weir_pool_acquires_cancelled_total`. A reason or phase has a series from its first occurrence on.
 *
 * Histograms of the pool, in seconds: `weir_pool_acquire_wait_seconds`, `weir_pool_connect_seconds`,
 * `weir_pool_lease_seconds`, `weir_pool_idle_seconds`, `weir_pool_connection_life_seconds`.
 */
import { Context, Effect, Metric, type Scope } from "effect"
import { type Buckets, boundariesMillis } from "./internal/Buckets.ts"
import type { Counters, FirstCount } from "./internal/Counters.ts"
import type { PoolState } from "./internal/PoolState.ts"
import type { RoutePool } from "./internal/RoutePool.ts"
import { toCount } from "./Limit.ts"

/** What a pool tells its metrics. */
export interface RouteSeries<C> {
  routeAdded(route: RoutePool<C>): void
  routeForgotten(route: RoutePool<C>): void
}

/** Registers the pool's series for as long as the scope lasts. */
export const registerMetrics = <C>(state: PoolState<C>): Effect.Effect<RouteSeries<C>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(Effect.context<never>(), (context) => new PoolSeries(state, context)),
    (series) => Effect.sync(() => series.remove())
  )

interface Gauge {
  readonly name: string
  readonly description: string
  readonly ofRoute: <C>(route: RoutePool<C>) => number
  readonly ofPool: <C>(state: PoolState<C>) => number
  readonly routeLimit: <C>(route: RoutePool<C>) => number
  readonly poolLimit: <C>(state: PoolState<C>) => number
}

const gauges: ReadonlyArray<Gauge> = [
  {
    name: "weir_pool_connections",
    description: "Connections that hold a permit: dialling, idle, leased and closing ones",
    ofRoute: (route) => route.permits.held,
    ofPool: (state) => state.openCount,
    routeLimit: (route) => route.limits.connectionsMax,
    poolLimit: (state) => state.budget.limit
  },
  {
    name: "weir_pool_connections_idle",
    description: "Connections that are open and not in use",
    ofRoute: (route) => route.idle.size,
    ofPool: (state) => state.idle.size,
    routeLimit: (route) => route.limits.idleMax,
    poolLimit: (state) => toCount(state.settings.idleMax)
  },
  {
    name: "weir_pool_connections_dialling",
    description: "Connections being opened",
    ofRoute: (route) => route.diallingCount,
    ofPool: (state) => state.diallingPermits.held,
    routeLimit: (route) => route.limits.diallingMax,
    poolLimit: (state) => toCount(state.settings.diallingMax)
  },
  {
    name: "weir_pool_leases_active",
    description: "Leases out",
    ofRoute: (route) => route.activeCount,
    ofPool: (state) => state.activeCount,
    routeLimit: (route) => route.limits.activeMax,
    poolLimit: (state) => toCount(state.settings.activeMax)
  },
  {
    name: "weir_pool_acquires_pending",
    description: "Callers that wait for a connection",
    ofRoute: (route) => route.pending.liveCount,
    ofPool: (state) => state.pendingCount,
    routeLimit: (route) => route.limits.pendingMax,
    poolLimit: (state) => toCount(state.settings.pendingMax)
  }
]

interface Count {
  /** Tells the counts of a pool apart. */
  readonly key: string
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  readonly of: (counters: Counters) => number
}

const plain = (name: string, description: string, of: (counters: Counters) => number): Count => ({
  key: name,
  name,
  description,
  labels: {},
  of
})

const plainCounts: ReadonlyArray<Count> = [
  plain("weir_pool_connections_created_total", "Connections opened", (counters) => counters.createdCount),
  plain("weir_pool_connect_failures_total", "Connects that failed", (counters) => counters.connectFailedCount),
  plain("weir_pool_leases_total", "Leases granted", (counters) => counters.leasedCount),
  plain("weir_pool_leases_reused_total", "Leases of a connection used before", (counters) => counters.reusedCount),
  plain("weir_pool_acquires_cancelled_total", "Callers that went away", (counters) => counters.cancelledCount)
]

const countOf = (first: FirstCount): Count => {
  const { of, word } = first
  switch (of) {
    case "closed":
      return {
        key: `closed ${word}`,
        name: "weir_pool_connections_closed_total",
        description: "Connections closed, by reason",
        labels: { reason: word },
        of: (counters) => counters.closedByReason.get(word) ?? 0
      }
    case "refused":
      return {
        key: `refused ${word}`,
        name: "weir_pool_acquires_refused_total",
        description: "Acquires refused without waiting, by reason",
        labels: { reason: word },
        of: (counters) => counters.refusedByReason.get(word) ?? 0
      }
    case "timed-out":
      return {
        key: `timed-out ${word}`,
        name: "weir_pool_acquires_timed_out_total",
        description: "Acquires whose deadline passed, by phase",
        labels: { phase: word },
        of: (counters) => counters.timedOutByPhase.get(word) ?? 0
      }
  }
}

const otherRoutes = "(other)"

class PoolSeries<C> implements RouteSeries<C> {
  private readonly state: PoolState<C>
  private readonly context: Context.Context<never>
  private readonly name: string
  private readonly ofPool: Array<Metric.Registration> = []
  /** Routes with series of their own. Bounded by `metricsRoutesMax`. */
  private readonly named = new Map<RoutePool<C>, Array<Metric.Registration>>()
  /** The series of all other routes; made when there is something to count for them. */
  private others: Array<Metric.Registration> | undefined
  /** Everything counted so far. Bounded by the closed sets of reasons, and by the phases that the factory names. */
  private readonly counts = new Map<string, Count>(plainCounts.map((count) => [count.key, count]))
  /** What routes counted that had series of their own and are gone: it belongs to no series any more. */
  private readonly goneCounts = new Map<string, number>()

  constructor(state: PoolState<C>, context: Context.Context<never>) {
    this.state = state
    this.context = context
    this.name = claimName(context, state.settings.name)
    for (const gauge of gauges) {
      this.ofPool.push(
        this.gauge(`${gauge.name}_limit`, `${gauge.description}: the pool's limit`, {}, () => gauge.poolLimit(state))
      )
    }
    const { histograms } = state
    this.ofPool.push(
      this.histogram("weir_pool_acquire_wait_seconds", "From the call to the lease", histograms.acquireWaitMillis),
      this.histogram("weir_pool_connect_seconds", "Opening a connection", histograms.connectMillis),
      this.histogram("weir_pool_lease_seconds", "From the lease to its end", histograms.leaseMillis),
      this.histogram("weir_pool_idle_seconds", "Idle before it was leased again", histograms.idleMillis),
      this.histogram("weir_pool_connection_life_seconds", "From dial to close", histograms.lifeMillis)
    )
    state.counters.onFirst = (first) => {
      this.countFirst(first)
    }
    for (const route of state.routes.values()) this.routeAdded(route)
  }

  routeAdded(route: RoutePool<C>): void {
    if (this.named.size >= this.state.settings.metricsRoutesMax) {
      this.needOthers()
      return
    }
    const labels = { route: route.route.label }
    const series: Array<Metric.Registration> = []
    for (const gauge of gauges) {
      series.push(
        this.gauge(gauge.name, gauge.description, labels, () => gauge.ofRoute(route)),
        this.gauge(`${gauge.name}_route_limit`, `${gauge.description}: the route's limit`, labels, () =>
          gauge.routeLimit(route)
        )
      )
    }
    const add = (count: Count) => {
      series.push(this.counter(count, labels, () => count.of(route.counters)))
    }
    plainCounts.forEach(add)
    route.counters.onFirst = (first) => {
      add(countOf(first))
    }
    this.named.set(route, series)
  }

  routeForgotten(route: RoutePool<C>): void {
    const series = this.named.get(route)
    if (series === undefined) return
    for (const count of this.counts.values()) {
      this.goneCounts.set(count.key, (this.goneCounts.get(count.key) ?? 0) + count.of(route.counters))
    }
    route.counters.onFirst = undefined
    this.named.delete(route)
    for (const one of series) one.remove()
  }

  remove(): void {
    this.state.counters.onFirst = undefined
    for (const route of Array.from(this.named.keys())) this.routeForgotten(route)
    for (const one of [...this.ofPool, ...(this.others ?? [])]) one.remove()
    releaseName(this.context, this.name)
  }

  /** A count that the pool makes for the first time. */
  private countFirst(first: FirstCount): void {
    const count = countOf(first)
    this.counts.set(count.key, count)
    const isOfNoRoute = first.of === "refused" && (first.word === "routes-limit" || first.word === "pool-closed")
    if (this.others !== undefined) this.others.push(this.counterOfOthers(count))
    else if (isOfNoRoute) this.needOthers()
  }

  private needOthers(): void {
    if (this.others !== undefined) return
    const labels = { route: otherRoutes }
    this.others = [
      ...gauges.map((gauge) =>
        this.gauge(gauge.name, gauge.description, labels, () => {
          let value = gauge.ofPool(this.state)
          for (const route of this.named.keys()) value -= gauge.ofRoute(route)
          return value
        })
      ),
      ...Array.from(this.counts.values(), (count) => this.counterOfOthers(count))
    ]
  }

  /** The pool's number less those of the routes that have, or had, series of their own: it never falls. */
  private counterOfOthers(count: Count): Metric.Registration {
    return this.counter(count, { route: otherRoutes }, () => {
      let value = count.of(this.state.counters) - (this.goneCounts.get(count.key) ?? 0)
      for (const route of this.named.keys()) value -= count.of(route.counters)
      return value
    })
  }

  private gauge(
    name: string,
    description: string,
    labels: Readonly<Record<string, string>>,
    read: () => number
  ): Metric.Registration {
    const metric = Metric.gauge(name, { description, attributes: { pool: this.name, ...labels } })
    return Metric.registerUnsafe(metric, this.context, { ...readOnly, get: () => ({ value: read() }) })
  }

  private counter(count: Count, labels: Readonly<Record<string, string>>, read: () => number): Metric.Registration {
    const metric = Metric.counter(count.name, {
      description: count.description,
      attributes: { pool: this.name, ...labels, ...count.labels },
      incremental: true
    })
    return Metric.registerUnsafe(metric, this.context, {
      ...readOnly,
      get: () => ({ count: read(), incremental: true })
    })
  }

  private histogram(name: string, description: string, buckets: Buckets): Metric.Registration {
    const boundaries = boundariesMillis.map((millis) => millis / 1000)
    const metric = Metric.histogram(name, { description, attributes: { pool: this.name }, boundaries })
    return Metric.registerUnsafe(metric, this.context, { ...readOnly, get: () => inSeconds(buckets, boundaries) })
  }
}

/** The pool's books are written by the pool alone. */
const readOnly = { update: () => {}, modify: () => {} }

const inSeconds = (buckets: Buckets, boundaries: ReadonlyArray<number>): Metric.HistogramState => {
  let cumulated = 0
  return {
    buckets: boundaries.map((boundary, index): [number, number] => {
      cumulated += buckets.counts[index] ?? 0
      return [boundary, cumulated]
    }),
    count: buckets.count,
    min: buckets.count === 0 ? 0 : buckets.min / 1000,
    max: buckets.max / 1000,
    sum: buckets.sum / 1000
  }
}

/** Names in use, by registry: series of the same name and labels would replace each other. */
const namesInUse = new WeakMap<object, Set<string>>()

const namesOf = (context: Context.Context<never>): Set<string> => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const names = namesInUse.get(registry) ?? new Set()
  namesInUse.set(registry, names)
  return names
}

const claimName = (context: Context.Context<never>, wanted: string): string => {
  const names = namesOf(context)
  let name = wanted
  for (let number = 2; names.has(name); number++) name = `${wanted}#${number}`
  names.add(name)
  return name
}

const releaseName = (context: Context.Context<never>, name: string): void => {
  namesOf(context).delete(name)
}
