/**
 * How a system writes one kind of value, and what it means as a value of ours: read strictly, written back exactly.
 */
import { Result } from "effect"
import type { KnobValue } from "./Knob.ts"

export interface Codec {
  /** For messages and the documentation: `a whole number, 0 for unlimited`. */
  readonly expects: string
  /** The value as ours, or what is wrong with it. `isText`: from a source in which every value is text. */
  readonly decode: (value: unknown, isText: boolean) => Result.Result<KnobValue, string>
  /** As that system writes it; undefined where it has no way to say so. */
  readonly encode: (value: KnobValue) => unknown
}

const refuse = (value: unknown, expects: string): Result.Result<KnobValue, string> =>
  Result.fail(`expected ${expects}, not ${shown(value)}`)

/** A value in a message, cut short. */
export const shown = (value: unknown): string => {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const asNumber = (value: unknown, isText: boolean): number | undefined => {
  if (typeof value === "number") return value
  return isText && typeof value === "string" && /^[+-]?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined
}

/** What a number at or below 0 stands for: that number itself, no limit, or nothing at all. */
type Meaning = "itself" | "unlimited" | "error"

interface CountOptions {
  readonly zero?: Meaning
  readonly negative?: Exclude<Meaning, "itself">
  /** Does `null` mean no limit? */
  readonly isNullUnlimited?: boolean
  /** The largest value, which stands for no limit. */
  readonly unlimitedFrom?: number
}

const words = (what: string, zero: Meaning, negative: Meaning, lifted: string): string => {
  const low = zero === "itself" ? "" : zero === "error" ? " above 0" : `, 0 for ${lifted}`
  return `${what}${low}${negative === "unlimited" ? `, negative for ${lifted}` : ""}`
}

/** Java's `Integer.MAX_VALUE`, and what Weir can count. */
const int32Max = 2 ** 31 - 1

/** A whole number that limits something. */
export const count = (options: CountOptions = {}): Codec => {
  const { isNullUnlimited = false, negative = "error", unlimitedFrom = int32Max, zero = "itself" } = options
  const expects = words("a whole number", zero, negative, "unlimited")
  return {
    expects,
    decode: (value, isText) => {
      if (value === null && isNullUnlimited) return Result.succeed("unlimited")
      if (value === Number.POSITIVE_INFINITY) return Result.succeed("unlimited")
      const number = asNumber(value, isText)
      if (number === undefined || !Number.isInteger(number)) return refuse(value, expects)
      if (number >= unlimitedFrom) return Result.succeed("unlimited")
      const meaning: Meaning = number > 0 ? "itself" : number === 0 ? zero : negative
      if (meaning === "error") return refuse(value, expects)
      return Result.succeed(meaning === "itself" ? number : "unlimited")
    },
    encode: (value) => {
      if (value !== "unlimited")
        return typeof value === "number" && (value > 0 || zero === "itself") ? value : undefined
      if (zero === "unlimited") return 0
      if (negative === "unlimited") return -1
      return isNullUnlimited ? null : unlimitedFrom
    }
  }
}

export type Unit = "nanoseconds" | "milliseconds" | "seconds" | "minutes" | "hours" | "days"

const millisPerUnit: Readonly<Record<Unit, number>> = {
  nanoseconds: 1e-6,
  milliseconds: 1,
  seconds: 1000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000
}

export const unitOf = (text: string): number | undefined => {
  const name = text.trim().toLowerCase()
  if (name === "microseconds") return 1e-3
  return Object.entries(millisPerUnit).find(([unit]) => unit === name)?.[1]
}

interface TimeOptions {
  /** The unit of a bare number; absent: it must name one, as `10s`. */
  readonly bare?: Unit
  /** May it be text with a unit (`1h30m`, `250ms`)? Default: where a bare number has no unit. */
  readonly hasUnits?: boolean
  /** May it be ISO 8601 (`PT30S`), as Java's Duration is read? */
  readonly isIso?: boolean
  readonly zero?: Meaning
  readonly negative?: Exclude<Meaning, "itself">
  readonly minMillis?: number
  /** Does `null` mean never? */
  readonly isNullNever?: boolean
}

const unitMillis = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ns", 1e-6]
])

const withUnits = (text: string): number | undefined => {
  const match = /^(-)?((?:\d+(?:\.\d*)?|\.\d+)(?:ms|us|µs|ns|d|h|m|s))+$/.exec(text)
  if (match === null) return undefined
  let millis = 0
  for (const [, number = "", unit = ""] of text.matchAll(/(\d*\.?\d*)(ms|us|µs|ns|d|h|m|s)/g)) {
    millis += Number(number) * (unitMillis.get(unit) ?? 0)
  }
  return match[1] === undefined ? round(millis) : -round(millis)
}

/** Without what binary fractions add: 0.3 s is 300 ms. */
const round = (millis: number): number => Number(millis.toPrecision(15))

