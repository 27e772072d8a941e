/**
 * What cannot be used is refused whole, with the file, the line, the key and the nearest valid one.
 */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { DialectError, type DialectOptions, dialectOf, ribbon } from "../src/index.ts"
import { placeholder } from "./support/values.ts"

const problemsIn = (id: string, text: string | object, options: DialectOptions = {}): ReadonlyArray<string> => {
  const read = dialectOf(id)?.read(text, { file: "a.yaml", ...options })
  return read !== undefined && Result.isFailure(read) ? read.failure.message.split("\n  ").slice(1) : []
}

const table: ReadonlyArray<
  readonly [what: string, id: string, text: string | object, problem: string, DialectOptions?]
> = [
  [
    "a mistyped key",
    "ribbon",
    "ribbon:\n  MaxConnectionPerHost: 50",
    "a.yaml:2: ribbon.MaxConnectionPerHost: unknown key; did you mean ribbon.MaxConnectionsPerHost?"
  ],
  [
    "a key in the wrong case, where case counts",
    "ribbon",
    "ribbon.maxTotalConnections: 5",
    "a.yaml:1: ribbon.maxTotalConnections: unknown key; did you mean ribbon.MaxTotalConnections?"
  ],
  [
    "a mistyped key of one client",
    "ribbon",
    "users:\n  ribbon:\n    ReadTimeouts: 5",
    "a.yaml:3: users.ribbon.ReadTimeouts: unknown key; did you mean ribbon.ReadTimeout?"
  ],
  [
    "a key that resembles nothing",
    "zuul",
    "zuul.host.xyzzy: 5",
    "a.yaml:1: zuul.host.xyzzy: unknown key; there are maxTotalConnections, maxPerRouteConnections, socketTimeoutMillis, connectTimeoutMillis, connectionRequestTimeoutMillis, timeToLive, timeUnit"
  ],
  [
    "a word for a number",
    "hikari",
    "maximumPoolSize: many",
    'a.yaml:1: maximumPoolSize: expected a whole number above 0, not "many"'
  ],
  [
    "a fraction of a connection",
    "go",
    '{"MaxIdleConns": 1.5}',
    "a.yaml:1: MaxIdleConns: expected a whole number, 0 for unlimited, negative for unlimited, not 1.5"
  ],
  [
    "a number in quotes, where types count",
    "undici",
    '{"connections": "10"}',
    'a.yaml:1: connections: expected a whole number, 0 for unlimited, not "10"'
  ],
  [
    "a negative count",
    "okhttp",
    "connectionPool: {maxIdleConnections: -1}",
    "a.yaml:1: connectionPool.maxIdleConnections: expected a whole number, not -1"
  ],
  [
    "a time without its unit",
    "hyper",
    "pool_idle_timeout: 90",
    'a.yaml:1: pool_idle_timeout: expected a duration such as "10s" or "250ms", not 90'
  ],
  [
    "less time than the system takes",
    "hikari",
    "idleTimeout: 500",
    'a.yaml:1: idleTimeout: expected a number of milliseconds or a duration such as "10s" or "250ms" or "PT10S", 0 for never, at least 10000 ms, not 500'
  ],
  [
    "a word that is none of a key's",
    "apache5",
    "connPoolPolicy: RANDOM",
    'a.yaml:1: connPoolPolicy: expected one of LIFO, FIFO, not "RANDOM"'
  ],
  [
    "a value where there is more inside",
    "okhttp",
    "connectionPool: 5",
    "a.yaml:1: connectionPool: expected a mapping with maxIdleConnections, keepAliveDuration, timeUnit"
  ],
  [
    "a ping later than the end of a connection",
    "hikari",
    "maxLifetime: 60000\nkeepaliveTime: 90000",
    "a.yaml:2: keepaliveTime: expected less than maxLifetime 60000 ms; raise that, or lower this"
  ],
  [
    "two ways to choose a protocol",
    "istio",
    "host: a\ntrafficPolicy: {connectionPool: {http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}}}",
    "a.yaml:2: trafficPolicy.connectionPool.http.useClientProtocol: Istio refuses it together with h2UpgradePolicy UPGRADE; keep one of them"
  ],
  [
    "a rule for no host",
    "istio",
    "trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}",
    "a.yaml:1: host: expected the host that the rule is for, such as reviews.prod.svc.cluster.local"
  ],
  [
    "a mistyped part of a rule",
    "istio",
    "host: a\ntraficPolicy: {tls: {mode: SIMPLE}}",
    "a.yaml:2: traficPolicy.tls.mode: unknown key; did you mean trafficPolicy?"
  ],
  [
    "a limit below zero",
    "istio",
    "host: a\ntrafficPolicy: {connectionPool: {tcp: {maxConnections: -1}}}",
    "a.yaml:2: trafficPolicy.connectionPool.tcp.maxConnections: expected a whole number, 0 for unlimited, not -1"
  ],
  [
    "a subset that there is not",
    "istio",
    "host: a\nsubsets: [{name: v1}]",
    "a.yaml:1: subsets: there is none of the name v2; there are v1",
    { subset: "v2" }
  ],
  [
    "several clusters",
    "envoy",
    "clusters: [{name: a}, {name: b}]",
    "a.yaml: clusters: there are 2: a, b; say which is meant, since a cluster has a pool of its own"
  ],
  [
    "a cluster that there is not",
    "envoy",
    "clusters: [{name: a}]",
    "a.yaml: clusters: there is none of the name b; there are a",
    { cluster: "b" }
  ],
  [
    "a mistyped threshold",
    "envoy",
    "circuit_breakers: {thresholds: [{max_connection: 5}]}",
    "a.yaml:1: circuit_breakers.thresholds[0].max_connection: unknown key; did you mean circuit_breakers.thresholds[].max_connections?"
  ],
  [
    "a placeholder without a default",
    "spring-cloud-gateway",
    `spring.cloud.gateway.httpclient.pool.max-connections: ${placeholder("MAX")}`,
    `a.yaml:1: spring.cloud.gateway.httpclient.pool.max-connections: the value of ${placeholder("MAX")} is not known here; write it, or a default: ${placeholder("NAME:default")}`
  ],
  [
    "a key that its version does not have",
    "spring-cloud-gateway",
    "spring.cloud.gateway.httpclient.pool.leasing-strategy: lifo",
    "a.yaml:1: spring.cloud.gateway.httpclient.pool.leasing-strategy: Spring Cloud Gateway 4.1 has no such key; it is one of 4.3",
    { version: "4.1" }
  ],
  [
    "a bound on waiting that its version does not take",
    "reactor-netty",
    "pendingAcquireMaxCount: 0",
    "a.yaml:1: pendingAcquireMaxCount: reactor-netty 1.1 does not take 0; write 1 or more, or -1 for no bound",
    { version: "1.1" }
  ],
  [
    "a version whose defaults nobody has looked up",
    "okhttp",
    "",
    "no defaults are known of version 2; there are those of 5, 4, 3",
    { version: "2" }
  ]
]

