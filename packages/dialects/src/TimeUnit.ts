/**
 * java.util.concurrent.TimeUnit, which Java's pools write beside a number.
 */
import { oneOf } from "./Codec.ts"

const units = ["NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS"]

export const timeUnit = oneOf(Object.fromEntries(units.map((unit) => [unit, unit])), { ignoresCase: true })
