import { assert, describe, it } from "@effect/vitest"
import type { RetryPolicy } from "../../src/config/GatewayModel.ts"
import type { RetryCondition } from "../../src/config/istio/VirtualService.ts"
import { retryPauseMillis, wantsRetry } from "../../src/proxy/RetryDecision.ts"

const policy = (...conditions: ReadonlyArray<RetryCondition>): RetryPolicy => ({
  attemptCountMax: { value: 1, source: "test" },
  perTryMillis: { value: "unlimited", source: "test" },
  conditions: { value: conditions, source: "test" },
  statusCodes: [418]
})

const answered = (status: number, fields: Readonly<Record<string, string>> = {}) => ({
  _tag: "answered" as const,
  status,
  field: (name: string) => fields[name]
})

describe("an answer", () => {
  it.each([
    ["5xx", [500, 502, 599], [409, 418, 429, 200]],
    ["gateway-error", [502, 503, 504], [500, 501, 505]],
    ["retriable-4xx", [409], [400, 429, 503]],
    ["retriable-status-codes", [418], [503]],
    ["connect-failure", [], [503, 418, 409]],
    ["reset", [], [503]]
  ] as const)("is asked for again under %s by its status", (condition, again, not) => {
    for (const status of again) assert.isTrue(wantsRetry(answered(status), policy(condition), true), `${status}`)
    for (const status of not) assert.isFalse(wantsRetry(answered(status), policy(condition), true), `${status}`)
  })

  it.each([
    ["cancelled", "1"],
    ["deadline-exceeded", "4"],
    ["resource-exhausted", "8"],
    ["internal", "13"],
    ["unavailable", "14"]
  ] as const)("is asked for again under %s by gRPC's status in its head", (condition, code) => {
    assert.isTrue(wantsRetry(answered(200, { "grpc-status": code }), policy(condition), true))
    assert.isFalse(wantsRetry(answered(200, { "grpc-status": "0" }), policy(condition), true))
    assert.isFalse(wantsRetry(answered(200), policy(condition), true))
  })

  it("is never asked for again where the method must not be repeated", () => {
    assert.isFalse(wantsRetry(answered(503), policy("5xx", "gateway-error"), false))
  })

  it("of a proxy that met a limit is never asked for again", () => {
    assert.isFalse(wantsRetry(answered(503, { "x-envoy-overloaded": "true" }), policy("5xx"), true))
  })

  it("under a rate limit is asked for again under envoy-ratelimited alone", () => {
    const limited = answered(503, { "x-envoy-ratelimited": "true" })
    assert.isFalse(wantsRetry(limited, policy("5xx"), true))
    assert.isTrue(wantsRetry(limited, policy("envoy-ratelimited"), true))
  })
})

describe("a try that took too long", () => {
  it.each(["5xx", "gateway-error", "reset"] as const)(
    "is made again under %s, if the method may be repeated",
    (condition) => {
      assert.isTrue(wantsRetry({ _tag: "timed-out" }, policy(condition), true))
      assert.isFalse(wantsRetry({ _tag: "timed-out" }, policy(condition), false))
    }
  )

  it("is not made again under conditions of connects and answers", () => {
    const conditions = policy("connect-failure", "retriable-4xx", "retriable-status-codes", "reset-before-request")
    assert.isFalse(wantsRetry({ _tag: "timed-out" }, conditions, true))
  })
})

describe("the pause before a retry", () => {
  it("is a random part of a time that doubles up to a quarter of a second", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 50].map((number) => retryPauseMillis(number, 0.5)),
      [12.5, 37.5, 87.5, 125, 125, 125]
    )
    assert.strictEqual(retryPauseMillis(3, 0), 0)
  })
})
