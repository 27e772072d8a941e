import { describe, expect, it } from "@effect/vitest"
import { didYouMean, nearestKey } from "../src/index.ts"

const keys = [
  "http1MaxPendingRequests",
  "http2MaxRequests",
  "maxRequestsPerConnection",
  "maxRetries",
  "idleTimeout",
  "tcp"
]

describe("nearestKey", () => {
  it.each([
    ["http1MaxPendingRequest", "http1MaxPendingRequests"],
    ["http1maxpendingrequests", "http1MaxPendingRequests"],
    ["max_requests_per_connection", "maxRequestsPerConnection"],
    ["max_retries", "maxRetries"],
    ["TCP", "tcp"],
    ["maxRetires", "maxRetries"],
    ["idelTimeout", "idleTimeout"]
  ])("takes %s for %s", (written, meant) => {
    expect(nearestKey(written, keys)).toBe(meant)
  })

  it("takes nothing for a name that is too far from all", () => {
    expect(nearestKey("connectionPool", keys)).toBeUndefined()
    expect(didYouMean("connectionPool", keys)).toBe("")
  })

  it("takes two neighbours in the wrong order for one slip", () => {
    expect(nearestKey("tpc", ["tcp"])).toBe("tcp")
    expect(didYouMean("tpc", ["udp", "tcp"])).toBe("; did you mean tcp?")
  })

  it("takes the closest of several that are close", () => {
    expect(nearestKey("http2MaxRequest", ["http1MaxRequests", "http2MaxRequests"])).toBe("http2MaxRequests")
  })

  it("lets a short name differ in one character", () => {
    expect(nearestKey("v2", ["v1"])).toBe("v1")
    expect(nearestKey("v2", ["w1"])).toBeUndefined()
  })
})
