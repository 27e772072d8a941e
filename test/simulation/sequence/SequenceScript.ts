/**
 * A sequential history of one pool, written down: one operation after another, each over before the next begins, with
 * dials and closes that take no time. What the pool has to do in it is then known exactly.
 */
import { Route } from "@weir/core"
import { Chance } from "@weir/testkit"

/** Knobs as plain numbers and words; -1: unlimited or never. */
export interface SequenceConfig {
  readonly connectionsPerRouteMax: number
  readonly pendingPerRouteMax: number
  readonly pendingMax: number
  readonly idlePerRouteMax: number
  readonly idleMax: number
  readonly usesPerConnectionMax: number
  readonly idleTimeoutMillis: number
  readonly lifetimeMillis: number
  readonly leaseOrder: "lifo" | "fifo"
  readonly waitOrder: "lifo" | "fifo"
}

export const priorities = ["urgent", "normal", "background"] as const

/** `nth` chooses among whatever there is to do it to, and does nothing where there is nothing. */
export type SequenceOperation =
  | {
      readonly _tag: "Ask"
      readonly route: number
      readonly timeoutMillis: number
      readonly priority: (typeof priorities)[number]
    }
  | { readonly _tag: "Release" | "Discard" | "Withdraw" | "PeerLeaves"; readonly nth: number }
  /** `route` -1: all of them. */
  | { readonly _tag: "CloseIdle"; readonly route: number }
  /** The next dials fail at once. */
  | { readonly _tag: "FailDials"; readonly count: number }
  | { readonly _tag: "Pass"; readonly millis: number }

export interface SequenceScript {
  readonly world: "sequence"
  readonly seed: number
  readonly config: SequenceConfig
  readonly operations: ReadonlyArray<SequenceOperation>
}

export const routes: ReadonlyArray<Route.Route> = [0, 1, 2].map((index) => Route.of("seq", `route${index}`, 1))

export const generate = (seed: number, operationCountMax: number): SequenceScript => {
  const chance = new Chance(seed).fork("sequence script")
  const limit = (least: number, most: number) => (chance.isHit(0.5) ? -1 : chance.between(least, most))
  return {
    world: "sequence",
    seed,
    config: {
      connectionsPerRouteMax: chance.between(1, 4),
      pendingPerRouteMax: limit(0, 4),
      pendingMax: limit(0, 6),
      idlePerRouteMax: limit(0, 2),
      idleMax: limit(0, 4),
      usesPerConnectionMax: limit(1, 4),
      idleTimeoutMillis: chance.pick([-1, 5, 20, 100]),
      lifetimeMillis: chance.pick([-1, -1, 15, 60]),
      leaseOrder: chance.pick(["lifo", "fifo"]),
      waitOrder: chance.isHit(0.8) ? "fifo" : "lifo"
    },
    operations: Array.from({ length: chance.between(5, Math.max(6, operationCountMax)) }, () => makeOperation(chance))
  }
}

const makeOperation = (chance: Chance): SequenceOperation => {
  if (chance.isHit(0.4)) {
    return {
      _tag: "Ask",
      route: Math.min(chance.below(3), chance.below(3)),
      timeoutMillis: chance.pick([1, 5, 10, 20, 100]),
      priority: chance.isHit(0.7) ? "normal" : chance.pick(priorities)
    }
  }
  if (chance.isHit(0.45)) return { _tag: "Release", nth: chance.below(8) }
  if (chance.isHit(0.4)) return { _tag: "Pass", millis: chance.pick([1, 4, 5, 10, 20, 50]) }
  switch (chance.below(6)) {
    case 0:
    case 1:
      return { _tag: "Withdraw", nth: chance.below(8) }
    case 2:
      return { _tag: "PeerLeaves", nth: chance.below(8) }
    case 3:
      return { _tag: "CloseIdle", route: chance.between(-1, 2) }
    case 4:
      return { _tag: "FailDials", count: chance.between(1, 2) }
    default:
      return { _tag: "Discard", nth: chance.below(8) }
  }
}

/** Scripts one step plainer. */
export function* plainer(script: SequenceScript): Iterable<SequenceScript> {
  for (let index = script.operations.length - 1; index >= 0; index--) {
    yield { ...script, operations: script.operations.filter((_, at) => at !== index) }
  }
  for (const [key, value] of Object.entries(script.config)) {
    if (key === "connectionsPerRouteMax" || typeof value !== "number" || value === -1) continue
    yield { ...script, config: { ...script.config, [key]: -1 } }
  }
}
