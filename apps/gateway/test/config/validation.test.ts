import { describe, expect, it } from "@effect/vitest"
import { document, documents, problemsOf, service } from "./yaml.ts"

const trafficPolicy = (policy: unknown) =>
  problemsOf(
    documents(service("reviews"), document("DestinationRule", "reviews", { host: "reviews", trafficPolicy: policy }))
  )

const pool = (connectionPool: unknown) => trafficPolicy({ connectionPool })

const subsets = (value: unknown) =>
  problemsOf(documents(service("reviews"), document("DestinationRule", "reviews", { host: "reviews", subsets: value })))

const route = [{ destination: { host: "reviews" } }]

const http = (rule: unknown) =>
  problemsOf(documents(service("reviews"), document("VirtualService", "reviews", { hosts: ["reviews"], http: [rule] })))

const entry = (spec: unknown) => problemsOf(document("ServiceEntry", "reviews", spec))

const valid = {
  hosts: ["reviews"],
  resolution: "STATIC",
  ports: [{ number: 80, name: "http", protocol: "HTTP" }],
  endpoints: [{ address: "10.0.0.1" }]
}

describe("connectionPool", () => {
  it("takes tcp and http together, and each alone", () => {
    const tcp = { maxConnections: 7, connectTimeout: "2s" }
    const http = {
      http1MaxPendingRequests: 2,
      http2MaxRequests: 11,
      maxRequestsPerConnection: 5,
      maxRetries: 4,
      idleTimeout: "30s"
    }
    expect(pool({ tcp, http })).toEqual([])
    expect(pool({ tcp })).toEqual([])
    expect(pool({ http })).toEqual([])
  })

  it("may not be empty", () => {
    expect(pool({})).toEqual([
      "error InvalidValue spec.trafficPolicy.connectionPool: expected tcp or http in a connectionPool"
    ])
    expect(pool({ tcp: null })).toHaveLength(1)
  })

  it.each([
    ["tcp", "maxConnections"],
    ["http", "http1MaxPendingRequests"],
    ["http", "http2MaxRequests"],
    ["http", "maxRequestsPerConnection"],
    ["http", "maxRetries"]
  ])("has int32 counts that are not negative: %s.%s", (block, key) => {
    const refusal = (got: string) => [
      `error InvalidValue spec.trafficPolicy.connectionPool.${block}.${key}: expected an integer from 0 to 2147483647, got ${got}`
    ]
    expect(pool({ [block]: { [key]: 0 } })).toEqual([])
    expect(pool({ [block]: { [key]: 2_147_483_647 } })).toEqual([])
    expect(pool({ [block]: { [key]: -1 } })).toEqual(refusal("-1"))
    expect(pool({ [block]: { [key]: 2_147_483_648 } })).toEqual(refusal("2147483648"))
    expect(pool({ [block]: { [key]: 1.5 } })).toEqual(refusal("1.5"))
    expect(pool({ [block]: { [key]: "10" } })).toEqual(refusal('"10" in quotes'))
  })

  it.each([
    ["tcp", "connectTimeout"],
    ["tcp", "maxConnectionDuration"],
    ["http", "idleTimeout"]
  ])("has durations of at least 1ms, to the millisecond: %s.%s", (block, key) => {
    expect(pool({ [block]: { [key]: "1ms" } })).toEqual([])
    expect(pool({ [block]: { [key]: "0s" } })[0]).toMatch(/expected at least 1ms, got "0s"$/)
    expect(pool({ [block]: { [key]: "2000000005ns" } })[0]).toMatch(/nothing finer than a millisecond/)
    expect(pool({ [block]: { [key]: "-2s" } })[0]).toMatch(/not negative/)
  })

  it("takes 0s for tcp.idleTimeout, which switches it off", () => {
    expect(pool({ tcp: { idleTimeout: "0s" } })).toEqual([])
  })

  it.each([
    ["tcp", "tcpKeepalive", {}, "every connection is probed after 60 s of silence, which cannot be set per host"],
    ["http", "h2UpgradePolicy", "UPGRADE", "endpoints are spoken to in HTTP/1.1"],
    ["http", "useClientProtocol", true, "endpoints are spoken to in HTTP/1.1"],
    [
      "http",
      "maxConcurrentStreams",
      5,
      "endpoints are spoken to in HTTP/1.1, where a connection carries one request at a time"
    ],
    ["http", "http2KeepAlive", {}, "endpoints are spoken to in HTTP/1.1, which has no PING frames"]
  ])("refuses what the sockets and HTTP/1.1 do not have: %s.%s", (block, key, value, why) => {
    expect(pool({ [block]: { [key]: value } })).toEqual([
      `ignorable Unsupported spec.trafficPolicy.connectionPool.${block}.${key}: known to Istio, not supported here: ${why}; remove it, or run with --lenient to go on without it`
    ])
  })

  it("takes the values of HTTP/2's fields that ask for HTTP/1.1", () => {
    expect(pool({ http: { h2UpgradePolicy: "DEFAULT", useClientProtocol: false } })).toEqual([])
    expect(pool({ http: { h2UpgradePolicy: "DO_NOT_UPGRADE" } })).toEqual([])
  })

  it("has only the upgrade policies of Istio", () => {
    expect(pool({ http: { h2UpgradePolicy: "ALWAYS" } })[0]).toMatch(
      /expected "DEFAULT" \| "DO_NOT_UPGRADE" \| "UPGRADE"/
    )
  })
})

