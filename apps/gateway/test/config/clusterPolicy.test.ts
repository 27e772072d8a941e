import { describe, expect, it } from "@effect/vitest"
import { changedIn, clusterOf, document, documents, modelOf, service } from "./yaml.ts"

/** The policies of `reviews` on ports 8080 and 9090, for the host and its subset v1. */
const policiesOf = (trafficPolicy: unknown, subsetPolicy?: unknown) => {
  const model = modelOf(
    documents(
      service("reviews", { ports: [8080, 9090] }),
      document("DestinationRule", "reviews", {
        host: "reviews",
        trafficPolicy,
        subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy: subsetPolicy }]
      })
    )
  )
  const host = "reviews.default.svc.cluster.local"
  return (port: number, subset = "") => clusterOf(model, `${port}|${subset}|${host}`).policy
}

const changed = (trafficPolicy: unknown, subsetPolicy?: unknown) => {
  const policyOf = policiesOf(trafficPolicy, subsetPolicy)
  return (port: number, subset?: string) => changedIn(policyOf(port, subset))
}

const retries = (maxRetries: number) => ({ connectionPool: { http: { maxRetries } } })

describe("without a DestinationRule", () => {
  it("everything is Istio's default", () => {
    const model = modelOf(service("reviews"))
    const { policy } = clusterOf(model, "80||reviews.default.svc.cluster.local")
    expect(policy).toEqual({
      connectionCountMax: { value: "unlimited", source: "Istio default" },
      connectMillis: { value: 10_000, source: "Istio default" },
      connectionAgeMillisMax: { value: "unlimited", source: "Istio default" },
      idleMillisMax: { value: 3_600_000, source: "Istio default" },
      pendingCountMax: { value: "unlimited", source: "Istio default" },
      requestCountMax: { value: "unlimited", source: "Istio default" },
      requestsPerConnectionMax: { value: "unlimited", source: "Istio default" },
      retryCountMax: { value: "unlimited", source: "Istio default" },
      retryBudget: undefined,
      loadBalancing: { value: "LEAST_REQUEST", source: "Istio default" }
    })
  })
})

describe("each field of connectionPool", () => {
  it.each([
    ["tcp", "maxConnections", 7, { connectionCountMax: 7 }],
    ["tcp", "connectTimeout", "2s", { connectMillis: 2_000 }],
    ["tcp", "maxConnectionDuration", "1h", { connectionAgeMillisMax: 3_600_000 }],
    ["tcp", "idleTimeout", "5m", { idleMillisMax: 300_000 }],
    ["http", "http1MaxPendingRequests", 5, { pendingCountMax: 5 }],
    ["http", "http2MaxRequests", 10, { requestCountMax: 10 }],
    ["http", "maxRequestsPerConnection", 2, { requestsPerConnectionMax: 2 }],
    ["http", "maxRetries", 3, { retryCountMax: 3 }],
    ["http", "idleTimeout", "30s", { idleMillisMax: 30_000 }]
  ])("changes what it names and nothing else: %s.%s", (block, key, value, expected) => {
    expect(changed({ connectionPool: { [block]: { [key]: value } } })(8080)).toEqual(expected)
  })

  it("says who set it", () => {
    const text = `${service("reviews")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: httpbin, namespace: default }
spec:
  host: reviews
  trafficPolicy:
    connectionPool:
      http:
        http2MaxRequests: 10
`
    const { policy } = clusterOf(modelOf(text), "80||reviews.default.svc.cluster.local")
    expect(policy.requestCountMax).toEqual({
      value: 10,
      source:
        "DestinationRule httpbin (rules.yaml document 2, line 15): spec.trafficPolicy.connectionPool.http.http2MaxRequests"
    })
  })

  it("is unset when it is 0, and says so", () => {
    const setting = policiesOf({ connectionPool: { http: { maxRetries: 0 } } })(8080).retryCountMax
    expect(setting.value).toBe("unlimited")
    expect(setting.source).toMatch(
      /^Istio default \(DestinationRule reviews \(.*\): spec\.trafficPolicy\.connectionPool\.http\.maxRetries is 0, which Istio takes for unset\)$/
    )
  })
})

