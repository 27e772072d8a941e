/**
 * Does an acquire cost more in a large pool? The same operation with few and with many routes, idle connections and
 * waiters, a sweep that finds one expired connection among many, and the bytes that each of them takes.
 *
 * Sizes of one case run in turns, so that "largest / smallest" is a ratio of neighbours in time. Large sizes also cost
 * what memory costs: a working set beyond the processor's caches is slower in any program. So each case says what it
 * touches, and the cases that walk through everything are there to show that price, not to hide it.
 */
import { type ConnectionControl, ConnectionPool, type Lease, type PoolConfig, Route } from "@weir/core"
import { Clock, Duration, Effect, Pool, Scope } from "effect"
import genericPool from "generic-pool"
import { type Contestant, isQuick, Report, type TurnOptions } from "./harness.ts"
import { bytesEach } from "./heap.ts"

interface FakeConnection {
  readonly id: number
}

const turns: TurnOptions = isQuick
  ? { clock: "cpu", rounds: 9, turnMillis: 15 }
  : { clock: "cpu", rounds: 31, turnMillis: 40 }
const countMax = isQuick ? 10_000 : 100_000
const sizes = [10, 1000, 10_000, 100_000].filter((size) => size <= countMax)
const routeCounts = [10, 1000, 10_000]
const busyRouteCount = 10

const unbounded = {
  connectionsMax: "unlimited",
  connectionsPerRouteMax: "unlimited",
  pendingMax: "unlimited",
  pendingPerRouteMax: "unlimited",
  routesMax: "unlimited",
  idleTimeout: "never",
  routeIdleTimeout: "never"
} satisfies PoolConfig

const scope = Scope.makeUnsafe()
let nextId = 1
const connect = (): FakeConnection => ({ id: nextId++ })

const makePool = (config: PoolConfig): Promise<ConnectionPool.ConnectionPool<FakeConnection>> =>
  Effect.runPromise(
    ConnectionPool.make<FakeConnection>({ connect: () => Effect.sync(connect) }, { ...unbounded, ...config }).pipe(
      Scope.provide(scope)
    )
  )

const routeAt = (index: number): Route.Route => Route.of("bench", `host-${index}.test`, 80)

const leaseNow = (pool: ConnectionPool.ConnectionPool<FakeConnection>, route: Route.Route): Lease<FakeConnection> => {
  const lease = pool.leaseIdleUnsafe(route)
  if (lease === undefined) throw new Error("no idle connection")
  return lease
}

const report = new Report("scale", ["effect", "generic-pool"])

/** Compares each size with the smallest of its kind. */
const compareSizes = (caseName: string, groups: ReadonlyArray<ReadonlyArray<Contestant>>): Promise<void> =>
  report.compare(
    caseName,
    groups.flat(),
    groups.flatMap(([smallest, ...larger]) =>
      smallest === undefined ? [] : larger.map(({ name }) => [name, smallest.name] as const)
    ),
    turns
  )

const named = (size: number, what: string): string => `${what}, ${size.toLocaleString("en-US")}`

/** A pool with an idle connection to each of so many routes, and a way to use some of them in turn. */
const routed = async (routeCount: number) => {
  const pool = await makePool({})
  const routes = Array.from({ length: routeCount }, (_, index) => routeAt(index))
  for (const route of routes) await Effect.runPromise(pool.warm(route, 1))
  const run =
    (chosen: ReadonlyArray<Route.Route>): Contestant["run"] =>
    (count) => {
      for (let done = 0; done < count; ) {
        for (const route of chosen) {
          leaseNow(pool, route).release()
          if (++done === count) break
        }
      }
      return undefined
    }
  return { routes, run }
}

const idleConnections = async (size: number, leaseOrder: "lifo" | "fifo"): Promise<Contestant> => {
  const pool = await makePool({ leaseOrder })
  const route = routeAt(0)
  await Effect.runPromise(pool.warm(route, size))
  return {
    name: named(size, `weir ${leaseOrder}`),
    run: (count) => {
      for (let done = 0; done < count; done++) leaseNow(pool, route).release()
      return undefined
    }
  }
}

