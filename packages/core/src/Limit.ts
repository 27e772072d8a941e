/**
 * A limit is a whole number or `"unlimited"`; unset is neither, and is not 0.
 */
import { Schema } from "effect"

export type Limit = number | "unlimited"

const countMax = 2 ** 31 - 1

const limitFrom = (minimum: number) => {
  const message = `must be a whole number from ${minimum} to ${countMax}, or "unlimited"`
  return Schema.Union([
    Schema.Literal("unlimited"),
    Schema.Finite.check(
      Schema.makeFilter((count) => (Number.isInteger(count) && count >= minimum && count <= countMax) || message)
    )
  ]).annotate({ message })
}

/** A limit that may be 0. */
export const LimitFromZero = limitFrom(0)

/** A limit of at least 1. */
export const LimitFromOne = limitFrom(1)

/** As a number to compare with: `"unlimited"` is infinity. */
export const toCount = (limit: Limit): number => (limit === "unlimited" ? Number.POSITIVE_INFINITY : limit)

export const fromCount = (count: number): Limit => (count === Number.POSITIVE_INFINITY ? "unlimited" : count)
