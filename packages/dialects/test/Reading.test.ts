/**
 * Where values come from, which of several counts, and that nothing is lost without a word.
 */
import { describe, expect, it } from "vitest"
import {
  apache5,
  envoy,
  hikari,
  hyper,
  istio,
  openFeign,
  reactorNetty,
  ribbon,
  springCloudGateway,
  undici,
  zuul
} from "../src/index.ts"
import { placeholder, sourceIn, valuesOf, writtenIn } from "./support/values.ts"

const rule = (spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec:\n${spec}`

describe("a source", () => {
  it("names the key, the file and the line", () => {
    const reading = ribbon("server.port: 80\nribbon:\n  MaxConnectionsPerHost: 50", { file: "application.yaml" })
    expect(sourceIn(reading, "pool.connectionsPerRouteMax")).toBe(
      "ribbon.MaxConnectionsPerHost, application.yaml line 3"
    )
    expect(reading.config.pool).toMatchObject({
      connectionsPerRouteMax: 50,
      sources: { connectionsPerRouteMax: "ribbon.MaxConnectionsPerHost, application.yaml line 3" }
    })
  })

  it("names the line where a long value of a properties file begins", () => {
    const reading = ribbon("# a\\\n\nribbon.ReadTimeout=\\\n  700\n", { file: "a.properties" })
    expect(sourceIn(reading, "http.responseHeadTimeout")).toBe("ribbon.ReadTimeout, a.properties line 3")
  })

  it("names the system whose default it is, or that it has no such setting", () => {
    const reading = hikari("")
    expect(sourceIn(reading, "pool.acquireTimeout")).toBe("HikariCP 6.3 default of connectionTimeout")
    expect(sourceIn(reading, "pool.pendingMax")).toBe("HikariCP has no such setting")
    expect(sourceIn(reading, "pool.leaseOrder")).toBe("HikariCP always")
  })

  it("follows YAML's merge keys and aliases to where a value is written", () => {
    const reading = hikari(
      "base: &base\n  maximumPoolSize: 3\nspring:\n  datasource:\n    hikari:\n      <<: *base\n      idleTimeout: 20000",
      { file: "a.yaml" }
    )
    expect(writtenIn(reading)).toMatchObject({ "pool.connectionsMax": 3 })
  })
})

describe("of several names for one value", () => {
  it("the newer one counts, and the other is told about", () => {
    const [old, newer] = ["ribbon.MaxHttpConnectionsPerHost=10", "ribbon.MaxConnectionsPerHost=20"]
    const reading = ribbon(`${old}\n${newer}`)
    for (const one of [reading, ribbon(`${newer}\n${old}`)]) {
      expect(valuesOf(one)).toMatchObject({ "pool.connectionsPerRouteMax": 20 })
    }
    expect(reading.notes).toContainEqual({
      source: "ribbon.MaxHttpConnectionsPerHost, line 1",
      message: "not in force: ribbon.MaxConnectionsPerHost, line 2 sets it too and comes first"
    })
  })

  it("an old one alone is taken", () => {
    expect(valuesOf(ribbon("ribbon.MaxHttpConnectionsPerHost=10"))).toMatchObject({ "pool.connectionsPerRouteMax": 10 })
    const keys = ["feign.httpclient.max-connections", "spring.cloud.openfeign.httpclient.maxConnections"]
    for (const key of keys) expect(valuesOf(openFeign(`${key}=70`))).toMatchObject({ "pool.connectionsMax": 70 })
  })

  it("the spellings of Spring are one name, except to Ribbon", () => {
    for (const name of [
      "max-total-connections",
      "maxTotalConnections",
      "max_total_connections",
      "MAX_TOTAL_CONNECTIONS"
    ]) {
      expect(valuesOf(zuul(`zuul.host.${name}=7`))).toMatchObject({ "pool.connectionsMax": 7 })
    }
    expect(() => ribbon("ribbon.max-total-connections=7")).toThrow("did you mean ribbon.MaxTotalConnections?")
  })
})

describe("Spring's files", () => {
  const text = `
spring.cloud.gateway.httpclient.pool:
  type: FIXED
  max-connections: \${POOL_MAX:40}
---
spring.config.activate.on-profile: prod
spring.cloud.gateway.httpclient.pool.max-connections: 400
`

  it("hold a document for a profile back until the profile is active", () => {
    const reading = springCloudGateway(text, { file: "application.yaml" })
    expect(valuesOf(reading)).toMatchObject({ "pool.connectionsPerRouteMax": 40 })
    expect(reading.notes.map(({ message }) => message)).toEqual([
      `read as 40, the default in ${placeholder("POOL_MAX:40")}`,
      "what stands in its document was not read, since the profile prod is not among the active ones"
    ])
    const active = springCloudGateway(text, { profiles: ["prod"] })
    expect(valuesOf(active)).toMatchObject({ "pool.connectionsPerRouteMax": 400 })
  })

  it("may hold what belongs to others", () => {
    expect(ribbon("server.port=80\nzuul.host.x=1\nspring.a.ribbon.b=2").unmapped).toEqual([])
  })
})

describe("a value without effect in its own system", () => {
  it("has none here, and is told about", () => {
    const elastic = springCloudGateway("spring.cloud.gateway.httpclient.pool.max-connections=10")
    expect(valuesOf(elastic)["pool.connectionsPerRouteMax"]).toBeUndefined()
    expect(elastic.notes[0]?.message).toBe("without effect, as in Spring Cloud Gateway: the pool's type is ELASTIC")
    const lax = apache5("{poolConcurrencyPolicy: LAX, maxConnTotal: 9}")
    expect(valuesOf(lax)["pool.connectionsMax"]).toBe("unlimited")
    expect(lax.notes[0]?.message).toBe("not in force: the policy LAX has no total")
    const fixed = hikari("idleTimeout=60000")
    expect(valuesOf(fixed)["pool.idleTimeout"]).toBe("never")
    expect(fixed.notes[0]?.message).toContain("minimumIdle equals maximumPoolSize")
    const waiting = ribbon("ribbon.ConnectionManagerTimeout=500")
    expect(waiting.unmapped[0]?.why).toBe("Spring Cloud's Apache client never reads it: callers wait without end there")
  })
})

describe("a value for one route of what only a whole client can have", () => {
  it("is not carried over, and says what to do", () => {
    const reading = ribbon("users.ribbon.ReadTimeout=500", { file: "a.properties" })
    expect(writtenIn(reading, "http*://users:*")).toEqual({})
    expect(reading.unmapped).toEqual([
      {
        key: "users.ribbon.ReadTimeout",
        value: "500",
        source: "users.ribbon.ReadTimeout, a.properties line 1",
        why: "http.responseHeadTimeout holds for a whole client, and this is said of http*://users:* only",
        todo: "give http*://users:* a client of its own"
      }
    ])
  })
})

describe("a value with a unit of its own", () => {
  it("is not counted in the unit that stands beside it", () => {
    const text = (value: string) => `evictIdleConnections: ${value}\nevictIdleConnectionsTimeUnit: SECONDS`
    expect(valuesOf(apache5(text("15")))).toMatchObject({ "pool.idleTimeout": 15_000 })
    expect(valuesOf(apache5(text("15s")))).toMatchObject({ "pool.idleTimeout": 15_000 })
  })
})

describe("null", () => {
  it("is unset, except where it has a meaning of its own", () => {
    expect(valuesOf(hikari("maximumPoolSize:\nminimumIdle: ~", { file: "a.yaml" }))).toMatchObject({
      "pool.connectionsMax": 10
    })
    expect(valuesOf(hyper("pool_idle_timeout: null"))).toMatchObject({ "pool.idleTimeout": "never" })
    expect(valuesOf(undici('{"connections": null}'))).toMatchObject({ "pool.connectionsPerRouteMax": "unlimited" })
  })
})

describe("a password", () => {
  it("is in no reading, whatever key it stands under", () => {
    const reading = hikari(
      "password=51mp50n\njdbcUrl=jdbc:mysql://bart:51mp50n@db/a\ndataSource.url=jdbc:a?password=51mp50n"
    )
    expect(JSON.stringify(reading)).not.toContain("51mp50n")
    expect(reading.unmapped.map(({ value }) => value)).toEqual(["(not shown)", "(not shown)", "(not shown)"])
  })
})

describe("reactor-netty's pendingAcquireMaxCount 0", () => {
  it("lets nobody wait, with a note about the releases that refuse it", () => {
    const reading = reactorNetty("pendingAcquireMaxCount: 0")
    expect(valuesOf(reading)).toMatchObject({ "pool.pendingPerRouteMax": 0 })
    expect(reading.notes.map(({ message }) => message)).toContain(
      "reactor-netty takes 0, by which nobody waits, since 1.2.12"
    )
  })
})

describe("reactor-netty's forRemoteHost", () => {
  it("inherits nothing from the pool around it", () => {
    const reading = reactorNetty("{maxConnections: 5, maxIdleTime: 10s, forRemoteHost: {a.test: {maxIdleTime: 3s}}}")
    expect(valuesOf(reading, "http*://a.test:*")).toMatchObject({
      "pool.connectionsPerRouteMax": 16,
      "pool.pendingPerRouteMax": 32,
      "pool.idleTimeout": 3000
    })
  })
})

describe("an Envoy configuration", () => {
  it("is read for the cluster that is asked for, and leaves thresholds of priority HIGH aside, saying so", () => {
    const text = `
static_resources:
  listeners: []
  clusters:
  - name: a
    circuit_breakers: {thresholds: [{max_connections: 1}]}
  - name: b
    circuit_breakers:
      thresholds:
      - {max_connections: 2}
      - {priority: HIGH, max_connections: 3}
`
    const reading = envoy(text, { cluster: "b" })
    expect(valuesOf(reading)).toMatchObject({ "pool.name": "b", "pool.connectionsMax": 2 })
    expect(reading.unmapped.map(({ key }) => key)).toEqual([
      "static_resources.clusters[1].circuit_breakers.thresholds[1].priority",
      "static_resources.clusters[1].circuit_breakers.thresholds[1].max_connections"
    ])
  })
})

describe("Istio's inheritance", () => {
  const text = rule(`  host: a.test
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 100, connectTimeout: 1s}
      http: {http2MaxRequests: 50}
    portLevelSettings:
    - port: {number: 8080}
      connectionPool: {tcp: {maxConnections: 7}}
  subsets:
  - name: v1
    trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}
  - name: v2
    trafficPolicy:
      portLevelSettings: [{port: {number: 9090}}]
