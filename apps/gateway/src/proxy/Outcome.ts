/**
 * How a request that got no answer from an endpoint is answered: Envoy's status, its response flag, and a body that
 * says which limit it was and who set it.
 */
import type { ClientError } from "@weir/client"
import type { PoolError, RefusalReason } from "@weir/core"
import type { Cluster, Limit, Route, Setting } from "../config/GatewayModel.ts"
import type { CallerFault } from "../Listener.ts"
import type { RequestLine } from "./RequestLine.ts"
import type { ResponseFlag } from "./ResponseFlag.ts"

export interface LocalReply {
  readonly status: number
  readonly flag: ResponseFlag
  readonly body: string
}

export const noRoute = ({ authority, target }: RequestLine): LocalReply => ({
  status: 404,
  flag: "NR",
  body: `no route: no virtual host and rule match ${authority}${target.split("?", 1)[0]}`
})

export const noEndpoint = (cluster: Cluster): LocalReply => ({
  status: 503,
  flag: "UH",
  body: `no healthy upstream: ${cluster.id} has no endpoint (${cluster.source})`
})

/** The reply to a call that failed before the answer's head had come; `undefined`: nobody is left to reply to. */
export const replyTo = (error: ClientError, cluster: Cluster, route: Route): LocalReply | undefined => {
  const { reason } = error
  switch (reason._tag) {
    case "NoConnection":
      return withoutConnection(reason.error, error.message, cluster, route)
    case "CallTimeout":
      return routeTimeout(route)
    case "BadResponse":
    case "BadCoding":
    case "BadRedirect":
      return { status: 502, flag: "UPE", body: `upstream protocol error: ${error.message}` }
    case "InvalidRequest":
      return { status: 400, flag: "DPE", body: error.message }
    case "RequestBodyFailed":
    case "Aborted":
      return undefined
    case "ConnectionLost":
      return { status: 503, flag: "UC", body: `upstream connection ended: ${error.message}` }
  }
}

/** The time of the whole exchange was over. */
export const routeTimeout = ({ timeoutMillis }: Route): LocalReply => timedOut("not finished", "timeout", timeoutMillis)

/** The time of one try was over. */
export const tryTimeout = ({ retries }: Route): LocalReply =>
  timedOut("no answer", "perTryTimeout", retries.perTryMillis)

const timedOut = (what: string, field: string, { source, value }: Setting<Limit>): LocalReply => ({
  status: 504,
  flag: "UT",
  body: `upstream request timeout: ${what} within ${value} ms, which is ${field} (${source})`
})

/** The reply to a request that would have been sent again, had there not been too many retries under way. */
export const notRetried = (reply: LocalReply, { policy }: Cluster): LocalReply => {
  const { retryBudget, retryCountMax } = policy
  const limit =
    retryBudget === undefined
      ? `maxRetries ${retryCountMax.value} (${retryCountMax.source})`
      : `retryBudget ${retryBudget.percent.value} % (${retryBudget.percent.source})`
  return { ...reply, body: `${reply.body}; not sent again: as many retries are under way as ${limit} allows` }
}

/** The reply to a caller that is refused or cut off. `isComplete`: it had sent its request to the end. */
export const faultReply = ({ detail, kind, status }: CallerFault, isComplete: boolean): LocalReply => {
  switch (kind) {
    case "protocol":
      return { status, flag: "DPE", body: detail }
    case "idle":
      return { status: isComplete ? 504 : 408, flag: "SI", body: `stream timeout: ${detail}` }
  }
}

/** What an answer that broke off while it was passed on shows in the log. */
export const flagOf = ({ reason }: ClientError): ResponseFlag => {
  switch (reason._tag) {
    case "CallTimeout":
      return "UT"
    case "BadResponse":
    case "BadCoding":
    case "BadRedirect":
      return "UPE"
    case "NoConnection":
    case "InvalidRequest":
    case "RequestBodyFailed":
    case "Aborted":
    case "ConnectionLost":
      return "UC"
  }
}

const withoutConnection = ({ reason }: PoolError, message: string, cluster: Cluster, route: Route): LocalReply => {
  switch (reason._tag) {
    case "Refused":
      return { status: 503, flag: "UO", body: overflow(reason.reason, cluster) }
    case "AcquireTimeout":
      return routeTimeout(route)
    case "ConnectFailed":
    case "ConnectTimeout":
      return { status: 503, flag: "UF", body: `upstream connect failed: ${message}` }
  }
}

const overflow = (reason: RefusalReason, cluster: Cluster): string => {
  const { pendingCountMax, requestCountMax } = cluster.policy
  const limit = (what: string, field: string, { source, value }: Setting<number | "unlimited">) =>
    `upstream overflow: ${what} to ${cluster.id}, as many as ${field} ${value} allows (${source})`
  switch (reason) {
    case "pending-route-limit":
    case "pending-total-limit":
      return limit("requests wait for a connection", "http1MaxPendingRequests", pendingCountMax)
    case "active-route-limit":
    case "active-total-limit":
      return limit("requests are under way", "http2MaxRequests", requestCountMax)
    case "routes-limit":
    case "deadline-hopeless":
    case "pool-closed":
      return `upstream overflow: ${cluster.id}: ${reason}`
  }
}