describe("trafficPolicy", () => {
  it("may not be empty", () => {
    expect(trafficPolicy({})).toEqual([
      "error InvalidValue spec.trafficPolicy: expected at least one field in a trafficPolicy"
    ])
  })

  it("has port-level entries with a port and a policy", () => {
    const portLevelSettings = [{ port: { number: 80 } }, { loadBalancer: { simple: "RANDOM" } }]
    expect(trafficPolicy({ portLevelSettings })).toEqual([
      "error InvalidValue spec.trafficPolicy.portLevelSettings[0]: expected a policy beside the port",
      "error InvalidValue spec.trafficPolicy.portLevelSettings[1].port: required, and missing"
    ])
  })

  it("has one entry per port", () => {
    const policy = { port: { number: 80 }, loadBalancer: { simple: "RANDOM" } }
    expect(trafficPolicy({ portLevelSettings: [policy, policy] })[0]).toMatch(
      /portLevelSettings\[1\]\.port\.number: an earlier entry has this port, and Istio reads that one$/
    )
  })

  it("has a retry budget from 0 to 100 percent", () => {
    expect(trafficPolicy({ retryBudget: { percent: 12.5, minRetryConcurrency: 1, budgetInterval: "0s" } })).toEqual([])
    expect(trafficPolicy({ retryBudget: { percent: 101 } })[0]).toMatch(/percentage from 0 to 100, got 101/)
  })

  it("refuses a retry budget over a time that has passed", () => {
    expect(trafficPolicy({ retryBudget: { budgetInterval: "1s" } })[0]).toMatch(
      /^ignorable Unsupported spec\.trafficPolicy\.retryBudget\.budgetInterval: .*the requests of the moment/
    )
    expect(trafficPolicy({ retryBudget: { budgetInterval: "1 s" } })[0]).toMatch(
      /^error InvalidValue .*expected a duration/
    )
  })

  it("is no longer empty only because something in it is not supported", () => {
    const problems = problemsOf(
      documents(
        service("reviews"),
        document("DestinationRule", "reviews", { host: "reviews", trafficPolicy: { tls: { mode: "SIMPLE" } } })
      ),
      { isLenient: true }
    )
    expect(problems.map((problem) => problem.split(" ", 2).join(" "))).toEqual(["warning Unsupported"])
  })
})

describe("a subset", () => {
  it("has a name of its own that is a DNS label", () => {
    expect(subsets([{ name: "v1" }, { name: "v2", labels: {} }])).not.toContainEqual(expect.stringMatching(/^error/))
    expect(subsets([{ name: "v1" }, { name: "v1" }])[0]).toMatch(/subsets\[1\]\.name: an earlier subset has this name/)
    expect(subsets([{ name: "v_1" }])[0]).toMatch(/expected a DNS label/)
    expect(subsets([{ labels: {} }])[0]).toMatch(/subsets\[0\]\.name: required, and missing/)
  })

  it("has labels that are strings, and is told to quote the ones that are not", () => {
    expect(subsets([{ name: "v1", labels: { version: 1 } }])).toEqual([
      "error InvalidValue spec.subsets[0].labels.version: expected string, got 1; put it in quotes"
    ])
  })
})

