/**
 * With an empty input each dialect gives that system's defaults. Where each stands in that system's source, its table
 * says (`cite`).
 */
import { describe, expect, it } from "vitest"
import { dialectOf, dialects, type Knob, type KnobValue, unlimited } from "../src/index.ts"
import { valuesOf } from "./support/values.ts"

type Values = Partial<Record<Knob, KnobValue>>

const apache4: Values = {
  "pool.connectionsMax": 20,
  "pool.connectionsPerRouteMax": 2,
  "pool.acquireTimeout": "never",
  "pool.connectTimeout": "never",
  "pool.lifetime": "never",
  "pool.validateAfterInactivity": 2000,
  "pool.leaseOrder": "lifo",
  "http.responseHeadTimeout": "never",
  "http.bodyIdleTimeout": "never",
  "http.retryCountMax": 3,
  "http.isDecoding": true,
  "http.redirectCountMax": 50
}

const okhttp: Values = {
  "pool.idleMax": 5,
  "pool.idleTimeout": 300_000,
  "pool.connectTimeout": 10_000,
  "pool.validateAfterInactivity": 10_000,
  "http.responseHeadTimeout": 10_000,
  "http.bodyIdleTimeout": 10_000,
  "http.requestTimeout": "never",
  "http.retryCountMax": 100,
  "http.isDecoding": true,
  "http.redirectCountMax": 20
}

const reactorNetty: Values = {
  "pool.connectionsPerRouteMax": 16,
  "pool.pendingPerRouteMax": 32,
  "pool.acquireTimeout": 45_000,
  "pool.connectTimeout": 30_000,
  "pool.idleTimeout": "never",
  "pool.lifetime": "never",
  "pool.lifetimeJitterRatio": 0,
  "pool.leaseOrder": "fifo",
  "http.retryCountMax": 1,
  "http.isDecoding": false
}

const hikari: Values = {
  "pool.connectionsMax": 10,
  "pool.connectionsPerRouteMax": 10,
  "pool.idlePerRouteMin": 10,
  "pool.acquireTimeout": 30_000,
  "pool.connectTimeout": 30_000,
  "pool.idleTimeout": "never",
  "pool.lifetime": 1_800_000,
  "pool.lifetimeJitterRatio": 0.25,
  "pool.validateAfterInactivity": 500,
  "pool.validationTimeout": 5000,
  "pool.pingInterval": 120_000,
  "pool.pingJitterRatio": 0.2,
  "pool.leaseOrder": "lifo",
  "pool.leakThreshold": "never"
}

const go: Values = {
  "pool.idleMax": 100,
  "pool.idlePerRouteMax": 2,
  "pool.connectionsPerRouteMax": "unlimited",
  "pool.connectTimeout": 30_000,
  "pool.idleTimeout": 90_000,
  "pool.leaseOrder": "lifo",
  "http.responseHeadTimeout": "never",
  "http.expectContinueTimeout": 1000,
  "http.retryCountMax": 100,
  "http.isDecoding": true,
  proxy: "environment"
}

const { proxy: ____, ...goZero } = go

const undici: Values = {
  "pool.connectionsPerRouteMax": "unlimited",
  "pool.connectTimeout": 10_000,
  "pool.idleTimeout": 4000,
  "pool.idleHintMargin": 2000,
  "http.responseHeadTimeout": 300_000,
  "http.bodyIdleTimeout": 300_000
}

const scg: Values = {
  "pool.name": "proxy",
  "pool.mode": "unlimited",
  "pool.connectTimeout": 30_000,
  "pool.leaseOrder": "fifo",
  "http.retryCountMax": 1,
  "http.isDecoding": false,
  "tls.verification": "full"
}

const feign: Values = {
  "pool.connectionsMax": 200,
  "pool.connectionsPerRouteMax": 50,
  "pool.acquireTimeout": 180_000,
  "pool.connectTimeout": 10_000,
  "pool.idleTimeout": 180_000,
  "pool.lifetime": 900_000,
  "pool.validateAfterInactivity": 2000,
  "pool.leaseOrder": "fifo",
  "http.responseHeadTimeout": 60_000,
  "http.bodyIdleTimeout": 60_000,
  "http.retryCountMax": 1,
  "http.redirectCountMax": 50,
  "tls.verification": "full"
}

const { "pool.acquireTimeout": _, "pool.idleTimeout": __, "pool.leaseOrder": ___, ...feignOlder } = feign

const ribbon: Values = {
  "pool.connectionsMax": 200,
  "pool.connectionsPerRouteMax": 50,
  "pool.connectTimeout": 1000,
  "pool.lifetime": 900_000,
  "pool.validateAfterInactivity": 2000,
  "pool.leaseOrder": "lifo",
  "http.responseHeadTimeout": 1000,
  "http.bodyIdleTimeout": 1000,
  "http.retryCountMax": 1
}

