/**
 * What the farm, the client under test and the judge say to each other.
 */

export const numberHeader = "x-number"

/** Between 1 and some 20,000 bytes, each belonging to the number. */
export const bodyOfAnswer = (number: number): string => {
  const word = `answer ${number} `
  return word.repeat(1 + ((number * 7919) % 1400)).slice(0, 1 + ((number * 104_729) % 20_000))
}

/** Asked for by `/NUMBER?long`: more than the client keeps of a body that nobody reads. */
export const longBodyOfAnswer = (number: number): string => `answer ${number} `.repeat(20_000)

/** A server of the farm as the client knows it. */
export interface FarmAddress {
  readonly isSecure: boolean
  readonly host: string
  readonly port: number
}

/** The name whose addresses change. Its connections have no other reason to be closed while it is quiet. */
export const changingName = "service.test"

/** What the client process is started with. */
export interface ClientOrders {
  readonly seed: number
  readonly servers: ReadonlyArray<FarmAddress>
  /** Knows `changingName`: IP address and port. */
  readonly nameServer: string
  /** PEM of the CA that signed the servers' certificates. */
  readonly ca: string
  readonly connectionsPerRouteMax: number
  readonly connectionsMax: number
}

/** What the judge tells it, a line each. */
export type Phase = "calm" | "storm" | "recovery" | "end"

/** What a process holds that it has to give back. */
export interface HeldCounts {
  readonly descriptorCount: number
  /** Besides the program's own. */
  readonly fiberCount: number
  /** Absent on Bun, which tells nobody. */
  readonly timerCount?: number
}

export interface Held extends HeldCounts {
  readonly heapBytes: number
  readonly residentBytes: number
}

/** What the client says every second, at the end of each phase, and once more when all is closed. */
export interface PhaseReport {
  readonly phase: Phase | "closed"
  /** Has the phase ended? */
  readonly isLast: boolean
  /** Since the last report: calls by outcome, such as `answered` or `CallTimeout response-head`. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Since the last report: promises that were broken, in words. */
  readonly findings: ReadonlyArray<string>
  /** Since the last report: POSTs that were answered: each must have been carried out. */
  readonly answeredPosts: ReadonlyArray<number>
  /** Since the start: for how long the machine has not let it run. */
  readonly starvedMillis: number
}

/** The last report of a phase has this too. */
export interface PhaseEnd extends PhaseReport {
  readonly isLast: true
  /** Successful calls in each tenth of a second of a phase that is not the storm. */
  readonly perTenth: ReadonlyArray<number>
  readonly held: Held
  readonly reconfigurationCount: number
  /** Connections closed since the start, by reason. */
  readonly closedByReason: Readonly<Record<string, number>>
}

/** What a process of the farm says, a line each, beside `listening`. */
export type FarmWord =
  /** A POST was received whole. */
  | { readonly number: number }
  /** It did something of its own accord. */
  | { readonly fault: string }

/** The largest bodies a POST carries. */
export const postByteCountMax = 50_000
