/**
 * A run of the client world, written down: calls of an HTTP client to servers over a simulated network.
 */
import { Chance } from "@weir/testkit"

export interface ClientScript {
  readonly world: "client"
  readonly seed: number
  readonly interleaving: "random" | "in-order"
  readonly yieldRatio: number
  readonly connectionsPerRouteMax: number
  readonly idleTimeoutMillis: number
  readonly pieceByteCountMax: number
  readonly latencyMillisMax: number
  /** 0: unlimited. */
  readonly bytesPerMilli: number
  readonly windowByteCount: number
  /** The second host is spoken to over TLS. */
  readonly isSecondSecure: boolean
  readonly tlsFailRatio: number
  readonly tlsStallRatio: number
  readonly refusedRatio: number
  readonly blackHoleRatio: number
  /** Server ends that cut the connection at a random byte. */
  readonly cutRatio: number
  /** The age at which the server closes an idle connection. 0: never. */
  readonly serverIdleMillis: number
  readonly operations: ReadonlyArray<Exchange | Rename>
}

export type Framing = "length" | "chunked" | "close"

export interface Exchange {
  readonly _tag: "Exchange"
  readonly atMillis: number
  readonly host: number
  readonly method: "GET" | "POST" | "PUT"
  readonly sentByteCount: number
  /** A stream announces its length or is chunked, and takes its time between two pieces. */
  readonly sends: "bytes" | "stream" | "stream-of-known-length"
  readonly answeredByteCount: number
  readonly framing: Framing
  /** The server takes this long to answer. -1: it never does. */
  readonly thinkMillis: number
  /** The server stops in the middle of its answer for this long. -1: for ever. */
  readonly stallMillis: number
  /** What the server does beside a plain answer. */
  readonly twist:
    | "none"
    | "connection-close"
    | "then-end"
    | "then-half-close"
    | "then-reset"
    | "data-after"
    | "early-hints"
    | "early-answer"
  readonly interruptAfterMillis: number
  readonly reads: "all" | "stream" | "slowly" | "stops-early" | "discard"
}

/** From now on the name of a host leads to another of its addresses; -1: to none. */
export interface Rename {
  readonly _tag: "Rename"
  readonly atMillis: number
  readonly host: number
  readonly address: number
}

/** Of each host; all of them answer all the time. */
export const addressCount = 2

const fault = (chance: Chance, ratio: number): number => (chance.isHit(0.3) ? ratio : 0)

export const generate = (seed: number, operationCountMax: number): ClientScript => {
  const chance = new Chance(seed).fork("client script")
  // In a calm world nothing goes wrong, and every call has to be answered.
  const isCalm = chance.isHit(0.2)
  const pieceByteCountMax = chance.pick([1, 7, 100, 1460, 1460])
  const sizes = pieceByteCountMax < 100 ? ([0, 1, 10, 100] as const) : ([0, 1, 10, 500, 5000] as const)
  let atMillis = 0
  const operations = Array.from({ length: chance.between(2, Math.max(3, operationCountMax)) }, () => {
    if (chance.isHit(0.6)) atMillis += chance.pick([1, 2, 5, 20, 100])
    const operation = chance.isHit(0.04) ? makeRename(chance, atMillis) : makeExchange(chance, atMillis, sizes)
    return isCalm ? calmed(operation) : operation
  })
  const script: ClientScript = {
    world: "client",
    seed,
    interleaving: chance.isHit(0.75) ? "random" : "in-order",
    yieldRatio: chance.pick([0, 0.02, 0.2]),
    connectionsPerRouteMax: chance.between(1, 3),
    idleTimeoutMillis: chance.pick([5, 50, 60_000]),
    pieceByteCountMax,
    latencyMillisMax: chance.pick([1, 5, 20]),
    bytesPerMilli: chance.isHit(0.3) ? chance.pick([20, 200]) : 0,
    windowByteCount: chance.pick([100, 3000, 65_536]),
    isSecondSecure: chance.isHit(0.4),
    tlsFailRatio: fault(chance, 0.2),
    tlsStallRatio: fault(chance, 0.1),
    refusedRatio: fault(chance, 0.2),
    blackHoleRatio: fault(chance, 0.1),
    cutRatio: fault(chance, 0.4),
    serverIdleMillis: chance.isHit(0.3) ? chance.pick([5, 20, 50]) : 0,
    operations
  }
  return isCalm ? { ...script, ...calmNetwork } : script
}