const iso = (text: string): number | undefined => {
  const match = /^([+-])?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text)
  if (match === null || /[PT]$/i.test(text)) return undefined
  const [, sign, days = "0", hours = "0", minutes = "0", seconds = "0"] = match
  const millis =
    Number(days) * 86_400_000 + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000
  return round(sign === "-" ? -millis : millis)
}

/** A length of time, ours in milliseconds. */
export const time = (options: TimeOptions): Codec => {
  const {
    bare,
    hasUnits = bare === undefined,
    isIso = false,
    minMillis = 0,
    negative = "error",
    zero = "itself"
  } = options
  const forms = [
    ...(bare === undefined ? [] : [`a number of ${bare}`]),
    ...(hasUnits ? ['a duration such as "10s" or "250ms"'] : []),
    ...(isIso ? ['"PT10S"'] : [])
  ]
  const floor = minMillis === 0 ? "" : `, at least ${minMillis} ms`
  const expects = words(forms.join(" or "), zero, negative, "never") + floor
  const millisOf = (value: unknown, isText: boolean): number | undefined => {
    const number = asNumber(value, isText)
    if (number !== undefined)
      return bare === undefined && number !== 0 ? undefined : round(number * millisPerUnit[bare ?? "seconds"])
    if (typeof value !== "string") return undefined
    return (hasUnits ? withUnits(value.trim()) : undefined) ?? (isIso ? iso(value.trim()) : undefined)
  }
  return {
    expects,
    decode: (value, isText) => {
      if (value === null && options.isNullNever === true) return Result.succeed("never")
      const millis = millisOf(value, isText)
      if (millis === undefined || !Number.isFinite(millis)) return refuse(value, expects)
      const meaning: Meaning = millis > 0 ? "itself" : millis === 0 ? zero : negative
      if (meaning === "error" || (meaning === "itself" && millis !== 0 && millis < minMillis))
        return refuse(value, expects)
      return Result.succeed(meaning === "itself" ? millis : "never")
    },
    encode: (value) => {
      if (value === "never") return zero === "unlimited" ? write(0) : negative === "unlimited" ? write(-1) : undefined
      if (typeof value !== "number" || value < minMillis || (value === 0 && zero !== "itself")) return undefined
      return write(value)
    }
  }
  function write(millis: number): unknown {
    if (bare !== undefined) return round(millis / millisPerUnit[bare])
    return millis % 1000 === 0 ? `${millis / 1000}s` : `${millis}ms`
  }
}

/** One of some words, each with what it means here. */
export const oneOf = (meanings: Readonly<Record<string, KnobValue>>, { ignoresCase = false } = {}): Codec => {
  const names = Object.keys(meanings)
  const expects = `one of ${names.join(", ")}`
  const find = (value: unknown): string | undefined => {
    if (typeof value !== "string") return undefined
    const wanted = ignoresCase ? value.trim().toLowerCase() : value
    return names.find((name) => (ignoresCase ? name.toLowerCase() : name) === wanted)
  }
  return {
    expects,
    decode: (value) => {
      const name = find(value)
      const meaning = name === undefined ? undefined : meanings[name]
      return meaning === undefined ? refuse(value, expects) : Result.succeed(meaning)
    },
    encode: (value) => names.find((name) => meanings[name] === value)
  }
}

/** `true` or `false`. */
export const flag = (
  meanings: { readonly true: KnobValue; readonly false: KnobValue } = { true: true, false: false }
): Codec => {
  const expects = "true or false"
  return {
    expects,
    decode: (value, isText) => {
      const is = isText && typeof value === "string" ? { true: true, false: false }[value.trim().toLowerCase()] : value
      return typeof is === "boolean" ? Result.succeed(meanings[is ? "true" : "false"]) : refuse(value, expects)
    },
    encode: (value) => (value === meanings.true ? true : value === meanings.false ? false : undefined)
  }
}

export const text: Codec = {
  expects: "text",
  decode: (value, isText) =>
    typeof value === "string"
      ? Result.succeed(value)
      : isText && (typeof value === "number" || typeof value === "boolean")
        ? Result.succeed(String(value))
        : refuse(value, "text"),
  encode: (value) => (typeof value === "string" ? value : undefined)
}

/** A ratio, written as a number of percent. */
export const percent = (expects = "a number from 0 to 100"): Codec => ({
  expects,
  decode: (value, isText) => {
    const number = asNumber(value, isText)
    return number === undefined || number < 0 || number > 100 ? refuse(value, expects) : Result.succeed(number / 100)
  },
  encode: (value) => (typeof value === "number" ? round(value * 100) : undefined)
})

/** Any number. */
export const number = (expects = "a number"): Codec => ({
  expects,
  decode: (value, isText) => {
    const read = asNumber(value, isText)
    return read === undefined ? refuse(value, expects) : Result.succeed(read)
  },
  encode: (value) => (typeof value === "number" ? value : undefined)
})

/** Whatever that system has there: for what is not honoured as a whole, whose parts nobody looks at. */
export const anything: Codec = {
  expects: "anything",
  decode: (value) => Result.succeed(typeof value === "object" ? (JSON.stringify(value) ?? "") : String(value)),
  encode: () => undefined
}
