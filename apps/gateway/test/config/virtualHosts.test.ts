import { describe, expect, it } from "@effect/vitest"
import { document, documents, modelOf, problemsOf, routeTo, service } from "./yaml.ts"

const virtualService = (spec: object, name = "reviews", namespace?: string) =>
  document("VirtualService", name, { hosts: ["reviews"], ...spec }, namespace)

const route = [{ destination: { host: "reviews" } }]

const routesOf = (...http: ReadonlyArray<object>) =>
  modelOf(documents(service("reviews"), virtualService({ http }))).virtualHosts[0]?.routes ?? []

const destination = (value: unknown, extra: ReadonlyArray<string> = []) =>
  problemsOf(documents(service("reviews", { ports: [80] }), ...extra, routeTo("reviews", value)))

describe("the domains of a virtual host", () => {
  const domainsOf = (hosts: ReadonlyArray<string>, namespace?: string) =>
    modelOf(
      documents(
        service("reviews"),
        virtualService(
          { hosts, http: [{ route: [{ destination: { host: "reviews.default.svc.cluster.local" } }] }] },
          "x",
          namespace
        )
      )
    ).virtualHosts[0]?.domains

  it("are all forms of a short name in its namespace", () => {
    expect(domainsOf(["Reviews"], "prod")).toEqual([
      "reviews",
      "reviews.prod",
      "reviews.prod.svc",
      "reviews.prod.svc.cluster.local"
    ])
  })

  it("are the forms of a full Kubernetes name that say the namespace", () => {
    expect(domainsOf(["reviews.prod.svc.cluster.local"])).toEqual([
      "reviews.prod.svc.cluster.local",
      "reviews.prod",
      "reviews.prod.svc"
    ])
  })

  it("are any other name, wildcard or address as it is written", () => {
    const hosts = ["Shop.example.com.", "*.example.com", "*.prod.svc.cluster.local", "*", "10.0.0.1", "::1"]
    expect(domainsOf(hosts)).toEqual([
      "shop.example.com",
      "*.example.com",
      "*.prod.svc.cluster.local",
      "*",
      "10.0.0.1",
      "::1"
    ])
  })

  it("are listed once for a VirtualService that has several forms of a name", () => {
    expect(domainsOf(["reviews.default", "reviews"])).toEqual([
      "reviews.default",
      "reviews",
      "reviews.default.svc",
      "reviews.default.svc.cluster.local"
    ])
  })

  it("belong to one VirtualService", () => {
    const text = documents(
      service("reviews"),
      virtualService({ http: [{ route }] }, "first"),
      virtualService({ hosts: ["a.test", "reviews.default"], http: [{ route }] }, "second")
    )
    expect(problemsOf(text)).toEqual([
      "error Duplicate spec.hosts[1]: reviews.default is already routed by VirtualService first (rules.yaml document 2, line 11): spec.hosts[0]; put the rules into one VirtualService, in order"
    ])
  })
})

describe("a destination", () => {
  it("is the cluster of its host, subset and port", () => {
    const model = modelOf(
      documents(
        service("reviews", { ports: [80, 81] }),
        document("DestinationRule", "reviews", {
          host: "reviews",
          subsets: [{ name: "v1", labels: { version: "v1" } }]
        }),
        routeTo("reviews", { host: "reviews", subset: "v1", port: { number: 81 } })
      )
    )
    const destinations = model.virtualHosts[0]?.routes[0]?.destinations
    expect(destinations).toEqual([{ clusterId: "outbound|81|v1|reviews.default.svc.cluster.local", weight: 1 }])
    expect(model.clusters.has(destinations?.[0]?.clusterId ?? "")).toBe(true)
  })

  it("without a port is its host's only one", () => {
    expect(destination({ host: "reviews" })).toEqual([])
    expect(
      problemsOf(documents(service("reviews", { ports: [80, 81] }), routeTo("reviews", { host: "reviews" })))
    ).toEqual([
      "error UnresolvedReference spec.http[0].route[0].destination.port: reviews has several ports, 80, 81; say which"
    ])
  })

  it("that nothing defines is an error that names the nearest known, lenient or not", () => {
    expect(destination({ host: "revews" })).toEqual([
      "error UnresolvedReference spec.http[0].route[0].destination.host: no ServiceEntry defines revews (here: revews.default.svc.cluster.local); did you mean reviews?"
    ])
    expect(destination({ host: "reviews", port: { number: 8080 } })).toEqual([
      "error UnresolvedReference spec.http[0].route[0].destination.port.number: reviews has no port 8080; it has 80"
    ])
    const rule = document("DestinationRule", "reviews", {
      host: "reviews",
      subsets: [{ name: "v1", labels: { version: "v1" } }]
    })
    expect(destination({ host: "reviews", subset: "v2" }, [rule])).toEqual([
      "error UnresolvedReference spec.http[0].route[0].destination.subset: no DestinationRule for reviews has a subset v2; did you mean v1?"
    ])
    expect(destination({ host: "reviews", subset: "v1" })[0]).toMatch(/no DestinationRule for reviews has a subset v1$/)
  })

  it("is not looked for while the resource that may define it is broken", () => {
    const broken = service("reviews").replace('"resolution":"STATIC"', '"resolution":"STATC"')
    expect(problemsOf(documents(broken, routeTo("reviews", { host: "reviews" })))).toEqual([
      expect.stringMatching(/^error InvalidValue spec\.resolution: expected STATIC/)
    ])
  })

  it("is looked for in the namespace of its VirtualService", () => {
    const text = documents(service("reviews"), virtualService({ http: [{ route }] }, "reviews", "prod"))
    expect(problemsOf(text)[0]).toMatch(
      /no ServiceEntry defines reviews \(here: reviews\.prod\.svc\.cluster\.local\); did you mean reviews\.default\.svc\.cluster\.local\?$/
    )
  })

  it("has its weight among several, and is left out with weight 0", () => {
    const weighted = (...weights: ReadonlyArray<number>) =>
      routesOf({ route: weights.map((weight) => ({ destination: { host: "reviews" }, weight })) })[0]?.destinations.map(
        ({ weight }) => weight
      )
    expect(weighted(90, 0, 10)).toEqual([90, 10])
    expect(weighted(0)).toEqual([1])
    expect(weighted(50)).toEqual([1])
  })
})