const table: ReadonlyArray<readonly [id: string, version: string, values: Values]> = [
  [
    "istio",
    "v1",
    {
      "pool.connectionsPerRouteMax": "unlimited",
      "pool.pendingPerRouteMax": "unlimited",
      "pool.pendingIncludesDialling": true,
      "pool.activePerRouteMax": "unlimited",
      "pool.activeOverflow": "refuse",
      "pool.usesPerConnectionMax": "unlimited",
      "pool.connectTimeout": 10_000,
      "pool.idleTimeout": 3_600_000,
      "http.retryBudgetRatio": 0,
      "http.retryBudgetCountMin": 100_000
    }
  ],
  [
    "envoy",
    "v3",
    {
      "pool.connectionsMax": 1024,
      "pool.connectionsPerRouteMax": 1024,
      "pool.pendingMax": 1024,
      "pool.pendingPerRouteMax": 1024,
      "pool.pendingIncludesDialling": true,
      "pool.activeMax": 1024,
      "pool.activePerRouteMax": 1024,
      "pool.activeOverflow": "refuse",
      "pool.connectTimeout": 5000,
      "pool.idleTimeout": 3_600_000,
      "http.retryBudgetRatio": 0,
      "http.retryBudgetCountMin": 3,
      "http.bodyBufferByteCount": 1_048_576
    }
  ],
  ["ribbon", "spring-cloud-netflix", ribbon],
  [
    "ribbon",
    "ribbon",
    {
      "pool.connectionsMax": 200,
      "pool.connectionsPerRouteMax": 50,
      "pool.acquireTimeout": 2000,
      "pool.connectTimeout": 2000,
      "pool.idleTimeout": 30_000,
      "pool.lifetime": 900_000,
      "pool.leaseOrder": "lifo",
      "http.responseHeadTimeout": 5000,
      "http.bodyIdleTimeout": 5000,
      "http.retryCountMax": 1
    }
  ],
  [
    "zuul",
    "1",
    {
      "pool.connectionsMax": 200,
      "pool.connectionsPerRouteMax": 20,
      "pool.acquireTimeout": "never",
      "pool.connectTimeout": 2000,
      "pool.lifetime": "never",
      "pool.validateAfterInactivity": 2000,
      "pool.leaseOrder": "lifo",
      "http.responseHeadTimeout": 10_000,
      "http.bodyIdleTimeout": 10_000,
      "http.retryCountMax": 3
    }
  ],
  ["openfeign", "4", feign],
  ["openfeign", "3.1", { ...feignOlder, "http.retryCountMax": 3 }],
  ["spring-cloud-gateway", "4.3", scg],
  ["spring-cloud-gateway", "4.1", scg],
  ["spring-cloud-gateway", "3.1", scg],
  ["apache4", "4.5", apache4],
  [
    "apache5",
    "5",
    {
      "pool.connectionsMax": 25,
      "pool.connectionsPerRouteMax": 5,
      "pool.acquireTimeout": 180_000,
      "pool.connectTimeout": 180_000,
      "pool.idleTimeout": 180_000,
      "pool.lifetime": "never",
      "pool.validateAfterInactivity": 2000,
      "pool.leaseOrder": "lifo",
      "http.retryCountMax": 1,
      "http.isDecoding": true,
      "http.redirectCountMax": 50
    }
  ],
  ["okhttp", "5", okhttp],
  ["okhttp", "4", okhttp],
  ["okhttp", "3", okhttp],
  ["reactor-netty", "1.2", reactorNetty],
  ["reactor-netty", "1.1", reactorNetty],
  ["reactor-netty", "1.0", reactorNetty],
  ["hikari", "6.3", hikari],
  ["hikari", "6.2.1", { ...hikari, "pool.pingJitterRatio": 0.1 }],
  [
    "hikari",
    "5.1",
    { ...hikari, "pool.lifetimeJitterRatio": 0.025, "pool.pingInterval": "never", "pool.pingJitterRatio": 0.1 }
  ],
  ["go", "DefaultTransport", go],
  [
    "go",
    "Transport{}",
    {
      ...goZero,
      "pool.idleMax": "unlimited",
      "pool.connectTimeout": "never",
      "pool.idleTimeout": "never",
      "http.expectContinueTimeout": 0
    }
  ],
  ["pingora", "0.6", { "pool.idleMax": 128, "http.retryCountMax": 16, "tls.verification": "full" }],
  ["pingora", "0.5", { "pool.idleMax": 128, "http.retryCountMax": 16, "tls.verification": "full" }],
  ["hyper", "0.1", { "pool.idleTimeout": 90_000, "pool.leaseOrder": "lifo", "http.retryCountMax": 100 }],
  ["undici", "8", undici],
  ["undici", "7", undici],
  [
    "node-agent",
    "globalAgent",
    { "pool.idlePerRouteMax": 256, "pool.idleTimeout": 5000, "pool.idleHintMargin": 1000, "pool.leaseOrder": "lifo" }
  ],
  [
    "node-agent",
    "new Agent()",
    {
      "pool.mode": "disabled",
      "pool.idlePerRouteMax": 256,
      "pool.idleTimeout": "never",
      "pool.idleHintMargin": 1000,
      "pool.leaseOrder": "lifo"
    }
  ]
]

describe("an empty configuration", () => {
  it.each(table)("gives the defaults of %s %s", (id, version, values) => {
    const reading = dialectOf(id)?.("", { version })
    expect(reading === undefined ? undefined : valuesOf(reading)).toEqual(values)
  })

  it("has been stated for every dialect and every version that it knows", () => {
    const known = dialects.flatMap(({ spec }) => spec.versions.map((version) => `${spec.id} ${version}`))
    expect(table.map(([id, version]) => `${id} ${version}`).sort()).toEqual(known.sort())
  })

  it.each(dialects.map((dialect) => [dialect.spec.id, dialect] as const))(
    "leaves none of our own limits in force for %s",
    (_id, dialect) => {
      const knobs = new Set(dialect({}).entries.map(({ knob }) => String(knob)))
      expect(Object.keys(unlimited).filter((knob) => !knobs.has(knob))).toEqual([])
    }
  )

  it("asks how many processors the machine has, where a default depends on it", () => {
    const values = (processorCount: number) => {
      const reading = dialectOf("reactor-netty")?.("", { processorCount })
      return reading === undefined ? {} : valuesOf(reading)
    }
    expect(values(32)).toMatchObject({ "pool.connectionsPerRouteMax": 64, "pool.pendingPerRouteMax": 128 })
    expect(values(2)).toMatchObject({ "pool.connectionsPerRouteMax": 16, "pool.pendingPerRouteMax": 32 })
  })
})
