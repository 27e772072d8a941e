/**
 * In which order, and when, the addresses of a name are tried: RFC 8305 ("Happy Eyeballs"), as pure decisions.
 *
 * The families take turns. An attempt that has been silent for the delay is not given up: the next one begins beside it.
 * When one fails, the next begins at once, so that as many are under way as before. Whoever carries the plan out keeps
 * the first attempt that succeeds and closes every other.
 */
import { Duration } from "effect"
import { familyOf } from "./Resolver.ts"

/** How the addresses of a host are tried beside each other. */
export interface HappyEyeballsOptions {
  /** How long an attempt may be silent before the next begins. Default 250 ms, from 10 ms to 2 s (RFC 8305 section 8). */
  readonly attemptDelay?: Duration.Input
  /**
   * How many addresses of the resolver's first family are tried before the first of the other (RFC 8305 section 4, "First
   * Address Family Count"). Default 1.
   */
  readonly firstFamilyCount?: number
}

export interface DialSettings {
  readonly attemptDelayMillis: number
  readonly firstFamilyCount: number
}

const attemptDelayMillisMin = 10
const attemptDelayMillisMax = 2000

/** Throws a `RangeError` that says which option is out of its bounds. */
export const dialSettings = (options: HappyEyeballsOptions = {}): DialSettings => {
  const attemptDelayMillis = Duration.toMillis(Duration.fromInputUnsafe(options.attemptDelay ?? 250))
  const firstFamilyCount = options.firstFamilyCount ?? 1
  if (!(attemptDelayMillis >= attemptDelayMillisMin && attemptDelayMillis <= attemptDelayMillisMax)) {
    throw new RangeError(
      `attemptDelay is ${attemptDelayMillis} ms, not from ${attemptDelayMillisMin} to ${attemptDelayMillisMax} ms`
    )
  }
  if (!(Number.isInteger(firstFamilyCount) && firstFamilyCount >= 1)) {
    throw new RangeError(`firstFamilyCount is ${firstFamilyCount}, not a whole number from 1`)
  }
  return { attemptDelayMillis, firstFamilyCount }
}

/** `firstFamilyCount` addresses of the family that comes first, then both families in turn, each in the given order. */
export const interleave = (addresses: ReadonlyArray<string>, firstFamilyCount: number): ReadonlyArray<string> => {
  const [first] = addresses
  if (first === undefined) return addresses
  const family = familyOf(first)
  const wanted = addresses.filter((address) => familyOf(address) === family)
  const others = addresses.filter((address) => familyOf(address) !== family)
  const order = wanted.splice(0, firstFamilyCount)
  const turnCount = Math.max(wanted.length, others.length)
  for (let turn = 0; turn < turnCount; turn++)
    order.push(...others.slice(turn, turn + 1), ...wanted.slice(turn, turn + 1))
  return order
}

export interface DialPlan {
  /** In the order in which they are tried. */
  readonly addresses: ReadonlyArray<string>
  readonly attemptDelayMillis: number
  readonly begunCount: number
  readonly failedCount: number
  /** When the next attempt begins, on the clock of whoever carries the plan out; `Infinity`: none is left. */
  readonly nextAtMillis: number
}

/** The first attempt is due at once. */
export const planDial = (addresses: ReadonlyArray<string>, settings: DialSettings, nowMillis: number): DialPlan => ({
  addresses: interleave(addresses, settings.firstFamilyCount),
  attemptDelayMillis: settings.attemptDelayMillis,
  begunCount: 0,
  failedCount: 0,
  nextAtMillis: nowMillis
})

/** The address to try now, if one is due. */
export const dueAddress = (plan: DialPlan, nowMillis: number): string | undefined =>
  nowMillis >= plan.nextAtMillis ? plan.addresses[plan.begunCount] : undefined

/** The address that was due is being tried. */
export const attemptBegun = (plan: DialPlan, nowMillis: number): DialPlan => {
  const begunCount = plan.begunCount + 1
  const isLast = begunCount >= plan.addresses.length
  return { ...plan, begunCount, nextAtMillis: isLast ? Number.POSITIVE_INFINITY : nowMillis + plan.attemptDelayMillis }
}

/** An attempt has failed: the next is due now. */
export const attemptFailed = (plan: DialPlan, nowMillis: number): DialPlan => ({
  ...plan,
  failedCount: plan.failedCount + 1,
  nextAtMillis: plan.begunCount < plan.addresses.length ? nowMillis : Number.POSITIVE_INFINITY
})

/** Every address was tried and has failed. */
export const isHopeless = (plan: DialPlan): boolean => plan.failedCount >= plan.addresses.length
