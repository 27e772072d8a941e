/**
 * `npm start`: the embedded upstreams, the gateway with the rule, the loads, the table; then it serves.
 */
import type { PoolConfigError } from "@weir/core"
import type { LoadError } from "@weir/load"
import type { Connector } from "@weir/transport"
import { Console, Effect, Metric, type Scope } from "effect"
import { circuitBreakingDemoYaml, type DemoEndpoint } from "../config/circuitBreakingDemo.ts"
import type { ConfigError } from "../config/Finding.ts"
import { loadFiles } from "../config/loadFiles.ts"
import { type Gateway, type GatewayOptions, serve } from "../Gateway.ts"
import type { ListenError } from "../Listener.ts"
import { urlOf, whereabouts } from "../whereabouts.ts"
import { type ExperimentRun, runAsJson, runLoads } from "./Experiment.ts"
import { conclude, formatTable } from "./Table.ts"
import { serveUpstream } from "./Upstreams.ts"

export interface DemoOptions {
  readonly gateway: GatewayOptions
  /** Only the runs, as JSON, on standard output. */
  readonly isJson: boolean
  /** What is going on, for people; not on standard output with `isJson`. */
  readonly say: (line: string) => Effect.Effect<void>
}

export const runDemo = (
  options: DemoOptions
): Effect.Effect<Gateway, ConfigError | ListenError | LoadError | PoolConfigError, Connector | Scope.Scope> =>
  Effect.gen(function* () {
    const { gateway, isJson, say } = options
    const endpoints = [yield* serveUpstream("v1"), yield* serveUpstream("v2")]
    const served = yield* serve(yield* modelFor(endpoints, true), gateway)
    yield* say(
      `upstreams  service-go ${endpoints.map(({ port, version }) => `${version} on 127.0.0.1:${port}`).join(", ")}`
    )
    for (const line of whereabouts(served, gateway)) yield* say(line)
    yield* say("rule       http2MaxRequests 10, http1MaxPendingRequests 5, maxRequestsPerConnection 2, maxRetries 3\n")
    const runs: Array<ExperimentRun> = []
    const note = (run: ExperimentRun): void => {
      runs.push(run)
    }
    yield* runLoads(`${urlOf(served.listener)}env`, true, note)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const model = yield* modelFor(endpoints, false)
        const unruled = yield* serve(model, {
          ...gateway,
          port: 0,
          adminPort: 0,
          isPortFixed: true,
          isAdminPortFixed: true
        })
        yield* runLoads(`${urlOf(unruled.listener)}env`, false, note)
      })
      // Its numbers are not those of the gateway that goes on serving.
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    if (isJson) yield* Console.log(JSON.stringify({ runs: runs.map(runAsJson) }, undefined, 2))
    else yield* say(`${formatTable(runs)}\n\n${conclude(runs)}\n`)
    return served
  })

/** The experiment's configuration; without the rule it is the same but for the DestinationRule. */
const modelFor = (endpoints: ReadonlyArray<DemoEndpoint>, hasRule: boolean) => {
  const documents = circuitBreakingDemoYaml(endpoints).split("---\n")
  const text = documents.filter((document) => hasRule || !document.includes("kind: DestinationRule")).join("---\n")
  return Effect.map(Effect.fromResult(loadFiles([{ path: "demo.yaml", text }])), ({ model }) => model)
}
