import { describe, expect, it } from "vitest"
import { combineConfig } from "../src/index.ts"

const from = {
  config: {
    pool: {
      connectionsMax: 200,
      connectionsPerRouteMax: 50,
      overrides: [
        { match: "*", source: "ribbon.MaxConnectionsPerHost", connectionsPerRouteMax: 50, idleTimeout: 1000 },
        { match: "http://b:*", connectionsPerRouteMax: 3 }
      ]
    },
    http: { requestTimeout: 1000, retryCountMax: 1 }
  }
}

describe("a configuration that starts from another", () => {
  it("is that other where nothing stands beside it", () => {
    expect(combineConfig({ from })).toEqual(from.config)
  })

  it("is its own where there is no other", () => {
    expect(combineConfig({ pool: { connectionsMax: 3 } })).toEqual({ pool: { connectionsMax: 3 } })
  })

  it("lets what stands beside it win, over what the other says of all routes too", () => {
    const own = {
      pool: { connectionsPerRouteMax: 7, overrides: [{ match: "http://a:*", connectionsPerRouteMax: 2 }] },
      http: { retryCountMax: 0 }
    }
    expect(combineConfig({ from, ...own })).toEqual({
      pool: {
        connectionsMax: 200,
        connectionsPerRouteMax: 7,
        overrides: [
          { match: "*", source: "ribbon.MaxConnectionsPerHost", idleTimeout: 1000 },
          { match: "http://b:*", connectionsPerRouteMax: 3 },
          { match: "*", source: "pool", connectionsPerRouteMax: 7 },
          { match: "http://a:*", connectionsPerRouteMax: 2 }
        ]
      },
      http: { requestTimeout: 1000, retryCountMax: 0 }
    })
  })
})
