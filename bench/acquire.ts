/**
 * Acquiring and releasing an idle connection, in process: Weir beside generic-pool, tarn, lightning-pool and Effect's
 * own `Pool`. Connections are plain objects, so what is measured is the pool alone.
 */
import { ConnectionPool, type Lease, Route } from "@weir/core"
import { Effect, Exit, Pool, Scope } from "effect"
import genericPool from "generic-pool"
import * as lightningPool from "lightning-pool"
import tarn from "tarn"
import { type Contestant, isQuick, Report } from "./harness.ts"

/** As many in every pool. */
const connectionCount = 8

interface FakeConnection {
  readonly id: number
}

let nextId = 1
const connect = (): FakeConnection => ({ id: nextId++ })

const scope = Scope.makeUnsafe()
const route = Route.of("bench", "a.test", 1)
const weir = await Effect.runPromise(
  ConnectionPool.make<FakeConnection>(
    { connect: () => Effect.sync(connect) },
    { connectionsPerRouteMax: connectionCount }
  ).pipe(Scope.provide(scope))
)
await Effect.runPromise(weir.warm(route, connectionCount))

const effectPool = await Effect.runPromise(
  Pool.make({ acquire: Effect.sync(connect), size: connectionCount }).pipe(Scope.provide(scope))
)

const generic = genericPool.createPool<FakeConnection>(
  { create: () => Promise.resolve(connect()), destroy: () => Promise.resolve() },
  { min: connectionCount, max: connectionCount }
)
await generic.ready()

const tarnPool = new tarn.Pool<FakeConnection>({
  create: (done) => done(null, connect()),
  destroy: () => {},
  min: connectionCount,
  max: connectionCount
})

const lightning = lightningPool.createPool<FakeConnection>(
  { create: () => Promise.resolve(connect()), destroy: () => Promise.resolve() },
  { min: connectionCount, max: connectionCount, minIdle: connectionCount }
)
lightning.start()

/** Fills a pool that opens connections only when they are asked for. */
const fill = async (acquire: () => Promise<FakeConnection>, release: (connection: FakeConnection) => unknown) => {
  const held = await Promise.all(Array.from({ length: connectionCount }, acquire))
  for (const connection of held) release(connection)
}
await fill(
  () => tarnPool.acquire().promise,
  (connection) => tarnPool.release(connection)
)
await fill(
  () => lightning.acquire(),
  (connection) => lightning.release(connection)
)

/** Runs an effect again and again inside one fiber, built anew each time as a program would. */
const inFiber =
  <A, E>(make: () => Effect.Effect<A, E>) =>
  (count: number): Promise<void> =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let done = 0; done < count; done++) yield* make()
      })
    )

let seen = 0
const look = (connection: FakeConnection) => {
  seen += connection.id
}
const lookInside = (connection: FakeConnection): Effect.Effect<void> => {
  look(connection)
  return Effect.void
}

const leasePromise = (): Promise<Lease<FakeConnection>> =>
  new Promise((resolve, reject) => {
    weir.leaseUnsafe(route, undefined, (result) => {
      if ("connection" in result) resolve(result)
      else reject(result)
    })
  })

const contestants: ReadonlyArray<Contestant> = [
  {
    name: "weir unscoped",
    run: (count) => {
      for (let done = 0; done < count; done++) {
        const lease = weir.leaseIdleUnsafe(route)
        if (lease === undefined) throw new Error("no idle connection")
        look(lease.connection)
        lease.release()
      }
      return undefined
    }
  },
  {
    name: "weir lease",
    run: inFiber(() =>
      Effect.map(weir.lease(route), (lease) => {
        look(lease.connection)
        lease.release()
      })
    )
  },
  { name: "weir use", run: inFiber(() => weir.use(route, lookInside)) },
  {
    name: "weir scoped",
    run: inFiber(() => Effect.scoped(Effect.map(weir.acquire(route), (lease) => look(lease.connection))))
  },
  {
    name: "weir promise of use",
    run: async (count) => {
      for (let done = 0; done < count; done++) await Effect.runPromise(weir.use(route, lookInside))
    }
  },
  {
    name: "weir promise of callback",
    run: async (count) => {
      for (let done = 0; done < count; done++) {
        const lease = await leasePromise()
        look(lease.connection)
        lease.release()
      }
    }
  },
  {
    name: "generic-pool",
    run: async (count) => {
      for (let done = 0; done < count; done++) {
        const connection = await generic.acquire()
        look(connection)
        // It returns a promise; its documentation does not wait for it either.
        void generic.release(connection)
      }
    }
  },
  {
    name: "tarn",
    run: async (count) => {
      for (let done = 0; done < count; done++) {
        const connection = await tarnPool.acquire().promise
        look(connection)
        tarnPool.release(connection)
      }
    }
  },
  {
    name: "lightning-pool",
    run: async (count) => {
      for (let done = 0; done < count; done++) {
        const connection = await lightning.acquire()
        look(connection)
        lightning.release(connection)
      }
    }
  },
  {
    name: "effect Pool scoped",
    run: inFiber(() => Effect.scoped(Effect.map(Pool.get(effectPool), look)))
  },
  { name: "effect Pool use", run: inFiber(() => Pool.use(effectPool, lookInside)) }
]

const report = new Report("acquire", ["effect", "generic-pool", "tarn", "lightning-pool"])
await report.compare(
  "idle",
  contestants,
  [
    ["weir unscoped", "generic-pool"],
    ["weir unscoped", "tarn"],
    ["weir unscoped", "lightning-pool"],
    ["weir promise of callback", "generic-pool"],
    ["weir promise of use", "generic-pool"],
    ["weir scoped", "effect Pool scoped"],
    ["weir use", "effect Pool use"],
    ["weir lease", "effect Pool use"]
  ],
  isQuick ? { clock: "cpu", rounds: 15, turnMillis: 30 } : { clock: "cpu", rounds: 41, turnMillis: 60 }
)
report.finish()
if (seen === 0) throw new Error("nothing was leased")

await Effect.runPromise(Scope.close(scope, Exit.void))
await generic.drain()
await generic.clear()
await tarnPool.destroy()
await lightning.closeAsync()
