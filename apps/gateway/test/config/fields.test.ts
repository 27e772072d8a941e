import { describe, expect, it } from "@effect/vitest"
import { document, documents, findingsOf, linesOf, modelOf, problemsOf, routeTo, service } from "./yaml.ts"

const rule = (connectionPool: unknown) =>
  documents(
    service("reviews"),
    document("DestinationRule", "reviews", { host: "reviews", trafficPolicy: { connectionPool } })
  )

const virtualService = (http: unknown) =>
  documents(service("reviews"), document("VirtualService", "reviews", { hosts: ["reviews"], http: [http] }))

const route = [{ destination: { host: "reviews" } }]

describe("a field Istio does not have", () => {
  it("is an error that names file, line, column, document, path and the nearest known key", () => {
    const text = `${service("reviews")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec:
  host: reviews
  trafficPolicy:
    connectionPool:
      http:
        http1MaxPendingRequest: 5
`
    expect(linesOf(text)).toEqual([
      "rules.yaml:15:9: document 2: spec.trafficPolicy.connectionPool.http.http1MaxPendingRequest: unknown field; did you mean http1MaxPendingRequests?"
    ])
  })

  it("has no suggestion when nothing at that level is near", () => {
    expect(problemsOf(rule({ tcp: {}, websocket: {} }))).toEqual([
      "ignorable UnknownField spec.trafficPolicy.connectionPool.websocket: unknown field"
    ])
  })

  it("is looked for among the keys of its own level only", () => {
    expect(problemsOf(rule({ tcp: { maxRetrie: 1 } }))[0]).toMatch(/tcp\.maxRetrie: unknown field$/)
  })

  it("is found at every level, all at once", () => {
    const text = documents(
      `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metdata: {}
metadata: { name: reviews, nam: x }
spec: { hosts: [reviews], resolution: STATIC, ports: [{ number: 80, name: http, protokol: HTTP }], endpoint: [] }`
    )
    expect(problemsOf(text)).toEqual([
      "ignorable UnknownField metdata: unknown field; did you mean metadata?",
      "ignorable UnknownField metadata.nam: unknown field; did you mean name?",
      "ignorable UnknownField spec.ports[0].protokol: unknown field; did you mean protocol?",
      "ignorable UnknownField spec.endpoint: unknown field; did you mean endpoints?"
    ])
  })

  it("is left out with a warning when read leniently", () => {
    const text = rule({ tcp: { maxConnections: 7, maxConections: 8 } })
    expect(problemsOf(text, { isLenient: true })).toEqual([
      "warning UnknownField spec.trafficPolicy.connectionPool.tcp.maxConections: unknown field; did you mean maxConnections?"
    ])
    const [cluster] = modelOf(text, { isLenient: true }).clusters.values()
    expect(cluster?.policy.connectionCountMax.value).toBe(7)
  })
})

