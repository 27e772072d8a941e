/**
 * What can happen in a pool and a client, and how much of it did: the closed sets of the sources, beside a tally. A set
 * here that lacks a word of its source does not compile.
 */
import type { CloseReason, PoolEvent, RefusalReason } from "@weir/core"
import { connectionMoves } from "./connectionMoves.ts"

const wordsOf = <Word extends string>(words: Readonly<Record<Word, true>>): ReadonlyArray<string> => Object.keys(words)

const closeReasons = wordsOf<CloseReason>({
  "idle-timeout": true,
  "idle-hint": true,
  "idle-learned": true,
  lifetime: true,
  uses: true,
  "idle-limit": true,
  "over-limit": true,
  "evicted-for-other-route": true,
  "yielded-to-other-route": true,
  "not-pooled": true,
  "peer-data": true,
  "peer-closed": true,
  "peer-error": true,
  "validation-failed": true,
  discarded: true,
  "use-failed": true,
  "use-interrupted": true,
  reclaimed: true,
  drained: true,
  withdrawn: true,
  "closed-idle": true,
  surplus: true,
  "route-evicted": true,
  shutdown: true,
  "shutdown-deadline": true
})

const refusalReasons = wordsOf<RefusalReason>({
  "pending-route-limit": true,
  "pending-total-limit": true,
  "active-route-limit": true,
  "active-total-limit": true,
  "routes-limit": true,
  "deadline-hopeless": true,
  "pool-closed": true
})

/** Events without a reason of their own, which the sets above cover. */
const plainEvents = wordsOf<Exclude<PoolEvent["_tag"], "Closed" | "Refused" | "Validated">>({
  Dialling: true,
  Connected: true,
  ConnectFailed: true,
  Leased: true,
  Returned: true,
  CloseFailed: true,
  Waiting: true,
  TimedOut: true,
  Cancelled: true,
  LeakSuspected: true,
  Unleaked: true,
  Reclaimed: true,
  RouteAdded: true,
  RouteForgotten: true,
  ShuttingDown: true,
  ShutDown: true
})

/** By what they are called in a report: keys of the tally. */
const sets: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["moves between states of a connection", connectionMoves],
  ["reasons to close", closeReasons.map((reason) => `event Closed ${reason}`)],
  ["reasons to refuse", refusalReasons.map((reason) => `event Refused ${reason}`)],
  [
    "other events",
    [
      ...plainEvents.map((tag) => `event ${tag}`),
      ...["probe good", "probe bad", "ping good", "ping bad"].map((kind) => `event Validated ${kind}`)
    ]
  ]
]

/** `24 of 25 reasons to close, never: surplus`, a line for each set. */
export const coverageLines = (tally: ReadonlyMap<string, number>): ReadonlyArray<string> =>
  sets.flatMap(([name, keys]) => {
    const missed = keys.filter((key) => !tally.has(key)).map((key) => key.split(" ").slice(1).join(" "))
    const seenCount = keys.length - missed.length
    // A world that does not listen for them at all.
    if (seenCount === 0) return []
    return `${seenCount} of ${keys.length} ${name}${missed.length === 0 ? "" : `, never: ${missed.join(", ")}`}`
  })