describe("an http rule", () => {
  it("needs a destination", () => {
    expect(http({})).toEqual(["error InvalidValue spec.http[0].route: expected a destination"])
    expect(http({ route: [] })).toHaveLength(1)
  })

  it("has weights that are not negative and not all 0", () => {
    const weighted = (...weights: ReadonlyArray<number | undefined>) =>
      http({ route: weights.map((weight) => ({ destination: { host: "reviews" }, weight })) })
    expect(weighted(90, 10)).toEqual([])
    expect(weighted(1, 0)).toEqual([])
    expect(weighted(0)).toEqual([])
    expect(weighted(0, 0)[0]).toMatch(/spec\.http\[0\]\.route: the weights add up to 0/)
    expect(weighted(undefined, undefined)[0]).toMatch(/the weights add up to 0/)
    expect(weighted(-1, 2)[0]).toMatch(/weight: expected an integer from 0/)
  })

  it("has a timeout of at least 1ms", () => {
    expect(http({ route, timeout: "0s" })[0]).toMatch(/timeout: expected at least 1ms/)
  })

  it("says nothing about retries that are switched off", () => {
    expect(http({ route, retries: { attempts: 0 } })).toEqual([])
    expect(http({ route, retries: { retryOn: "5xx" } })[0]).toMatch(/retries\.attempts: 0 and unset switch retries off/)
    expect(http({ route, retries: { attempts: 0, perTryTimeout: "1s" } })).toHaveLength(1)
  })

  it("retries on conditions that Envoy has, and on status codes", () => {
    expect(http({ route, retries: { attempts: 1, retryOn: "connect-failure, 503 ,unavailable" } })).toEqual([])
    expect(http({ route, retries: { attempts: 1, retryOn: "5xx,conect-failure,600" } })[0]).toMatch(
      /retryOn: not known: conect-failure, 600; expected status codes and any of 5xx, gateway-error/
    )
  })

  it.each(["retriable-headers", "http3-post-connect-failure"])("refuses to retry on what never holds: %s", (name) => {
    expect(http({ route, retries: { attempts: 1, retryOn: `5xx, ${name}` } })).toEqual([
      expect.stringMatching(`^ignorable Unsupported .*retries\\.retryOn: .* not supported here: ${name} never holds: `)
    ])
  })

  it("retries on what only HTTP/2 does, since HTTP/1.1 does not do it", () => {
    const retryOn = "gateway-error,connect-failure,refused-stream"
    expect(http({ route, retries: { attempts: 3, perTryTimeout: "2s", retryOn } })).toEqual([])
  })

  it("retries on endpoints that were not tried before, and not otherwise", () => {
    expect(http({ route, retries: { attempts: 1, retryIgnorePreviousHosts: true } })).toEqual([])
    expect(http({ route, retries: { attempts: 1, retryIgnorePreviousHosts: false } })[0]).toMatch(
      /^ignorable Unsupported .*retryIgnorePreviousHosts: .*not tried before, where there is one/
    )
  })

  it("rewrites something, to a path that starts with /", () => {
    expect(http({ route, rewrite: {} })[0]).toMatch(/rewrite: expected uri or authority/)
    expect(http({ route, rewrite: { uri: "v2" } })[0]).toMatch(/rewrite\.uri: expected a path that starts with \//)
  })

  it("matches text in one way only, and by a prefix that says something", () => {
    expect(http({ route, match: [{ uri: { exact: "/a", prefix: "/b" } }] })[0]).toMatch(
      /one of exact and prefix, not both/
    )
    expect(http({ route, match: [{ uri: { prefix: "" } }] })).toEqual([])
    expect(http({ route, match: [{ method: { prefix: "" } }] })[0]).toMatch(/expected a prefix that is not empty/)
  })

  it("matches header fields by names that can be names", () => {
    expect(http({ route, match: [{ headers: { "@request.auth.claims.group": { exact: "x" } } }] })[0]).toMatch(
      /headers\["@request\.auth\.claims\.group"\]: expected the name of a header field/
    )
  })
})

describe("a ServiceEntry", () => {
  it("may have any protocol of Istio's, in any case", () => {
    for (const protocol of ["http", "GRPC-Web", "Mongo", "TLS", ""]) {
      expect(entry({ ...valid, ports: [{ number: 80, name: "p", protocol }] })).toEqual([])
    }
    expect(entry({ ...valid, ports: [{ number: 80, name: "p", protocol: "HTP" }] })[0]).toMatch(
      /expected one of HTTP, HTTP2/
    )
  })

  it("has ports of its own number and name", () => {
    const ports = [
      { number: 80, name: "http" },
      { number: 80, name: "http" }
    ]
    expect(entry({ ...valid, ports })).toEqual([
      "error InvalidValue spec.ports[1].number: another port of the service has it",
      "error InvalidValue spec.ports[1].name: another port of the service has it"
    ])
    expect(entry({ ...valid, ports: [] })[0]).toMatch(/spec\.ports: expected at least one port/)
    expect(entry({ ...valid, ports: [{ number: 0, name: "p" }] })[0]).toMatch(/expected an integer from 1 to 65535/)
  })

  it("has endpoint ports by the names of its own", () => {
    expect(entry({ ...valid, endpoints: [{ address: "10.0.0.1", ports: { htpp: 80 } }] })).toEqual([
      "error InvalidValue spec.endpoints[0].ports.htpp: the service has no port of this name; it has http"
    ])
  })

  it("has IP addresses when static, names as well when not", () => {
    const endpoints = [{ address: "reviews.internal" }]
    expect(entry({ ...valid, endpoints })[0]).toMatch(/with resolution STATIC an address is an IP address/)
    expect(entry({ ...valid, endpoints, resolution: "DNS" })).toEqual([])
    expect(entry({ ...valid, endpoints: [{ address: "not a name" }], resolution: "DNS" })[0]).toMatch(
      /expected an IP address or a host name/
    )
    expect(entry({ ...valid, endpoints: [{ address: "::1" }] })).toEqual([])
    expect(entry({ ...valid, endpoints: [{ address: "unix:///run/app.sock" }] })[0]).toMatch(
      /Unix sockets are not supported/
    )
  })

  it("needs a resolution that leaves something to dial", () => {
    const { resolution: _, ...unset } = valid
    expect(entry(unset)).toEqual([
      "error InvalidValue spec.resolution: required: unset means NONE, which leaves a gateway nothing to dial"
    ])
    expect(entry({ ...valid, resolution: "NONE" })[0]).toMatch(/expected STATIC, DNS or DNS_ROUND_ROBIN.*got "NONE"/)
  })

  it("has at most one endpoint with DNS_ROUND_ROBIN", () => {
    const endpoints = [{ address: "a.test" }, { address: "b.test" }]
    expect(entry({ ...valid, endpoints, resolution: "DNS_ROUND_ROBIN" })[0]).toMatch(/at most one endpoint/)
  })

  it("has hosts that are names, and a wildcard only where nothing has to be looked up", () => {
    expect(entry({ ...valid, hosts: [] })[0]).toMatch(/expected at least one host/)
    expect(entry({ ...valid, hosts: ["*"] })[0]).toMatch(/spec\.hosts\[0\]: Istio allows no service under the host/)
    expect(entry({ ...valid, hosts: ["a..b"] })[0]).toMatch(/expected a host name/)
    expect(entry({ ...valid, hosts: ["10.0.0.1"] })[0]).toMatch(/expected a host name/)
    expect(entry({ ...valid, hosts: ["*.example.com"] })).toEqual([])
    const { endpoints: _, ...dns } = { ...valid, hosts: ["*.example.com"], resolution: "DNS" }
    expect(entry(dns)[0]).toMatch(/DNS needs a host name without a wildcard/)
  })
})
