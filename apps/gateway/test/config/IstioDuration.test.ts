import { describe, expect, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { DurationMillis, DurationMillisOrZero, isSomeDuration } from "../../src/config/istio/IstioDuration.ts"

const decode = (schema: typeof DurationMillis, text: unknown): unknown =>
  Result.match(Schema.decodeUnknownResult(schema)(text), {
    onSuccess: (millis) => millis,
    onFailure: ({ message }) => message
  })

describe("a duration", () => {
  it.each([
    ["10s", 10_000],
    ["25ms", 25],
    ["1.5s", 1_500],
    ["0.3s", 300],
    [".5s", 500],
    ["1h30m", 5_400_000],
    ["1h1m1s1ms", 3_661_001],
    ["90m", 5_400_000],
    ["1000us", 1],
    ["2000000ns", 2],
    ["2562047h", 9_223_369_200_000]
  ])("reads %s as %d ms", (text, millis) => {
    expect(decode(DurationMillis, text)).toBe(millis)
  })

  it.each(["10", "ten seconds", "10 s", "1d", "s", "", "1h-5m", "1e3s"])("refuses %j with an example", (text) => {
    expect(decode(DurationMillis, text)).toContain('expected a duration such as "10s"')
  })

  it("refuses a number without a unit", () => {
    expect(decode(DurationMillis, 10)).toContain('expected a duration such as "10s"')
  })

  it("refuses a negative one", () => {
    expect(decode(DurationMillis, "-1s")).toContain("that is not negative")
  })

  it("refuses less than a millisecond", () => {
    expect(decode(DurationMillis, "999us")).toContain("expected at least 1ms")
  })

  it("refuses a fraction of a millisecond", () => {
    expect(decode(DurationMillis, "2.0005s")).toContain("nothing finer than a millisecond")
  })

  it("refuses more than 64 bits of nanoseconds hold", () => {
    expect(decode(DurationMillis, "2562048h")).toContain("at most 2562047h")
  })

  it("refuses 0s unless 0s switches something off", () => {
    expect(decode(DurationMillis, "0s")).toContain("expected at least 1ms")
    expect(decode(DurationMillisOrZero, "0s")).toBe(0)
    expect(decode(DurationMillisOrZero, "0.5ms")).toContain("expected at least 1ms")
  })

  it("is told from no time at all in every notation, and from what is no duration", () => {
    expect(["1ms", "0h1m", "-1s"].map(isSomeDuration)).toEqual([true, true, true])
    expect(["0", "0s", "0h0m", "-0", "1 second", ""].map(isSomeDuration)).toEqual(Array.from("000000", () => false))
  })
})
