import { describe, expect, it } from "@effect/vitest"
import { didYouMean, nearestName } from "../../src/config/nearestName.ts"

const keys = [
  "http1MaxPendingRequests",
  "http2MaxRequests",
  "maxRequestsPerConnection",
  "maxRetries",
  "idleTimeout",
  "tcp"
]

describe("nearestName", () => {
  it.each([
    ["http1MaxPendingRequest", "http1MaxPendingRequests"],
    ["http1maxpendingrequests", "http1MaxPendingRequests"],
    ["max_requests_per_connection", "maxRequestsPerConnection"],
    ["max_retries", "maxRetries"],
    ["TCP", "tcp"],
    ["maxRetires", "maxRetries"],
    ["idelTimeout", "idleTimeout"]
  ])("takes %s for %s", (written, meant) => {
    expect(nearestName(written, keys)).toBe(meant)
  })

  it("takes nothing for a name that is too far from all", () => {
    expect(nearestName("connectionPool", keys)).toBeUndefined()
    expect(didYouMean("connectionPool", keys)).toBe("")
  })

  it("takes the closest of several that are close", () => {
    expect(nearestName("http2MaxRequest", ["http1MaxRequests", "http2MaxRequests"])).toBe("http2MaxRequests")
  })

  it("lets a short name differ in one character", () => {
    expect(nearestName("v2", ["v1"])).toBe("v1")
    expect(nearestName("v2", ["w1"])).toBeUndefined()
  })
})
