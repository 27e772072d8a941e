/**
 * The frame of the specs: a gateway in this process, and the proof afterwards that nothing of it is left.
 */
import { assert } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import { Effect, Exit, Metric, Random, Result, Scope } from "effect"
import { loadFiles } from "../../src/config/loadFiles.ts"
import { type GatewayOptions, serve } from "../../src/Gateway.ts"
import { formatAccess } from "../../src/proxy/AccessLog.ts"
import { document, documents } from "../config/yaml.ts"
import { type Answered, type CallOptions, call } from "./call.ts"

export interface World {
  readonly port: number
  readonly adminPort: number
  /** Calls the gateway. */
  readonly call: (options?: CallOptions) => Effect.Effect<Answered>
  /** Lines of the access log. */
  readonly lines: ReadonlyArray<string>
  /** The lines as soon as there are so many. */
  readonly logged: (count: number) => Effect.Effect<ReadonlyArray<string>>
  /** What `/pools` says of a cluster, by a part of its name. */
  readonly pool: (name?: string) => Effect.Effect<PoolView>
  /** Closes the gateway as its scope does; done when it is closed. */
  readonly close: Effect.Effect<void>
}

export interface PoolView {
  readonly cluster: string
  readonly total: number
  readonly active: number
  readonly idle: number
  readonly pending: number
  readonly dialling: number
  readonly limits: Readonly<Record<string, { readonly value: unknown; readonly source: string }>>
  readonly created: number
  readonly closed: Readonly<Record<string, number>>
  readonly refused: Readonly<Record<string, number>>
  readonly routes: ReadonlyArray<{ readonly route: string; readonly total: number }>
}

export type Steps = (world: World) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>

/** Serves the configuration while the steps last; afterwards no request or waiter may be left. */
export const withGateway = (
  yaml: string,
  steps: Steps,
  options: Pick<GatewayOptions, "idleMillisMax"> = {}
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { model } = Result.getOrThrow(loadFiles([{ path: "rules.yaml", text: yaml }]))
    const scope = yield* Scope.make()
    const lines: Array<string> = []
    const watchers = new Set<() => void>()
    const { admin, listener } = yield* serve(model, {
      host: "127.0.0.1",
      port: 0,
      adminHost: "127.0.0.1",
      adminPort: 0,
      isPortFixed: true,
      isAdminPortFixed: true,
      ...options,
      onAccess: (record) => {
        lines.push(formatAccess(record))
        for (const watcher of [...watchers]) watcher()
      }
    }).pipe(Scope.provide(scope))
    const pools = Effect.map(
      call(admin.port, { path: "/pools" }),
      ({ body }): ReadonlyArray<PoolView> => JSON.parse(body)
    )
    const world: World = {
      port: listener.port,
      adminPort: admin.port,
      call: (options) => call(listener.port, options),
      lines,
      logged: (count) =>
        Effect.callback((resume) => {
          const look = () => {
            if (lines.length < count) return
            watchers.delete(look)
            resume(Effect.succeed(lines))
          }
          watchers.add(look)
          look()
          return Effect.sync(() => {
            watchers.delete(look)
          })
        }),
      pool: (name = "") =>
        Effect.map(pools, (views) => {
          const view = views.find(({ cluster }) => cluster.includes(name))
          assert.isDefined(view, `no pool has ${name} in its name`)
          return view
        }),
      close: Scope.close(scope, Exit.void)
    }
    const settled = Effect.suspend(() => (scope.state._tag === "Open" ? atRest(pools) : Effect.void))
    yield* Effect.scoped(Effect.gen(() => steps(world))).pipe(
      Effect.tap(settled),
      Effect.onExit((exit) => Scope.close(scope, exit))
    )
  }).pipe(
    Effect.provide(NodeConnector.layer),
    // Counters of one test must not be those of another, and chance is to be the same each time.
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Random.withSeed("a gateway under test"),
    Effect.orDie
  )

/** Looks at pools that are asked for; what is left after so many is taken for a leak. */
const looksMax = 200

/** Done when no request and no waiter is left, which a caller that went away may take a moment to bring about. */
const atRest = (pools: Effect.Effect<ReadonlyArray<PoolView>>): Effect.Effect<void> =>
  Effect.gen(function* () {
    // A connect goes on when nobody waits for it any more: the next request will want it.
    const isBusy = ({ active, pending }: PoolView) => active + pending > 0
    let busy: ReadonlyArray<PoolView> = []
    for (let looks = 0; looks < looksMax; looks++) {
      busy = (yield* pools).filter(isBusy)
      if (busy.length === 0) return
    }
    assert.deepStrictEqual(busy, [], "left after the test")
  })

export interface ServiceOptions {
  /** Of the endpoints, which carry the labels `version: v1`, `v2` and so on. */
  readonly ports: ReadonlyArray<number>
  /** The rules of the VirtualService; default: one, to all endpoints. */
  readonly http?: ReadonlyArray<unknown>
  /** Default: round robin, and nothing else. */
  readonly trafficPolicy?: object
  readonly hosts?: ReadonlyArray<string>
}

/** The service `up.test` on endpoints of the loopback interface. */
export const serviceYaml = ({ hosts = ["up.test"], http, ports, trafficPolicy }: ServiceOptions): string =>
  documents(
    document("ServiceEntry", "up", {
      hosts: ["up.test"],
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      resolution: "STATIC",
      endpoints: ports.map((port, index) => ({
        address: "127.0.0.1",
        ports: { http: port },
        labels: { version: `v${index + 1}` }
      }))
    }),
    document("VirtualService", "up", { hosts, http: http ?? [{ route }] }),
    document("DestinationRule", "up", {
      host: "up.test",
      trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" }, ...trafficPolicy },
      subsets: ports.map((_, index) => ({ name: `v${index + 1}`, labels: { version: `v${index + 1}` } }))
    })
  )

export const route = [{ destination: { host: "up.test" } }]

/** A traffic policy of a connection pool. */
export const connectionPool = (http: object, tcp?: object) => ({
  connectionPool: { http, ...(tcp === undefined ? {} : { tcp }) }
})

/** A line of the access log without its time, its duration (`D`) and the endpoint's time (`U`, or `-` for none). */
export const timeless = (line: string): string =>
  line.replace(/^\[[^\]]*\] /, "").replace(/ \d+ (\d+|-) "/, (_, upstream) => ` D ${upstream === "-" ? "-" : "U"} "`)
