/**
 * What the farm, the client under test and the judge say to each other.
 */

export const numberHeader = "x-number"

/** Between 1 and some 20,000 bytes, each belonging to the number. */
export const bodyOfAnswer = (number: number): string => {
  const word = `answer ${number} `
  return word.repeat(1 + ((number * 7919) % 1400)).slice(0, 1 + ((number * 104_729) % 20_000))
}

/** A server of the farm as the client knows it. */
export interface FarmAddress {
  readonly isSecure: boolean
  readonly host: string
  readonly port: number
}

/** What the client process is started with. */
export interface ClientOrders {
  readonly seed: number
  readonly servers: ReadonlyArray<FarmAddress>
  /** PEM of the CA that signed the servers' certificates. */
  readonly ca: string
  readonly connectionsPerRouteMax: number
  readonly connectionsMax: number
}

/** What the judge tells it, a line each. */
export type Phase = "calm" | "storm" | "recovery" | "end"

/** What the client says at the end of each phase, and once more when all is closed. */
export interface PhaseReport {
  readonly phase: Phase | "closed"
  /** Calls by outcome, such as `answered` or `CallTimeout response-head`. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Promises that were broken, in words. */
  readonly findings: ReadonlyArray<string>
  /** POSTs that were answered: each must have been carried out. */
  readonly answeredPosts: ReadonlyArray<number>
  /** Successful calls in each tenth of a second. */
  readonly perTenth: ReadonlyArray<number>
  readonly heapBytes: number
  readonly reconfigurationCount: number
}

/** The largest bodies a POST carries. */
export const postByteCountMax = 50_000