const makeRename = (chance: Chance, atMillis: number): Rename => ({
  _tag: "Rename",
  atMillis,
  host: chance.below(2),
  address: chance.isHit(0.2) ? -1 : chance.below(addressCount)
})

const makeExchange = (chance: Chance, atMillis: number, sizes: readonly [number, ...Array<number>]): Exchange => ({
  _tag: "Exchange",
  atMillis,
  host: chance.below(2),
  method: chance.pick(["GET", "GET", "POST", "PUT"]),
  sentByteCount: chance.pick(sizes),
  sends: chance.pick(["bytes", "bytes", "stream", "stream-of-known-length"]),
  answeredByteCount: chance.pick(sizes),
  framing: chance.pick(["length", "length", "chunked", "chunked", "close"]),
  thinkMillis: chance.isHit(0.05) ? -1 : chance.pick([0, 0, 1, 10, 50]),
  stallMillis: chance.isHit(0.1) ? chance.pick([-1, 1, 20, 700]) : 0,
  twist: chance.isHit(0.7)
    ? "none"
    : chance.pick([
        "connection-close",
        "then-end",
        "then-half-close",
        "then-reset",
        "data-after",
        "early-hints",
        "early-answer"
      ]),
  interruptAfterMillis: chance.isHit(0.15) ? chance.between(1, 60) : 0,
  reads: chance.isHit(0.6) ? "all" : chance.pick(["stream", "slowly", "stops-early", "discard"])
})

const calmNetwork = {
  tlsFailRatio: 0,
  tlsStallRatio: 0,
  refusedRatio: 0,
  blackHoleRatio: 0,
  cutRatio: 0,
  serverIdleMillis: 0,
  bytesPerMilli: 0,
  // Nothing has to wait for it.
  windowByteCount: 65_536
} as const

const calmTwists: ReadonlyArray<Exchange["twist"]> = ["none", "connection-close", "early-hints"]

const calmed = (operation: Exchange | Rename): Exchange | Rename =>
  operation._tag === "Rename"
    ? { ...operation, address: Math.max(0, operation.address) }
    : {
        ...operation,
        thinkMillis: Math.max(0, operation.thinkMillis),
        stallMillis: 0,
        twist: calmTwists.includes(operation.twist) ? operation.twist : "none"
      }

/** Does nothing go wrong in it? (A call may still be given up by its caller.) */
export const isCalm = (script: ClientScript): boolean => {
  const isQuiet = Object.entries(calmNetwork).every(([key, calm]) =>
    Object.entries(script).some(([name, value]) => name === key && value === calm)
  )
  return (
    isQuiet &&
    script.operations.every((one) =>
      one._tag === "Rename"
        ? one.address >= 0
        : one.thinkMillis >= 0 && one.stallMillis === 0 && calmTwists.includes(one.twist)
    )
  )
}

/** What an operation can do without. */
const plainExchange: Partial<Exchange> = {
  sentByteCount: 0,
  sends: "bytes",
  answeredByteCount: 0,
  framing: "length",
  thinkMillis: 0,
  stallMillis: 0,
  twist: "none",
  interruptAfterMillis: 0,
  reads: "all"
}

/** Scripts one step plainer. */
export function* plainer(script: ClientScript): Iterable<ClientScript> {
  for (let index = script.operations.length - 1; index >= 0; index--) {
    yield { ...script, operations: script.operations.filter((_, at) => at !== index) }
  }
  const plain: Partial<ClientScript> = {
    interleaving: "in-order",
    yieldRatio: 0,
    isSecondSecure: false,
    ...calmNetwork
  }
  for (const [key, value] of Object.entries(plain)) {
    if (Object.entries(script).some(([name, found]) => name === key && found !== value))
      yield { ...script, [key]: value }
  }
  for (const [index, operation] of script.operations.entries()) {
    if (operation._tag === "Rename") continue
    for (const [key, value] of Object.entries(plainExchange)) {
      if (Object.entries(operation).every(([name, found]) => name !== key || found === value)) continue
      const changed = { ...operation, [key]: value }
      yield { ...script, operations: script.operations.map((one, at) => (at === index ? changed : one)) }
    }
  }
}