describe("a rule", () => {
  it("keeps its order, and has the name it was given or its place for a name", () => {
    const routes = routesOf({ name: "first", match: [{ uri: { prefix: "/a" } }], route }, { route })
    expect(routes.map(({ name }) => name)).toEqual(["first", "spec.http[1]"])
    expect(routes[1]?.source).toBe("VirtualService reviews (rules.yaml document 2, line 11): spec.http[1]")
  })

  it("without match entries matches everything", () => {
    const [withoutMatch] = routesOf({ route })
    expect(withoutMatch?.matches).toMatchObject([{ uri: { _tag: "prefix", value: "/" }, headers: [] }])
    expect(routesOf({ match: [], route })[0]?.matches).toEqual(withoutMatch?.matches)
  })

  it("has every condition of its match entries", () => {
    const match = {
      name: "m",
      uri: { exact: "/a" },
      ignoreUriCase: true,
      method: { exact: "GET" },
      authority: { prefix: "shop." },
      headers: { "X-User": { prefix: "a" }, "x-present": {} },
      statPrefix: "stats"
    }
    expect(routesOf({ match: [match], route })[0]?.matches).toEqual([
      {
        name: "m",
        uri: { _tag: "exact", value: "/a" },
        ignoresUriCase: true,
        method: { _tag: "exact", value: "GET" },
        authority: { _tag: "prefix", value: "shop." },
        headers: [
          { name: "x-user", value: { _tag: "prefix", value: "a" } },
          { name: "x-present", value: { _tag: "present" } }
        ]
      }
    ])
  })

  it("has no timeout unless it says one", () => {
    expect(routesOf({ route })[0]?.timeoutMillis).toEqual({ value: "unlimited", source: "Istio default" })
    expect(routesOf({ route, timeout: "1.5s" })[0]?.timeoutMillis).toEqual({
      value: 1_500,
      source: "VirtualService reviews (rules.yaml document 2, line 11): spec.http[0].timeout"
    })
  })

  it("keeps what it rewrites", () => {
    const [rewritten] = routesOf({ route, rewrite: { uri: "/v2", authority: "b.test" } })
    expect([rewritten?.rewriteUri, rewritten?.rewriteAuthority]).toEqual(["/v2", "b.test"])
  })

  it("may name gateways, none of which make a difference", () => {
    const text = documents(
      service("reviews"),
      virtualService({ gateways: ["mesh", "istio-system/main"], http: [{ route }] })
    )
    expect(problemsOf(text)).toEqual([])
  })
})

describe("retries", () => {
  it("are Istio's two when the rule says nothing", () => {
    expect(routesOf({ route })[0]?.retries).toEqual({
      attemptCountMax: { value: 2, source: "Istio default" },
      perTryMillis: { value: "unlimited", source: "Istio default" },
      conditions: {
        value: ["connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"],
        source: "Istio default"
      },
      statusCodes: []
    })
  })

  it("are none with attempts 0", () => {
    expect(routesOf({ route, retries: { attempts: 0 } })[0]?.retries.attemptCountMax).toEqual({
      value: 0,
      source: "VirtualService reviews (rules.yaml document 2, line 11): spec.http[0].retries.attempts"
    })
  })

  it("keep Istio's conditions when only their number is said", () => {
    const retries = routesOf({ route, retries: { attempts: 3, perTryTimeout: "2s" } })[0]?.retries
    expect(retries?.attemptCountMax.value).toBe(3)
    expect(retries?.perTryMillis.value).toBe(2_000)
    expect(retries?.conditions.source).toBe("Istio default")
  })

  it("take status codes for retriable-status-codes", () => {
    const retries = routesOf({ route, retries: { attempts: 1, retryOn: "503,reset,429" } })[0]?.retries
    expect(retries?.conditions.value).toEqual(["reset", "retriable-status-codes"])
    expect(retries?.statusCodes).toEqual([503, 429])
  })
})

describe("a VirtualService without rules for HTTP", () => {
  it("is an error, and answers nothing when read leniently", () => {
    const text = documents(service("reviews"), virtualService({ tcp: [{ route }] }))
    expect(problemsOf(text, { isLenient: true })).toEqual([
      "warning Unsupported spec.http: missing: the gateway routes HTTP only, and this VirtualService has no rules for it",
      "warning Unsupported spec.tcp: known to Istio, not supported here: only HTTP is routed; remove it, or run with --lenient to go on without it"
    ])
    expect(modelOf(text, { isLenient: true }).virtualHosts[0]?.routes).toEqual([])
    expect(problemsOf(documents(service("reviews"), virtualService({ http: [] })))).toHaveLength(1)
  })
})
