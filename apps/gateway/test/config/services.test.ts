import { describe, expect, it } from "@effect/vitest"
import { clusterOf, document, documents, modelOf, problemsOf, routeTo, service } from "./yaml.ts"

const entry = (spec: object, name = "reviews") =>
  document("ServiceEntry", name, {
    hosts: ["reviews.test"],
    resolution: "STATIC",
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    ...spec
  })

const endpointsOf = (spec: object, cluster = "80||reviews.test") => clusterOf(modelOf(entry(spec)), cluster).endpoints

describe("an endpoint's port", () => {
  it("is the one it gives for the service's port, else the target port, else the service's", () => {
    const spec = {
      ports: [
        { number: 80, name: "http" },
        { number: 81, name: "admin", targetPort: 8081 }
      ],
      endpoints: [{ address: "10.0.0.1" }, { address: "10.0.0.2", ports: { http: 8080, admin: 9 } }]
    }
    expect(endpointsOf(spec).map(({ port }) => port)).toEqual([80, 8080])
    expect(endpointsOf(spec, "81||reviews.test").map(({ port }) => port)).toEqual([8081, 9])
  })
})

describe("endpoints", () => {
  it("have weight 1 where it is unset or 0", () => {
    const endpoints = [{ address: "10.0.0.1" }, { address: "10.0.0.2", weight: 0 }, { address: "10.0.0.3", weight: 5 }]
    expect(endpointsOf({ endpoints }).map(({ weight }) => weight)).toEqual([1, 1, 5])
  })

  it("may be IPv6 addresses", () => {
    expect(endpointsOf({ endpoints: [{ address: "fd00::1" }] }).map(({ host }) => host)).toEqual(["fd00::1"])
  })

  it("are names where DNS resolves them", () => {
    const endpoints = [{ address: "a.test", labels: { version: "v1" } }]
    expect(endpointsOf({ resolution: "DNS", endpoints })).toEqual([
      { host: "a.test", port: 80, labels: { version: "v1" }, weight: 1 }
    ])
  })

  it("are the host itself where DNS resolves it and none is listed", () => {
    expect(endpointsOf({ resolution: "DNS" })).toEqual([{ host: "reviews.test", port: 80, labels: {}, weight: 1 }])
  })

  it("may be none where they are static, and the cluster is there all the same", () => {
    expect(endpointsOf({})).toEqual([])
  })
})

describe("clusters", () => {
  it("are one for each host, subset and port", () => {
    const model = modelOf(
      documents(
        entry({
          hosts: ["a.test", "b.test"],
          ports: [
            { number: 80, name: "http", protocol: "HTTP" },
            { number: 81, name: "admin", protocol: "HTTP" }
          ],
          endpoints: [{ address: "10.0.0.1", labels: { version: "v1" } }]
        }),
        document("DestinationRule", "a", { host: "a.test", subsets: [{ name: "v1", labels: { version: "v1" } }] })
      )
    )
    expect([...model.clusters.keys()]).toEqual([
      "outbound|80||a.test",
      "outbound|81||a.test",
      "outbound|80|v1|a.test",
      "outbound|81|v1|a.test",
      "outbound|80||b.test",
      "outbound|81||b.test"
    ])
  })

  it("have the endpoints that carry all labels of their subset", () => {
    const text = documents(
      entry({
        endpoints: [
          { address: "10.0.0.1", labels: { version: "v1", zone: "a" } },
          { address: "10.0.0.2", labels: { version: "v1", zone: "b" } },
          { address: "10.0.0.3", labels: { version: "v2" } },
          { address: "10.0.0.4" }
        ]
      }),
      document("DestinationRule", "reviews", {
        host: "reviews.test",
        subsets: [
          { name: "v1", labels: { version: "v1" } },
          { name: "v1b", labels: { version: "v1", zone: "b" } },
          { name: "all" }
        ]
      })
    )
    const last = (subset: string) =>
      clusterOf(modelOf(text), `80|${subset}|reviews.test`)
        .endpoints.map(({ host }) => host.slice(-1))
        .join("")
    expect([last("v1"), last("v1b"), last("all"), last("")]).toEqual(["12", "2", "1234", "1234"])
  })

  it("warn, and no more, where no endpoint carries a subset's labels", () => {
    const text = documents(
      service("reviews"),
      document("DestinationRule", "reviews", { host: "reviews", subsets: [{ name: "v2", labels: { version: "v2" } }] })
    )
    expect(problemsOf(text)).toEqual([
      'warning NoEffect spec.subsets[0]: no endpoint of reviews has the labels {"version":"v2"}; requests to subset v2 will be answered 503'
    ])
    expect(clusterOf(modelOf(text), "80|v2|reviews.default.svc.cluster.local").endpoints).toEqual([])
  })
})