describe("the idle timeout", () => {
  it("is the one for HTTP where both are set", () => {
    expect(changed({ connectionPool: { tcp: { idleTimeout: "15s" }, http: { idleTimeout: "30s" } } })(8080)).toEqual({
      idleMillisMax: 30_000
    })
  })

  it("is the one for TCP where only that is set", () => {
    expect(changed({ connectionPool: { tcp: { idleTimeout: "15s" }, http: { maxRetries: 1 } } })(8080)).toEqual({
      idleMillisMax: 15_000,
      retryCountMax: 1
    })
  })

  it("is switched off by 0s for TCP", () => {
    expect(changed({ connectionPool: { tcp: { idleTimeout: "0s" } } })(8080)).toEqual({ idleMillisMax: "unlimited" })
  })
})

describe("a subset", () => {
  it("has its host's policy when it has none", () => {
    expect(changed(retries(10))(8080, "v1")).toEqual({ retryCountMax: 10 })
  })

  it("has its own when its host has none", () => {
    const policyOf = changed(undefined, retries(10))
    expect(policyOf(8080, "v1")).toEqual({ retryCountMax: 10 })
    expect(policyOf(8080)).toEqual({})
  })

  it("joins its blocks with those of its host", () => {
    expect(changed({ loadBalancer: { simple: "RANDOM" } }, retries(10))(8080, "v1")).toEqual({
      loadBalancing: "RANDOM",
      retryCountMax: 10
    })
  })

  it("takes its own block over its host's, and its host's over none", () => {
    const host = { loadBalancer: { simple: "RANDOM" }, ...retries(10) }
    expect(changed(host, { loadBalancer: { simple: "ROUND_ROBIN" } })(8080, "v1")).toEqual({
      loadBalancing: "ROUND_ROBIN",
      retryCountMax: 10
    })
  })

  it("drops all of its host's connectionPool by one of its own", () => {
    const host = { connectionPool: { tcp: { maxConnections: 100 }, http: { maxRetries: 10 } } }
    const policy = policiesOf(host, { connectionPool: { http: { http2MaxRequests: 1 } } })(8080, "v1")
    expect(changedIn(policy)).toEqual({ requestCountMax: 1 })
    expect(policy.connectionCountMax.source).toMatch(
      /^Istio default \(.*: spec\.trafficPolicy\.connectionPool\.tcp\.maxConnections is out of force: .*: spec\.subsets\[0\]\.trafficPolicy\.connectionPool takes its whole place\)$/
    )
    expect(policy.pendingCountMax.source).toBe("Istio default")
  })
})

describe("an entry for a port", () => {
  const portEntry = (number: number, policy: object) => ({ port: { number }, ...policy })

  it("takes the place of the whole policy around it, on its port only", () => {
    const policyOf = changed({
      loadBalancer: { simple: "RANDOM" },
      ...retries(10),
      portLevelSettings: [portEntry(8080, { connectionPool: { tcp: { maxConnections: 1 } } })]
    })
    expect(policyOf(8080)).toEqual({ connectionCountMax: 1 })
    expect(policyOf(9090)).toEqual({ loadBalancing: "RANDOM", retryCountMax: 10 })
  })

  it("leaves nothing of a block it does not have, and says who took it away", () => {
    const policy = policiesOf({
      ...retries(10),
      portLevelSettings: [portEntry(8080, { loadBalancer: { simple: "RANDOM" } })]
    })(8080)
    expect(changedIn(policy)).toEqual({ loadBalancing: "RANDOM" })
    expect(policy.retryCountMax.source).toMatch(
      /maxRetries is out of force: .*: spec\.trafficPolicy\.portLevelSettings\[0\] takes its whole place\)$/
    )
  })

  it("holds for a subset without a policy", () => {
    const policyOf = changed({ portLevelSettings: [portEntry(8080, retries(3))], ...retries(10) })
    expect(policyOf(8080, "v1")).toEqual({ retryCountMax: 3 })
    expect(policyOf(9090, "v1")).toEqual({ retryCountMax: 10 })
  })

  it("is overridden, block by block, by a subset's policy that has no entry for the port", () => {
    const host = {
      portLevelSettings: [portEntry(8080, { loadBalancer: { simple: "RANDOM" }, ...retries(3) })],
      ...retries(10)
    }
    expect(changed(host, { connectionPool: { tcp: { maxConnections: 1 } } })(8080, "v1")).toEqual({
      connectionCountMax: 1,
      loadBalancing: "RANDOM"
    })
  })

  it("of a subset leaves nothing of the subset's policy", () => {
    const subset = {
      loadBalancer: { simple: "ROUND_ROBIN" },
      ...retries(10),
      portLevelSettings: [portEntry(8080, { loadBalancer: { simple: "RANDOM" } })]
    }
    expect(changed(undefined, subset)(8080, "v1")).toEqual({ loadBalancing: "RANDOM" })
  })

  it("of a subset leaves nothing of its host's policy and of its host's entry", () => {
    const host = {
      loadBalancer: { simple: "ROUND_ROBIN" },
      ...retries(10),
      portLevelSettings: [portEntry(8080, { connectionPool: { tcp: { maxConnections: 5 } } })]
    }
    const subset = {
      ...retries(9),
      portLevelSettings: [portEntry(8080, { connectionPool: { tcp: { maxConnections: 1 } } })]
    }
    expect(changed(host, subset)(8080, "v1")).toEqual({ connectionCountMax: 1 })
  })

  it("for another port changes nothing", () => {
    const host = { loadBalancer: { simple: "RANDOM" }, portLevelSettings: [portEntry(8080, retries(15))] }
    const subset = { ...retries(10), portLevelSettings: [portEntry(8080, retries(13))] }
    expect(changed(host, subset)(9090, "v1")).toEqual({ loadBalancing: "RANDOM", retryCountMax: 10 })
  })
})