const idleScoped = async (size: number): Promise<Contestant> => {
  const pool = await makePool({})
  const route = routeAt(0)
  await Effect.runPromise(pool.warm(route, size))
  return {
    name: named(size, "weir scoped"),
    run: (count) =>
      Effect.runPromise(
        Effect.gen(function* () {
          for (let done = 0; done < count; done++) yield* Effect.scoped(pool.acquire(route))
        })
      )
  }
}

const idleGeneric = async (size: number): Promise<Contestant> => {
  const pool = genericPool.createPool<FakeConnection>(
    { create: () => Promise.resolve(connect()), destroy: () => Promise.resolve() },
    { min: size, max: size }
  )
  await pool.ready()
  return {
    name: named(size, "generic-pool"),
    run: async (count) => {
      for (let done = 0; done < count; done++) void pool.release(await pool.acquire())
    }
  }
}

const idleEffect = async (size: number): Promise<Contestant> => {
  const pool = await Effect.runPromise(Pool.make({ acquire: Effect.sync(connect), size }).pipe(Scope.provide(scope)))
  await Effect.runPromise(Effect.scoped(Pool.get(pool)))
  return {
    name: named(size, "effect Pool scoped"),
    run: (count) =>
      Effect.runPromise(
        Effect.gen(function* () {
          for (let done = 0; done < count; done++) yield* Effect.scoped(Pool.get(pool))
        })
      )
  }
}

/** Eight connections and a queue that stays as long as it is: whoever is served joins it again, and one is released. */
const waiters = async (size: number): Promise<Contestant> => {
  const pool = await makePool({ connectionsPerRouteMax: 8 })
  const route = routeAt(0)
  await Effect.runPromise(pool.warm(route, 8))
  const held: Array<Lease<FakeConnection>> = []
  const settle = (result: Parameters<Parameters<typeof pool.leaseUnsafe>[2]>[0]) => {
    if ("connection" in result) held.push(result)
    else throw result
  }
  const join = () => pool.leaseUnsafe(route, { timeout: "10 minutes" }, settle)
  for (let joined = 0; joined < size + 8; joined++) join()
  return {
    name: named(size, "weir"),
    run: (count) => {
      for (let done = 0; done < count; done++) {
        join()
        held.shift()?.release()
      }
      return undefined
    }
  }
}

/** A clock that stands still until it is told to go on. */
class ManualClock implements Clock.Clock {
  nowMillis = 0
  private readonly sleepers = new Set<{ readonly atMillis: number; readonly wake: () => void }>()

  currentTimeMillisUnsafe(): number {
    return this.nowMillis
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.nowMillis) * 1_000_000n
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const sleeper = {
        atMillis: this.nowMillis + Duration.toMillis(duration),
        wake: () => resume(Effect.void)
      }
      this.sleepers.add(sleeper)
      return Effect.sync(() => {
        this.sleepers.delete(sleeper)
      })
    })
  }

  advance(millis: number): void {
    this.nowMillis += millis
    for (const sleeper of [...this.sleepers]) {
      if (sleeper.atMillis > this.nowMillis || !this.sleepers.delete(sleeper)) continue
      sleeper.wake()
    }
  }
}

/** The pool's fibers go on in a later turn of the event loop. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Connections dialled a millisecond apart expire one at a time; each sweep closes one and another is dialled for it. */
const sweeps = async (size: number): Promise<Contestant> => {
  const clock = new ManualClock()
  const route = routeAt(0)
  const pool = await Effect.runPromise(
    ConnectionPool.make<FakeConnection>(
      { connect: () => Effect.sync(connect) },
      { ...unbounded, idleTimeout: size, connectTimeout: "never" }
    ).pipe(Scope.provide(scope), Effect.provideService(Clock.Clock, clock))
  )
  const dialOne = (count: number) => Effect.runSync(Effect.asVoid(pool.warm(route, count)))
  const closedCount = () => Effect.runSync(pool.stats).closedByReason["idle-timeout"] ?? 0
  for (let open = 1; open <= size; open++) {
    dialOne(open)
    if (open < size) {
      clock.advance(1)
      await nextTurn()
    }
  }
  return {
    name: named(size, "weir"),
    run: async (count) => {
      const before = closedCount()
      for (let done = 0; done < count; done++) {
        clock.advance(1)
        await nextTurn()
        dialOne(size)
      }
      const swept = closedCount() - before
      if (swept !== count) throw new Error(`${swept} connections closed in ${count} sweeps`)
    }
  }
}

