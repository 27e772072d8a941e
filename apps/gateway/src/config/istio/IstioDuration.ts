/**
 * Durations as Istio's YAML writes them, decoded to milliseconds.
 *
 * The notation is Go's: numbers with units `h`, `m`, `s`, `ms`, `us`, `ns`, joined (`1h30m`, `1.5s`). The rules are
 * Istio's: at least 1ms, nothing finer than a millisecond (`ValidateDuration` in its pkg/config/validation).
 */
import { Effect, Schema, SchemaIssue, SchemaTransformation } from "effect"

const nanosPerMilli = 1_000_000n
/** Go's `time.Duration` is a signed 64-bit count of nanoseconds: some 292 years. */
const nanosMax = 2n ** 63n - 1n

const nanosPerUnit = new Map([
  ["h", 3_600_000n * nanosPerMilli],
  ["m", 60_000n * nanosPerMilli],
  ["s", 1_000n * nanosPerMilli],
  ["ms", nanosPerMilli],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["ns", 1n]
])

const wanted = 'expected a duration such as "10s", "1h30m" or "25ms"'

/** `isZeroAllowed`: whether `0s` stands for something (it switches a timeout off). */
const duration = (isZeroAllowed: boolean) =>
  Schema.String.annotate({ message: wanted }).pipe(
    Schema.decodeTo(
      Schema.Number,
      SchemaTransformation.transformEffect({
        decode: (text: string) => {
          const millis = parse(text, isZeroAllowed)
          return typeof millis === "number"
            ? Effect.succeed(millis)
            : Effect.fail(new SchemaIssue.InvalidValue({ message: millis }))
        },
        encode: (millis: number) => Effect.succeed(`${millis}ms`)
      })
    )
  )

/** At least 1ms. */
export const DurationMillis = duration(false)

/** 0s, or at least 1ms. */
export const DurationMillisOrZero = duration(true)

/** Is it a duration, and not one of no time at all (`0s`, `0`, `0h0m`)? */
export const isSomeDuration = (text: string): boolean => (parseNanos(text) ?? 0n) !== 0n

/** Milliseconds, or what is wrong. */
const parse = (text: string, isZeroAllowed: boolean): number | string => {
  const nanos = parseNanos(text)
  if (nanos === undefined) return wanted
  if (nanos < 0n) return "expected a duration that is not negative"
  if (nanos > nanosMax) return "expected at most 2562047h"
  if (nanos === 0n && isZeroAllowed) return 0
  if (nanos < nanosPerMilli) return "expected at least 1ms"
  if (nanos % nanosPerMilli !== 0n) return "expected nothing finer than a millisecond"
  return Number(nanos / nanosPerMilli)
}

/** Exact, where floating point would turn 0.3s into a fraction of a nanosecond less. */
const parseNanos = (text: string): bigint | undefined => {
  const match = /^(-)?((?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|µs|ns))+$/.exec(text)
  if (match === null) return /^-?0$/.test(text) ? 0n : undefined
  let nanos = 0n
  for (const [, whole = "", fraction = "", unit = ""] of text.matchAll(/(\d*)(?:\.(\d*))?(h|ms|m|s|us|µs|ns)/g)) {
    const perUnit = nanosPerUnit.get(unit) ?? 0n
    nanos += BigInt(whole === "" ? "0" : whole) * perUnit
    nanos += (BigInt(fraction === "" ? "0" : fraction) * perUnit) / 10n ** BigInt(fraction.length)
  }
  return match[1] === undefined ? nanos : -nanos
}