describe("a retry budget", () => {
  const budget = (minRetryConcurrency: number) => ({ retryBudget: { minRetryConcurrency } })

  it("has 20 percent and 3 retries for defaults", () => {
    const { retryBudget } = policiesOf({ retryBudget: {} })(8080)
    expect(retryBudget).toEqual({
      percent: { value: 20, source: "Istio default" },
      retryCountMin: { value: 3, source: "Istio default" }
    })
  })

  it("says who set it", () => {
    const { retryBudget } = policiesOf({ retryBudget: { percent: 0, minRetryConcurrency: 1 } })(8080)
    expect(retryBudget?.percent).toEqual({
      value: 0,
      source: expect.stringMatching(/^DestinationRule reviews .*: spec\.trafficPolicy\.retryBudget\.percent$/)
    })
    expect(retryBudget?.retryCountMin.value).toBe(1)
  })

  it("of the host is kept by a subset that has none", () => {
    expect(policiesOf({ ...budget(5), ...retries(10) }, retries(1))(8080, "v1").retryBudget?.retryCountMin.value).toBe(
      5
    )
  })

  it("of a subset is taken over the host's", () => {
    expect(policiesOf(budget(3), budget(10))(8080, "v1").retryBudget?.retryCountMin.value).toBe(10)
  })

  it("is lost to an entry for the port, on that port", () => {
    const policyOf = policiesOf({ ...budget(5), portLevelSettings: [{ port: { number: 8080 }, ...retries(1) }] })
    expect(policyOf(8080).retryBudget).toBeUndefined()
    expect(policyOf(8080, "v1").retryBudget).toBeUndefined()
    expect(policyOf(9090).retryBudget?.retryCountMin.value).toBe(5)
  })

  it("of the host survives an entry for the port in the subset, and the subset's own does not", () => {
    const subset = { ...budget(10), portLevelSettings: [{ port: { number: 8080 }, ...retries(1) }] }
    expect(policiesOf(budget(5), subset)(8080, "v1").retryBudget?.retryCountMin.value).toBe(5)
  })
})

describe("load balancing", () => {
  it.each([
    ["ROUND_ROBIN", "ROUND_ROBIN"],
    ["RANDOM", "RANDOM"],
    ["LEAST_REQUEST", "LEAST_REQUEST"],
    ["LEAST_CONN", "LEAST_REQUEST"],
    ["UNSPECIFIED", "LEAST_REQUEST"]
  ])("by %s is %s", (simple, expected) => {
    expect(policiesOf({ loadBalancer: { simple } })(8080).loadBalancing.value).toBe(expected)
  })

  it("says why another choice is out of force", () => {
    const { source } = policiesOf({
      loadBalancer: { simple: "RANDOM" },
      portLevelSettings: [{ port: { number: 8080 }, ...retries(1) }]
    })(8080).loadBalancing
    expect(source).toMatch(/^Istio default \(.*: spec\.trafficPolicy\.loadBalancer\.simple is out of force: /)
  })
})