describe("a field Istio has and the gateway does not honour", () => {
  it("is an error that says so and what to do", () => {
    const text = documents(
      service("reviews"),
      document("DestinationRule", "reviews", {
        host: "reviews",
        trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } }
      })
    )
    expect(problemsOf(text)).toEqual([
      "ignorable Unsupported spec.trafficPolicy.outlierDetection: known to Istio, not supported here: endpoints are not ejected; remove it, or run with --lenient to go on without it"
    ])
  })

  it.each(["corsPolicy", "fault", "mirror", "mirrors", "headers", "mirrorPercentage"])("covers http[].%s", (key) => {
    const text = virtualService({ route, [key]: {} })
    expect(findingsOf(text).map(({ reason }) => reason)).toEqual(["Unsupported"])
    expect(modelOf(text, { isLenient: true }).virtualHosts[0]?.routes).toHaveLength(1)
  })

  it.each(["tls", "tunnel", "proxyProtocol"])("covers trafficPolicy.%s, in a subset too", (key) => {
    const trafficPolicy = { [key]: {} }
    const text = documents(
      service("reviews"),
      document("DestinationRule", "reviews", {
        host: "reviews",
        trafficPolicy,
        subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy }]
      })
    )
    expect(findingsOf(text).map(({ reason }) => reason)).toEqual(["Unsupported", "Unsupported"])
    expect(modelOf(text, { isLenient: true }).clusters.size).toBe(2)
  })

  it("covers single values of a field that is honoured otherwise", () => {
    const balanced = (simple: string) =>
      documents(
        service("reviews"),
        document("DestinationRule", "reviews", { host: "reviews", trafficPolicy: { loadBalancer: { simple } } })
      )
    expect(problemsOf(balanced("RANDOM"))).toEqual([])
    expect(problemsOf(balanced("PASSTHROUGH"))[0]).toMatch(/loadBalancer\.simple: known to Istio, not supported here/)
    expect(problemsOf(balanced("RANDON"))[0]).toMatch(
      /^error InvalidValue .*loadBalancer\.simple: expected "UNSPECIFIED"/
    )
  })

  it("is no matter of exportTo when everything is exported", () => {
    const exported = (exportTo: ReadonlyArray<string>) =>
      documents(service("reviews"), document("DestinationRule", "reviews", { host: "reviews", exportTo }))
    expect(problemsOf(exported(["*"]))).toEqual([])
    expect(problemsOf(exported(["."]))[0]).toMatch(/^ignorable Unsupported spec\.exportTo:/)
  })

  it("leaves an action that is not supported without a rule, also when read leniently", () => {
    expect(problemsOf(virtualService({ redirect: { uri: "/x" } }), { isLenient: true })).toEqual([
      "error InvalidValue spec.http[0].route: expected a destination",
      "warning Unsupported spec.http[0].redirect: known to Istio, not supported here: requests are not redirected; remove it, or run with --lenient to go on without it"
    ])
  })
})

describe("a match condition that cannot be honoured", () => {
  const routesOf = (match: ReadonlyArray<unknown>) =>
    modelOf(virtualService({ match, route }), { isLenient: true }).virtualHosts[0]?.routes ?? []

  const conditions: ReadonlyArray<readonly [what: string, match: object]> = [
    ["a source label", { uri: { prefix: "/admin" }, sourceLabels: { app: "ops" } }],
    ["a regular expression", { uri: { regex: "/admin.*" } }],
    ["a regular expression for a header", { headers: { "x-user": { regex: "a|b" } } }],
    ["an unknown key", { uri: { prefix: "/admin" }, methd: { exact: "GET" } }],
    ["an unknown key of a string match", { uri: { prefx: "/admin" } }]
  ]

  it.each(conditions)("is an error: %s", (_, match) => {
    expect(findingsOf(virtualService({ match: [match], route })).map(({ weight }) => weight)).toEqual(["ignorable"])
  })

  it.each(conditions)("takes its entry with it, so that the rule never matches more: %s", (_, match) => {
    const [rule] = routesOf([match, { uri: { prefix: "/public" } }])
    expect(rule?.matches.map(({ uri }) => uri.value)).toEqual(["/public"])
    expect(routesOf([match])).toEqual([])
  })

  it("says in the message that the entry is left out", () => {
    const match = [{ uri: { regex: ".*" } }]
    expect(problemsOf(virtualService({ match, route }), { isLenient: true })[0]).toMatch(
      /--lenient to leave this match entry out$/
    )
  })
})

describe("null", () => {
  it("is an unset field, as in protobuf's JSON", () => {
    expect(problemsOf(rule({ tcp: { maxConnections: null, connectTimeout: null }, http: null }))).toEqual([])
    expect(problemsOf(virtualService({ route, fault: null, match: null }))).toEqual([])
  })

  it("is no entry of a list and no value of a map", () => {
    expect(problemsOf(virtualService({ route, match: [null] }))[0]).toMatch(
      /spec\.http\[0\]\.match\[0\]: expected a mapping/
    )
    expect(problemsOf(virtualService({ route, match: [{ headers: { "x-a": null } }] }))[0]).toMatch(
      /headers\["x-a"\]: expected a mapping/
    )
  })
})

