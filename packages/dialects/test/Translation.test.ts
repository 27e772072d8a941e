/**
 * In the words of another system: what was written is read again, and what did not come back is told.
 */
import { describe, expect, it } from "vitest"
import {
  dialects,
  envoy,
  go,
  istio,
  okhttp,
  reactorNetty,
  ribbon,
  springCloudGateway,
  toPlain,
  translate,
  undici
} from "../src/index.ts"
import { valuesOf, writtenIn } from "./support/values.ts"

const pairs = dialects.flatMap((from) => dialects.map((to) => [from.spec.id, to.spec.id, from, to] as const))

describe("a translation", () => {
  it.each(pairs)(
    "of the defaults of %s to %s can be read there, and tells all that is lost",
    (_from, _to, from, to) => {
      const reading = from("")
      const { losses, text } = translate(reading, to)
      const back = to(text, { file: to.spec.form === "properties" ? "a.properties" : "a.yaml" })
      const matches = new Set(back.entries.map(({ match }) => match))
      const held = new Map(
        back.entries.map((entry) => [
          `${matches.size === 2 && entry.match !== "*" ? "*" : entry.match} ${entry.knob}`,
          entry.value
        ])
      )
      for (const entry of reading.entries) {
        const isLost = losses.some((loss) => loss.entry === entry)
        expect([entry.knob, held.get(`${entry.match} ${entry.knob}`) === entry.value]).toEqual([entry.knob, !isLost])
      }
    }
  )

  it.each(dialects.map((dialect) => [dialect.spec.id, dialect] as const))(
    "from %s to itself loses nothing",
    (_id, dialect) => {
      expect(translate(dialect(""), dialect).losses).toEqual([])
    }
  )

  it("is the file that the other system reads", () => {
    const reading = ribbon("ribbon.MaxConnectionsPerHost=50\nribbon.ConnectTimeout=250")
    expect(translate(reading, istio).text).toBe(
      `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: weir
spec:
  host: "*"
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 50
        connectTimeout: 250ms
        maxConnectionDuration: 900s
`
    )
    expect(translate(go('{"MaxConnsPerHost": 7}'), undici).text).toBe(
      `${JSON.stringify({ connections: 7, keepAliveTimeout: 90_000, keepAliveTimeoutThreshold: 0, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 30_000 }, undefined, 2)}\n`
    )
    expect(translate(reactorNetty("{maxConnections: 5, maxIdleTime: 1500ms}"), springCloudGateway).text).toContain(
      "spring.cloud.gateway.server.webflux.httpclient.pool.max-connections=5\n"
    )
    const cluster = translate(okhttp(""), envoy).text
    expect(valuesOf(envoy(cluster))).toMatchObject({
      "pool.connectionsMax": "unlimited",
      "pool.pendingMax": "unlimited",
      "pool.idleTimeout": 300_000
    })
  })

  it("tells what the other system cannot say, and what holds there instead", () => {
    const reading = ribbon("users.ribbon.MaxConnectionsPerHost=5", { file: "a.properties" })
    const losses = translate(reading, okhttp).losses.map(({ entry, instead }) => [entry.knob, entry.match, instead])
    expect(losses).toContainEqual(["pool.connectionsMax", "*", "unlimited"])
    expect(losses).toContainEqual(["pool.connectionsPerRouteMax", "http*://users:*", undefined])
  })
})

describe("a configuration to be copied", () => {
  it("has what holds for all routes at the top, and overrides for the others only", () => {
    const reading = ribbon("ribbon.MaxConnectionsPerHost=50\nusers.ribbon.MaxConnectionsPerHost=5")
    expect(writtenIn(reading)).toEqual({ "pool.connectionsPerRouteMax": 50 })
    expect(toPlain(reading)).toMatchObject({
      pool: {
        connectionsPerRouteMax: 50,
        connectionsMax: 200,
        overrides: [{ match: "http*://users:*", connectionsPerRouteMax: 5 }]
      },
      http: { retryCountMax: 1 }
    })
  })
})