`)

  it("lets an entry for a port take the place of the whole policy", () => {
    const reading = istio(text)
    expect(writtenIn(reading, "http*://a.test:*")).toEqual({
      "pool.connectionsPerRouteMax": 100,
      "pool.connectTimeout": 1000,
      "pool.activePerRouteMax": 50
    })
    expect(valuesOf(reading, "http*://a.test:8080")).toEqual({
      "pool.connectionsPerRouteMax": 7,
      "pool.connectTimeout": 10_000,
      "pool.activePerRouteMax": "unlimited"
    })
    expect(sourceIn(reading, "pool.connectTimeout", "http*://a.test:8080")).toMatch(
      /^Istio default, since spec\.trafficPolicy\.portLevelSettings\[0\], line \d+ takes the whole place$/
    )
  })

  it("lets a subset replace a block whole, and notes what a merge by fields would have kept", () => {
    const reading = istio(text, { subset: "v1" })
    expect(writtenIn(reading, "http*://a.test:*")).toEqual({ "pool.usesPerConnectionMax": 1 })
    const lost = reading.notes.filter(({ message }) => message.startsWith("out of force"))
    expect(lost.map(({ source }) => source.split(",")[0])).toEqual([
      "spec.trafficPolicy.connectionPool.tcp.maxConnections",
      "spec.trafficPolicy.connectionPool.tcp.connectTimeout",
      "spec.trafficPolicy.connectionPool.http.http2MaxRequests"
    ])
  })

  it("lets a subset's entry for a port take all blocks away, even those that it leaves out", () => {
    const reading = istio(text, { subset: "v2" })
    expect(writtenIn(reading, "http*://a.test:9090")).toEqual({})
    expect(valuesOf(reading, "http*://a.test:9090")).toMatchObject({ "pool.connectionsPerRouteMax": "unlimited" })
  })

  it("takes the more specific of two rules for a host, and nothing of the other", () => {
    const wide = rule(
      "  host: '*.test'\n  trafficPolicy: {connectionPool: {tcp: {maxConnections: 5, connectTimeout: 2s}}}"
    )
    const own = rule("  host: a.test\n  trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}")
    const reading = istio(`${own}\n---\n${wide}`)
    expect(valuesOf(reading, "http*://a.test:*")).toEqual({
      "pool.connectionsPerRouteMax": 9,
      "pool.connectTimeout": 10_000
    })
    const matches = reading.config.pool?.overrides?.map(({ match }) => match) ?? []
    expect(matches.lastIndexOf("http*://*.test:*")).toBeLessThan(matches.indexOf("http*://a.test:*"))
  })

  it("notes that a host without its domain has a longer name in Istio", () => {
    const [note] = istio(rule("  host: reviews")).notes
    expect(note).toEqual({
      source: "spec.host, line 5",
      message:
        "holds for calls to reviews; to Istio that is reviews.<namespace>.svc.cluster.local too, so write it whole where calls do"
    })
  })

  it("passes over resources that are no DestinationRules, saying so", () => {
    const reading = istio(`kind: VirtualService\nspec: {hosts: [a]}\n---\n${rule("  host: a.test")}`)
    expect(reading.notes.map(({ message }) => message)).toEqual([
      "a VirtualService says nothing about connections, and was not read"
    ])
  })
})
