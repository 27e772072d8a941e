import { describe, expect, it } from "@effect/vitest"
import { circuitBreakingDemoYaml } from "../../src/config/circuitBreakingDemo.ts"
import { changedIn, clusterOf, modelOf } from "./yaml.ts"

describe("the circuit-breaking demo", () => {
  it("has the limits of Istio's experiment, for both versions of the service", () => {
    const model = modelOf(
      circuitBreakingDemoYaml([
        { port: 8001, version: "v1" },
        { port: 8002, version: "v2" }
      ])
    )
    const cluster = (subset: string) => clusterOf(model, `80|${subset}|service-go.default.svc.cluster.local`)
    const limits = { requestCountMax: 10, pendingCountMax: 5, requestsPerConnectionMax: 2, retryCountMax: 3 }
    expect([changedIn(cluster("").policy), changedIn(cluster("v2").policy)]).toEqual([limits, limits])
    expect(cluster("").endpoints.map(({ port }) => port)).toEqual([8001, 8002])
    expect(cluster("v2").endpoints.map(({ port }) => port)).toEqual([8002])
    expect(model.virtualHosts[0]?.routes[0]?.destinations).toEqual([
      { clusterId: "outbound|80||service-go.default.svc.cluster.local", weight: 1 }
    ])
  })
})
