/**
 * What each feature of the pool costs where it is on: acquire and release of an idle connection, in process, with one
 * thing more switched on than in the plain pool. A ratio of 1 means that it costs nothing.
 */
import { type ConnectionFactory, ConnectionPool, type PoolConfig, Route } from "@weir/core"
import { Effect, Exit, Scope, Stream } from "effect"
import { type Contestant, isQuick, Report } from "./harness.ts"

interface FakeConnection {
  readonly id: number
}

const scope = Scope.makeUnsafe()
const route = Route.of("bench", "a.test", 1)
let nextId = 1
const connect = (): Effect.Effect<FakeConnection> => Effect.sync(() => ({ id: nextId++ }))

interface Feature {
  readonly name: string
  readonly config?: PoolConfig
  readonly factory?: Partial<ConnectionFactory<FakeConnection>>
  readonly isHeard?: boolean
}

const plain = "nothing more"

const features: ReadonlyArray<Feature> = [
  { name: plain },
  {
    name: "limits on everything",
    config: {
      connectionsMax: 1000,
      pendingPerRouteMax: 100,
      pendingMax: 1000,
      activeMax: 1000,
      idleMax: 500,
      diallingMax: 50
    }
  },
  {
    name: "an override for the route",
    config: { overrides: [{ match: "bench://a.test:1", usesPerConnectionMax: 1_000_000_000 }] }
  },
  { name: "a lifetime", config: { lifetime: "1 hour" } },
  { name: "hooks on lease and idle", factory: { onLease: () => {}, onIdle: () => {} } },
  {
    name: "validation of what was unused for long",
    factory: { probe: () => Effect.void },
    config: { validateAfterInactivity: "1 hour" }
  },
  { name: "somebody who listens to events", isHeard: true },
  { name: "looking for leaks", config: { leakThreshold: "1 minute" } }
]

const makeContestant = async ({ config, factory, isHeard, name }: Feature): Promise<Contestant> => {
  const pool = await Effect.runPromise(
    ConnectionPool.make<FakeConnection>({ connect, ...factory }, { connectionsPerRouteMax: 8, ...config }).pipe(
      Scope.provide(scope)
    )
  )
  await Effect.runPromise(pool.warm(route, 8))
  if (isHeard === true) {
    Effect.runFork(Stream.runDrain(pool.events).pipe(Effect.forkIn(scope)))
    // A turn of the event loop later it listens.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done++) {
        const lease = pool.leaseIdleUnsafe(route)
        if (lease === undefined) throw new Error("no idle connection")
        lease.release()
      }
      return undefined
    }
  }
}

const contestants: Array<Contestant> = []
for (const feature of features) contestants.push(await makeContestant(feature))

const report = new Report("ablation", ["effect"])
await report.compare(
  "acquire and release, unscoped",
  contestants,
  features.slice(1).map(({ name }) => [name, plain]),
  isQuick ? { clock: "cpu", rounds: 15, turnMillis: 30 } : { clock: "cpu", rounds: 41, turnMillis: 60 }
)
report.finish()
await Effect.runPromise(Scope.close(scope, Exit.void))