/** A connection keeps hold of what it tells the pool by, as a real one does to say that it has ended. */
class HeldConnection {
  readonly id = nextId++
  readonly control: ConnectionControl | undefined

  constructor(control: ConnectionControl | undefined) {
    this.control = control
  }
}

const makeHeldPool = (): Promise<ConnectionPool.ConnectionPool<HeldConnection>> =>
  Effect.runPromise(
    ConnectionPool.make<HeldConnection>(
      { connect: (_route, control) => Effect.sync(() => new HeldConnection(control)) },
      { ...unbounded, idleTimeout: "10 minutes" }
    ).pipe(Scope.provide(scope))
  )

const measureBytes = async (): Promise<void> => {
  const caseName = "memory: bytes of each"
  const runs = isQuick ? 3 : 7
  const bytes = new Map<string, Array<number>>()
  const note = (name: string, value: number) => {
    const known = bytes.get(name) ?? []
    known.push(value)
    bytes.set(name, known)
  }
  for (let run = 0; run < runs; run++) {
    const own = await bytesEach(countMax, () => Array.from({ length: countMax }, () => new HeldConnection(undefined)))
    const listBytes = 8
    const connection = await bytesEach(countMax, async () => {
      const pool = await makeHeldPool()
      await Effect.runPromise(pool.warm(routeAt(0), countMax))
      return pool
    })
    note("idle connection", connection - (own - listBytes))
    const routes = Array.from({ length: 10_000 }, (_, index) => routeAt(index))
    const routed = await bytesEach(routes.length, async () => {
      const pool = await makeHeldPool()
      for (const route of routes) await Effect.runPromise(pool.use(route, () => Effect.void))
      return pool
    })
    note("route, used once, beyond its connection", routed - connection)
    const route = routeAt(0)
    const pool = await makePool({ connectionsPerRouteMax: 1 })
    await Effect.runPromise(pool.lease(route))
    const settle = () => {}
    const waiter = await bytesEach(countMax, () => {
      for (let joined = 0; joined < countMax; joined++) pool.leaseUnsafe(route, undefined, settle)
      return pool
    })
    note("waiter, without its caller's fiber or promise", waiter)
  }
  for (const [name, values] of bytes) report.addRow(name, { case: caseName, unit: "bytes", runs: values })
  report.printCase(caseName)
}

const eachSize = async (make: (size: number) => Promise<Contestant>): Promise<ReadonlyArray<Contestant>> => {
  const contestants: Array<Contestant> = []
  for (const size of sizes) contestants.push(await make(size))
  return contestants
}

const some: Array<Contestant> = []
const all: Array<Contestant> = []
for (const routeCount of routeCounts) {
  const { routes, run } = await routed(routeCount)
  some.push({
    name: named(routeCount, "ten of the routes"),
    run: run(routes.filter((_, index) => index % (routeCount / busyRouteCount) === 0))
  })
  all.push({ name: named(routeCount, "all routes in turn"), run: run(routes) })
}
await compareSizes("routes: acquire and release, unscoped", [some, all])
await compareSizes("idle connections of one route: acquire and release", [
  await eachSize((size) => idleConnections(size, "lifo")),
  await eachSize((size) => idleConnections(size, "fifo")),
  await eachSize(idleScoped),
  await eachSize(idleGeneric),
  await eachSize(idleEffect)
])
await compareSizes("waiters: release, hand over, join again", [await eachSize(waiters)])
await compareSizes("sweep: one expired, closed and dialled again", [await eachSize(sweeps)])
await measureBytes()
report.finish()
// The pools end with the process: closing them in order would take longer than measuring them.
process.exit()