describe("the envelope", () => {
  it.each(["v1", "v1beta1", "v1alpha3"])("may have version %s", (version) => {
    expect(problemsOf(service("reviews").replace("istio.io/v1", `istio.io/${version}`))).toEqual([])
  })

  it("may have no other version", () => {
    expect(problemsOf(service("reviews").replace("istio.io/v1", "istio.io/v2"))[0]).toMatch(
      /^error InvalidValue apiVersion: expected "networking\.istio\.io\/v1" .* got "networking\.istio\.io\/v2"$/
    )
  })

  it("may carry what the API server wrote into it", () => {
    const text = service("reviews").replace(
      "  name: reviews",
      `  name: reviews
  uid: 1234
  resourceVersion: "7"
  creationTimestamp: 2026-01-01T00:00:00Z
  annotations: { kubectl.kubernetes.io/last-applied-configuration: "{}" }
  managedFields: [{ manager: kubectl }]
status:
  conditions: []`
    )
    expect(problemsOf(text)).toEqual([])
  })

  it("needs a name", () => {
    expect(problemsOf(service("reviews").replace("  name: reviews", "  namespace: default"))).toEqual([
      "error InvalidValue metadata.name: required, and missing"
    ])
  })

  it("may not be there twice under one kind, namespace and name", () => {
    const problems = problemsOf(documents(service("reviews"), service("reviews")))
    expect(problems[0]).toBe(
      "error Duplicate metadata.name: there are two of this kind and name in the namespace; the other is ServiceEntry reviews (rules.yaml document 1, line 1)"
    )
  })
})

describe("a Kubernetes List", () => {
  it("stands for what it lists, each with its place", () => {
    const text = `apiVersion: v1
kind: List
metadata: { resourceVersion: "" }
items:
- apiVersion: networking.istio.io/v1
  kind: ServiceEntry
  metadata: { name: reviews }
  spec: { hosts: [reviews], resolution: STATIC, ports: [{ number: 80, name: http }] }
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: { name: reviews }
  spec:
    hosts: [reviews]
    http:
    - route:
      - destination: { host: review }
`
    expect(linesOf(text)).toEqual([
      "rules.yaml:16:24: document 1: spec.http[0].route[0].destination.host: no ServiceEntry defines review (here: review.default.svc.cluster.local); did you mean reviews?"
    ])
  })
})

describe("a document that is none of Istio's resources", () => {
  it.each(["Deployment", "Service", "Gateway"])(
    "is an error for kind %s that names the kinds that are read",
    (kind) => {
      const text = `apiVersion: v1\nkind: ${kind}\nmetadata: { name: x }\n`
      expect(linesOf(text)).toEqual([
        `rules.yaml:2:1: document 1: kind: ${kind} is not a kind this gateway reads; it reads DestinationRule, ServiceEntry, VirtualService`
      ])
      expect(problemsOf(text, { isLenient: true })[0]).toMatch(/^warning UnknownKind/)
    }
  )

  it("suggests the kind that was meant", () => {
    expect(problemsOf("kind: VirtualServices")[0]).toMatch(/did you mean VirtualService\?$/)
    expect(problemsOf("Kind: VirtualService")[0]).toMatch(/kind is missing.*did you mean kind where it says Kind\?$/)
  })

  it("is left out when read leniently, and the rest is applied", () => {
    const text = documents(
      "apiVersion: apps/v1\nkind: Deployment",
      service("reviews"),
      routeTo("reviews", { host: "reviews" })
    )
    expect(modelOf(text, { isLenient: true }).virtualHosts).toHaveLength(1)
  })

  it("is an error, lenient or not, when it is no mapping", () => {
    expect(problemsOf("- a list", { isLenient: true })[0]).toMatch(/^error InvalidValue : expected a mapping/)
    expect(problemsOf("kind: 7", { isLenient: true })[0]).toMatch(/7 is not a kind this gateway reads/)
  })
})