describe("a host", () => {
  it("may be defined once, whatever it is called", () => {
    const text = documents(
      entry({ hosts: ["reviews"] }),
      entry({ hosts: ["Reviews.default.svc.cluster.local"] }, "other")
    )
    expect(problemsOf(text)).toEqual([
      "error Duplicate spec.hosts[0]: Reviews.default.svc.cluster.local is defined twice; the other is ServiceEntry reviews (rules.yaml document 1, line 5): spec.hosts[0]"
    ])
  })
})

describe("a DestinationRule", () => {
  const ruleFor = (host: string, spec: object = {}, name = "rule", namespace?: string) =>
    document("DestinationRule", name, { host, ...spec }, namespace)

  const limited = (maxConnections: number) => ({ trafficPolicy: { connectionPool: { tcp: { maxConnections } } } })

  const limitOf = (model: ReturnType<typeof modelOf>, host: string) =>
    clusterOf(model, `80||${host}`).policy.connectionCountMax.value

  it("finds its host by the short name of its namespace and by the full one", () => {
    const prod = document("ServiceEntry", "reviews", {
      hosts: ["reviews.prod.svc.cluster.local"],
      resolution: "STATIC",
      ports: [{ number: 80, name: "http" }]
    })
    const host = "reviews.prod.svc.cluster.local"
    expect(limitOf(modelOf(documents(prod, ruleFor("reviews", limited(1), "rule", "prod"))), host)).toBe(1)
    expect(limitOf(modelOf(documents(prod, ruleFor("reviews.prod.svc.cluster.local.", limited(2)))), host)).toBe(2)
    expect(problemsOf(documents(prod, ruleFor("reviews", limited(1))))[0]).toMatch(
      /no ServiceEntry defines reviews \(here: reviews\.default\.svc\.cluster\.local\)$/
    )
  })

  it("for a host that nothing defines is an error that names the nearest, and left out when lenient", () => {
    const text = documents(service("reviews"), ruleFor("review", limited(1)))
    expect(problemsOf(text)).toEqual([
      "ignorable UnresolvedReference spec.host: no ServiceEntry defines review (here: review.default.svc.cluster.local); did you mean reviews?"
    ])
    expect(limitOf(modelOf(text, { isLenient: true }), "reviews.default.svc.cluster.local")).toBe("unlimited")
  })

  it("for a port its host does not have is an error, in a subset too", () => {
    const portLevelSettings = [{ port: { number: 8080 }, loadBalancer: { simple: "RANDOM" } }]
    const text = documents(
      service("reviews", { ports: [80, 81] }),
      ruleFor("reviews", {
        trafficPolicy: { portLevelSettings },
        subsets: [{ name: "v1", labels: { version: "v1" }, trafficPolicy: { portLevelSettings } }]
      })
    )
    expect(problemsOf(text)).toEqual([
      "ignorable UnresolvedReference spec.trafficPolicy.portLevelSettings[0].port.number: reviews has no port 8080; it has 80, 81",
      "ignorable UnresolvedReference spec.subsets[0].trafficPolicy.portLevelSettings[0].port.number: reviews has no port 8080; it has 80, 81"
    ])
  })

  it("with a wildcard covers the hosts below it that have no closer rule", () => {
    const text = documents(
      service("a.eu.test"),
      service("b.eu.test"),
      service("c.test"),
      service("d.example"),
      ruleFor("*", limited(1), "all"),
      ruleFor("*.test", limited(2), "test"),
      ruleFor("*.eu.test", limited(3), "eu"),
      ruleFor("a.eu.test", limited(4), "a")
    )
    const model = modelOf(text)
    const limits = ["a.eu.test", "b.eu.test", "c.test", "d.example"].map((host) => limitOf(model, host))
    expect(limits).toEqual([4, 3, 2, 1])
  })

  it("with a wildcard that covers nothing is an error", () => {
    expect(problemsOf(documents(service("c.test"), ruleFor("*.eu.test")))[0]).toMatch(
      /no ServiceEntry defines \*\.eu\.test/
    )
  })

  it("adds its subsets to those of an earlier one for its host, and its policy where that has none", () => {
    const text = documents(
      service("reviews", { versions: ["v1", "v2"] }),
      ruleFor("reviews", { subsets: [{ name: "v1", labels: { version: "v1" } }] }, "first"),
      ruleFor("reviews", { ...limited(7), subsets: [{ name: "v2", labels: { version: "v2" } }] }, "second")
    )
    const model = modelOf(text)
    expect(model.clusters.size).toBe(3)
    const { connectionCountMax } = clusterOf(model, "80|v1|reviews.default.svc.cluster.local").policy
    expect(connectionCountMax.value).toBe(7)
    expect(connectionCountMax.source).toMatch(/^DestinationRule second \(/)
  })

  it("says what Istio would drop of it for an earlier one, and drops it when lenient", () => {
    const subset = (version: string) => ({ subsets: [{ name: "v", labels: { version } }] })
    const text = documents(
      service("reviews", { versions: ["v1", "v2"] }),
      ruleFor("reviews", { ...limited(1), ...subset("v1") }, "first"),
      ruleFor("reviews", { ...limited(2), ...subset("v2") }, "second")
    )
    expect(problemsOf(text)).toEqual([
      "ignorable Duplicate spec.trafficPolicy: the trafficPolicy of this host is already set by DestinationRule first (rules.yaml document 2, line 11): spec.trafficPolicy, and Istio reads only that one; keep one of them",
      "ignorable Duplicate spec.subsets[0]: subset v of this host is already set by DestinationRule first (rules.yaml document 2, line 11): spec.subsets[0], and Istio reads only that one; keep one of them"
    ])
    const cluster = clusterOf(modelOf(text, { isLenient: true }), "80|v|reviews.default.svc.cluster.local")
    expect(cluster.policy.connectionCountMax.value).toBe(1)
    expect(cluster.endpoints.map(({ labels }) => labels["version"])).toEqual(["v1"])
  })

  it("may not be there in two namespaces for one host", () => {
    const host = "reviews.default.svc.cluster.local"
    const text = documents(service("reviews"), ruleFor(host, {}, "a"), ruleFor(host, {}, "b", "prod"))
    expect(problemsOf(text, { isLenient: true })[0]).toMatch(
      /^error Duplicate spec\.host: another namespace has a rule/
    )
  })
})

describe("a port that does not speak plain HTTP/1.1", () => {
  it.each(["HTTPS", "TLS", "TCP", "MONGO", "HTTP2", "GRPC", "GRPC-Web"])(
    "has a cluster, and no route may lead to it: %s",
    (protocol) => {
      const spec = { ports: [{ number: 443, name: "p", protocol }] }
      expect(modelOf(entry(spec)).clusters.size).toBe(1)
      const text = documents(entry(spec), routeTo("reviews.test", { host: "reviews.test" }))
      expect(problemsOf(text, { isLenient: true })[0]).toMatch(
        new RegExp(
          `^error Unsupported spec\\.http\\[0\\]\\.route\\[0\\]\\.destination\\.host: port 443 of reviews\\.test speaks ${protocol} `
        )
      )
    }
  )
})
