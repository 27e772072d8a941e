/**
 * A run of the pool world, written down: everything that happens in it follows from this and from nothing else. It is
 * plain JSON, so that a failing run can be printed, made smaller and run again.
 */
import { type PoolConfig, Route } from "@weir/core"

export interface PoolScript {
  readonly world: "pool"
  /** Of the interleaving, of the pool's own randomness, and of what the peers do. */
  readonly seed: number
  readonly interleaving: "random" | "in-order"
  readonly yieldRatio: number
  readonly config: PoolConfig
  readonly peers: Peers
  readonly operations: ReadonlyArray<Operation>
}

/** How the things behave that the pool connects to. Ratios are of all dials, checks or closes. */
export interface Peers {
  /** A dial takes up to this long; 0: it may end at once. */
  readonly connectMillisMax: number
  readonly connectFailRatio: number
  /** Dials that never end by themselves: a black hole. */
  readonly connectHangRatio: number
  /** Dials that take their time to hear of an interruption. */
  readonly connectDeafRatio: number
  readonly closeMillisMax: number
  /** Closes that take longer than any `closeTimeout`. */
  readonly closeStallRatio: number
  /** Connections that end by themselves, some milliseconds after they were opened. */
  readonly lossRatio: number
  /** …without telling the pool: it has to look. */
  readonly silentLossRatio: number
  /** The age at which a peer closes an idle connection. 0: never. */
  readonly idleCloseMillis: number
  /** The peer announces this idle time at the first lease. 0: nothing. */
  readonly idleHintMillis: number
  /** The peer announces that it allows this many uses. 0: nothing. */
  readonly usesHint: number
  /** Slots that each connection offers. 0: it does not say. */
  readonly slotsOffered: number
  /** With a probe; it takes up to this long. */
  readonly hasProbe: boolean
  readonly hasPing: boolean
  readonly checkMillisMax: number
  readonly checkFailRatio: number
  readonly checkHangRatio: number
  /** Connections that end, without a word, while their check succeeds. */
  readonly checkLossRatio: number
  /** Leases at whose very moment a caller that waits for one is interrupted. */
  readonly leaseRaceRatio: number
}

/** How a caller asks, and from where. */
export type Way = "plain" | "use" | "lease" | "acquire"

/** What a caller does with its lease in the end. */
export type Ending = "release" | "release-twice" | "discard" | "fail" | "leak"

export interface Call {
  readonly _tag: "Call"
  readonly atMillis: number
  readonly route: number
  readonly way: Way
  /** 0 for a plain caller: on the stack that served it. */
  readonly holdMillis: number
  /** 0: by the configuration. -1: never. */
  readonly timeoutMillis: number
  readonly priority: "urgent" | "normal" | "background"
  readonly ending: Ending
  /** Since the call; 0: never. */
  readonly interruptAfterMillis: number
  /** How many times it asks again at once when it is done. */
  readonly againCount: number
}

interface At<Tag extends string> {
  readonly _tag: Tag
  readonly atMillis: number
}

export type Operation =
  | Call
  | (At<"Warm"> & { readonly route: number; readonly count: number })
  | (At<"DrainRoute"> & { readonly route: number })
  | At<"DrainAll">
  /** `route` -1: all of them; for `Pause` and `Resume` as well. */
  | (At<"CloseIdle"> & { readonly route: number })
  | (At<"Pause"> & { readonly route: number })
  | (At<"Resume"> & { readonly route: number })
  | (At<"Configure"> & { readonly config: PoolConfig })
  | (At<"Shutdown"> & { readonly timeoutMillis: number })
  /** What a connection says, chosen among the open ones by `nth`. */
  | (At<"Peer"> & {
      readonly nth: number
      readonly says:
        | "peer-data"
        | "peer-closed"
        | "peer-error"
        | "drain"
        | "withdraw"
        | "slots"
        | "idle-hint"
        | "uses-hint"
      readonly count: number
    })

/** Longer than anything that a run waits for. */
export const stallMillis = 120_000

/** What `route` stands for in a script. */
export const routes: ReadonlyArray<Route.Route> = Array.from({ length: 4 }, (_, index) =>
  Route.of("sim", `route${index}`, 1)
)
