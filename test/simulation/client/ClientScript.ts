/**
 * A run of the client world, written down: calls of an HTTP client to servers over a simulated network.
 */
import type { Chance } from "@weir/testkit"
import { Chance as Seeded } from "@weir/testkit"

export interface ClientScript {
  readonly world: "client"
  readonly seed: number
  readonly interleaving: "random" | "in-order"
  readonly yieldRatio: number
  readonly connectionsPerRouteMax: number
  readonly idleTimeoutMillis: number
  readonly pieceByteCountMax: number
  readonly latencyMillisMax: number
  readonly refusedRatio: number
  readonly blackHoleRatio: number
  /** Server ends that cut the connection at a random byte. */
  readonly cutRatio: number
  /** The age at which the server closes an idle connection. 0: never. */
  readonly serverIdleMillis: number
  readonly operations: ReadonlyArray<Exchange>
}

export type Framing = "length" | "chunked" | "close"

export interface Exchange {
  readonly _tag: "Exchange"
  readonly atMillis: number
  readonly host: number
  readonly method: "GET" | "POST" | "PUT"
  readonly sentByteCount: number
  readonly answeredByteCount: number
  readonly framing: Framing
  /** The server takes this long to answer. -1: it never does. */
  readonly thinkMillis: number
  /** What the server does beside a plain answer. */
  readonly twist: "none" | "connection-close" | "then-end" | "then-reset" | "data-after" | "early-hints"
  readonly interruptAfterMillis: number
  readonly reads: "all" | "discard"
}

const fault = (chance: Chance, ratio: number): number => (chance.isHit(0.3) ? ratio : 0)

export const generate = (seed: number, operationCountMax: number): ClientScript => {
  const chance = new Seeded(seed).fork("client script")
  let atMillis = 0
  const operations = Array.from({ length: chance.between(2, Math.max(3, operationCountMax)) }, (): Exchange => {
    if (chance.isHit(0.6)) atMillis += chance.pick([1, 2, 5, 20, 100])
    return {
      _tag: "Exchange",
      atMillis,
      host: chance.below(2),
      method: chance.pick(["GET", "GET", "POST", "PUT"]),
      sentByteCount: chance.pick([0, 1, 10, 3000]),
      answeredByteCount: chance.pick([0, 1, 10, 500, 5000]),
      framing: chance.pick(["length", "length", "chunked", "chunked", "close"]),
      thinkMillis: chance.isHit(0.05) ? -1 : chance.pick([0, 0, 1, 10, 50]),
      twist: chance.isHit(0.7)
        ? "none"
        : chance.pick(["connection-close", "then-end", "then-reset", "data-after", "early-hints"]),
      interruptAfterMillis: chance.isHit(0.15) ? chance.between(1, 60) : 0,
      reads: chance.isHit(0.85) ? "all" : "discard"
    }
  })
  return {
    world: "client",
    seed,
    interleaving: chance.isHit(0.75) ? "random" : "in-order",
    yieldRatio: chance.pick([0, 0.02, 0.2]),
    connectionsPerRouteMax: chance.between(1, 3),
    idleTimeoutMillis: chance.pick([5, 50, 60_000]),
    pieceByteCountMax: chance.pick([1, 7, 100, 1460, 1460]),
    latencyMillisMax: chance.pick([1, 5, 20]),
    refusedRatio: fault(chance, 0.2),
    blackHoleRatio: fault(chance, 0.1),
    cutRatio: fault(chance, 0.4),
    serverIdleMillis: chance.isHit(0.3) ? chance.pick([5, 20, 50]) : 0,
    operations
  }
}

/** Scripts one step plainer. */
export function* plainer(script: ClientScript): Iterable<ClientScript> {
  for (let index = script.operations.length - 1; index >= 0; index--) {
    yield { ...script, operations: script.operations.filter((_, at) => at !== index) }
  }
  const plain = {
    interleaving: "in-order",
    yieldRatio: 0,
    refusedRatio: 0,
    blackHoleRatio: 0,
    cutRatio: 0,
    serverIdleMillis: 0
  } as const
  for (const [key, value] of Object.entries(plain)) {
    if (Object.entries(script).some(([name, found]) => name === key && found !== value))
      yield { ...script, [key]: value }
  }
}
