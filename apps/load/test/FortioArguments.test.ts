import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { normaliseArguments, parseDurationMillis } from "../src/FortioArguments.ts"

describe("FortioArguments", () => {
  it("reads long flags with one dash, and their values after a space or an equals sign", () => {
    assert.deepStrictEqual(
      normaliseArguments(["-c", "10", "-qps", "100", "-loglevel=Warning", "--timeout", "1s", "-json", "http://a"]),
      ["-c=10", "--qps=100", "--loglevel=Warning", "--timeout=1s", "--json", "http://a"]
    )
  })

  it("takes the argument after a flag for its value even where it looks like a flag", () => {
    assert.deepStrictEqual(normaliseArguments(["-qps", "-1", "-payload", "-qps"]), ["--qps=-1", "--payload=-qps"])
    assert.deepStrictEqual(normaliseArguments(["-H", "-qps", "-qps", "5"]), ["-H=-qps", "--qps=5"])
  })

  it("leaves unknown flags, a flag without its value and what follows -- as they are", () => {
    assert.deepStrictEqual(normaliseArguments(["-uniform", "--", "-qps", "5"]), ["-uniform", "--", "-qps", "5"])
    assert.deepStrictEqual(normaliseArguments(["-qps"]), ["--qps"])
  })

  it("reads durations as Go writes them", () => {
    for (const [text, millis] of [
      ["5s", 5_000],
      ["250ms", 250],
      ["1m30s", 90_000],
      ["0.5h", 1_800_000],
      ["1d4h", 100_800_000],
      ["0", 0]
    ] as const) {
      assert.deepStrictEqual(parseDurationMillis(text), Option.some(millis))
    }
    for (const text of ["", "5", "5 s", "-1s", "s", "1s x"]) {
      assert.deepStrictEqual(parseDurationMillis(text), Option.none(), text)
    }
  })
})
