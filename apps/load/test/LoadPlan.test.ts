import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { LoadOptions } from "../src/LoadOptions.ts"
import { planLoad } from "../src/LoadPlan.ts"

const planned = (options: LoadOptions) => Result.getOrThrow(planLoad(options))

const refusal = (options: LoadOptions): string => {
  const error = Result.getOrThrow(Result.flip(planLoad(options)))
  assert.strictEqual(error.reason, "InvalidOption")
  return error.message
}

describe("LoadPlan", () => {
  it("takes fortio's defaults: 4 callers, 8 calls per second, 5 seconds, 3 seconds for each call", () => {
    const plan = planned({ url: "http://a.test" })
    assert.strictEqual(plan.pacings.length, 4)
    assert.deepStrictEqual(
      plan.pacings.map((pacing) => pacing.callCountMax),
      [10, 10, 10, 10]
    )
    assert.strictEqual(plan.durationMillis, 5_000)
    assert.strictEqual(plan.timeoutMillis, 3_000)
  })

  it("dials the URL's host and port and asks for its path and query", () => {
    const { head, target } = planned({ url: "http://[::1]:8080/a/b?c=d#e" })
    assert.deepStrictEqual(target, { address: { _tag: "Tcp", host: "::1", port: 8080 } })
    assert.strictEqual(head.target, "/a/b?c=d")
    assert.deepStrictEqual(head.headers.slice(0, 2), ["Host", "[::1]:8080"])
    assert.strictEqual(head.method, "GET")
    assert.deepStrictEqual(head.body, { _tag: "empty" })
  })

  it("means http where the URL has no scheme", () => {
    assert.deepStrictEqual(planned({ url: "localhost:8080" }).target.address, {
      _tag: "Tcp",
      host: "localhost",
      port: 8080
    })
    assert.deepStrictEqual(planned({ url: "a.test/x" }).target.address, { _tag: "Tcp", host: "a.test", port: 80 })
  })

  it("verifies an https server unless told otherwise", () => {
    assert.deepStrictEqual(planned({ url: "https://a.test" }).target, {
      address: { _tag: "Tcp", host: "a.test", port: 443 },
      tls: { alpn: ["http/1.1"], verification: "full" }
    })
    assert.strictEqual(
      planned({ url: "https://a.test", verification: "unverified" }).target.tls?.verification,
      "unverified"
    )
  })

  it("lets a given Host and User-Agent replace its own", () => {
    const { head } = planned({
      url: "http://a.test",
      headers: [
        ["host", "b.test"],
        ["USER-AGENT", "me"],
        ["x-twice", "1"],
        ["x-twice", "2"]
      ]
    })
    assert.deepStrictEqual(head.headers, ["host", "b.test", "USER-AGENT", "me", "x-twice", "1", "x-twice", "2"])
  })

  it("posts a payload, unless a method is given", () => {
    const { body, method } = planned({ url: "http://a.test", payload: "ä" }).head
    assert.strictEqual(method, "POST")
    assert.deepStrictEqual(body, { _tag: "bytes", bytes: new Uint8Array([0xc3, 0xa4]) })
    assert.strictEqual(planned({ url: "http://a.test", payload: "x", method: "PUT" }).head.method, "PUT")
  })

  it("says in one line what will run, and that there are fewer callers where there are too few calls for them", () => {
    const url = "http://a.test/"
    assert.strictEqual(planned({ url }).description, `Starting at 8 qps with 4 caller(s) for 5 s: ${url}`)
    assert.strictEqual(
      planned({ url, qps: "max", requestCount: 3 }).description,
      `Starting at max qps with 3 caller(s) (not 4: too few calls) for exactly 3 calls: ${url}`
    )
    assert.strictEqual(
      planned({ url, qps: 0.5, duration: Number.POSITIVE_INFINITY }).description,
      `Starting at 0.5 qps with 4 caller(s) until interrupted: ${url}`
    )
  })

  it("refuses what it cannot run, naming the value and what to give", () => {
    const url = "http://a.test"
    assert.include(refusal({ url, concurrency: 0 }), "concurrency is 0")
    assert.include(refusal({ url, concurrency: 65_536 }), "65536")
    assert.include(refusal({ url, requestCount: 1.5 }), "1.5")
    assert.include(refusal({ url, duration: 0 }), "duration")
    assert.include(refusal({ url, timeout: 0 }), "timeout")
    assert.include(refusal({ url, qps: 0 }), "rate is 0")
    assert.include(refusal({ url, qps: Number.NaN }), "rate is NaN")
    assert.include(refusal({ url: "http://" }), '"http://" is no URL')
    assert.include(refusal({ url: "http://a b" }), "is no URL")
    assert.include(refusal({ url: "ftp://a.test" }), "ftp:")
    assert.include(refusal({ url: "http://me:pw@a.test" }), "Authorization")
  })
})
