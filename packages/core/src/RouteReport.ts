/**
 * The state of one route at one moment, as numbers, and the sentence that it amounts to.
 *
 * `explain` answers with it, and so does every timeout and refusal: an error that says "timed out" and no more leaves
 * the reader to guess between a slow server, a small pool, a leak and a peer that cannot be reached.
 */
import type { Limit } from "./Limit.ts"

/** What keeps the next waiter of a route from a connection. */
export type BlockedBy =
  /** Nothing: an acquire would be served at once. */
  | "nothing"
  | "pool-closed"
  | "paused"
  | "active-route-limit"
  | "active-total-limit"
  | "connections-route-limit"
  | "connections-total-limit"
  /** The total has room, but it is guaranteed to other routes. */
  | "guaranteed-to-others"
  | "dialling-route-limit"
  | "dialling-total-limit"
  /** The last dials failed and the next one waits. */
  | "dial-backoff"
  /** A dial is under way. */
  | "dialling"
  /** An idle connection is being probed. */
  | "validating"

/** A limit with what is held of it, its value and where that was set. */
export interface LimitReport {
  readonly used: number
  readonly limit: Limit
  readonly source: string
}

/** Who holds a connection, and for how long. */
export interface HolderReport {
  /** The name given with the acquire, or the span it was made in. */
  readonly holder: string | undefined
  readonly connectionId: number
  readonly heldMillis: number
}

export interface RouteReport {
  readonly route: string
  readonly blockedBy: BlockedBy
  readonly connections: LimitReport
  readonly connectionsTotal: LimitReport
  readonly active: LimitReport
  readonly activeTotal: LimitReport
  readonly pending: LimitReport
  readonly pendingTotal: LimitReport
  readonly dialling: LimitReport
  readonly diallingTotal: LimitReport
  readonly idleCount: number
  readonly validatingCount: number
  /** The phase of the oldest dial: `dns`, `tcp`, `tls`. */
  readonly connectPhase: string | undefined
  readonly failuresInRow: number
  readonly backoffMillis: number
  /** What the last failed dial said. */
  readonly lastConnectError: string | undefined
  /** Who holds the route's connections, longest first; at most three. */
  readonly holders: ReadonlyArray<HolderReport>
  /** When every permit of the total is taken: the routes that hold most of them; at most three. */
  readonly neighbours: ReadonlyArray<{ readonly route: string; readonly connectionCount: number }>
}

const seconds = (millis: number): string =>
  millis < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

const limitText = (knob: string, report: LimitReport): string => `${knob} ${report.limit}, from ${report.source}`

const holdersText = (report: RouteReport): string => {
  const longest = report.holders[0]
  if (longest === undefined) return ""
  const names = report.holders.map((one) => `${one.holder ?? "an unnamed caller"} for ${seconds(one.heldMillis)}`)
  return `; held longest by ${names.join(", ")}`
}

const ahead = (report: RouteReport): string =>
  report.pending.used === 0
    ? ""
    : `; ${report.pending.used} ${report.pending.used === 1 ? "caller waits" : "callers wait"}`

const lastError = (report: RouteReport): string =>
  report.lastConnectError === undefined ? "" : `; the last connect failed: ${report.lastConnectError}`

/** One sentence that a person understands: what a call to this route waits for, and who has it. */
export const sentence = (report: RouteReport): string => {
  switch (report.blockedBy) {
    case "nothing":
      return `nothing keeps a call waiting (${report.idleCount} idle, ${report.connections.used} of ${report.connections.limit} connections open)${lastError(report)}`
    case "pool-closed":
      return "the pool is shut down"
    case "paused":
      return `the route is paused until it is resumed${ahead(report)}`
    case "active-route-limit":
      return `all ${report.active.used} calls that the route may have are under way (${limitText("activePerRouteMax", report.active)})${ahead(report)}${holdersText(report)}`
    case "active-total-limit":
      return `all ${report.activeTotal.used} calls that the pool may have are under way (${limitText("activeMax", report.activeTotal)})${ahead(report)}${holdersText(report)}`
    case "connections-route-limit":
      return `all ${report.connections.used} connections of the route are in use (${limitText("connectionsPerRouteMax", report.connections)})${ahead(report)}${holdersText(report)}${lastError(report)}`
    case "connections-total-limit": {
      const others = report.neighbours.map((one) => `${one.route} has ${one.connectionCount}`).join(", ")
      return `all ${report.connectionsTotal.used} connections of the pool are in use (${limitText("connectionsMax", report.connectionsTotal)}): ${others}${ahead(report)}`
    }
    case "guaranteed-to-others":
      return `the connections still free are guaranteed to other routes (${limitText("connectionsMax", report.connectionsTotal)}, ${report.connectionsTotal.used} open)${ahead(report)}`
    case "dialling-route-limit":
      return `${report.dialling.used} dials to the route are under way, as many as may be (${limitText("diallingPerRouteMax", report.dialling)})${ahead(report)}${lastError(report)}`
    case "dialling-total-limit":
      return `${report.diallingTotal.used} dials are under way, as many as the pool may have (${limitText("diallingMax", report.diallingTotal)})${ahead(report)}`
    case "dial-backoff":
      return `${report.failuresInRow} connects in a row have failed, and the next is made in ${seconds(report.backoffMillis)}${ahead(report)}${lastError(report)}`
    case "dialling":
      return `${report.dialling.used === 1 ? "a connect is" : `${report.dialling.used} connects are`} under way, in phase ${report.connectPhase ?? "start"}${ahead(report)}${lastError(report)}`
    case "validating":
      return `an idle connection is being checked before use${ahead(report)}`
  }
}