describe("a configuration that cannot be used", () => {
  const cases = table.map(([what, id, text, problem, options = {}]) => [what, id, { text, problem, options }] as const)

  it.each(cases)("is refused for %s in the words of %s", (_what, id, { options, problem, text }) => {
    expect(problemsIn(id, text, options)).toEqual([problem])
  })

  it("is refused for text that is not YAML, with the line", () => {
    expect(problemsIn("okhttp", "a: [1\nb: 2")[0]).toMatch(/^a\.yaml:2: /)
  })

  it("shows every problem at once, in a properties file by its lines", () => {
    const text = "# limits\nribbon.MaxTotalConnections=no\n\nusers.ribbon.MaxConnectionsPerHost=0\n"
    expect(problemsIn("ribbon", text, { file: "a.properties" })).toEqual([
      'a.properties:2: ribbon.MaxTotalConnections: expected a whole number above 0, not "no"',
      'a.properties:4: users.ribbon.MaxConnectionsPerHost: expected a whole number above 0, not "0"'
    ])
  })

  it("is refused by an error that is thrown where the dialect is called", () => {
    expect(() => ribbon("ribbon.x=1")).toThrow(DialectError)
    expect(() => ribbon("ribbon.x=1")).toThrow(
      /^Ribbon: 1 problem; nothing was applied\.\n {2}line 1: ribbon\.x: unknown key/
    )
  })

  it("may be an object, which has no lines", () => {
    expect(problemsIn("okhttp", { connectTimeout: "soon" }, { file: "client.ts" })).toEqual([
      'client.ts: connectTimeout: expected a number of milliseconds or a duration such as "10s" or "250ms", 0 for never, not "soon"'
    ])
  })
})
