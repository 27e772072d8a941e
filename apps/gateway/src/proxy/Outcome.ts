/**
 * How a request that got no answer from an endpoint is answered: Envoy's status, its response flag, and a body that says
 * which limit it was and who set it.
 */
import type { ClientError } from "@weir/client"
import type { PoolError, RefusalReason } from "@weir/core"
import type { Cluster, Setting } from "../config/GatewayModel.ts"

/** Envoy's response flags, as far as this gateway sets them. */
export type ResponseFlag =
  /** No route matched. */
  | "NR"
  /** No cluster or no endpoint to send to. */
  | "UH"
  /** A limit was met: circuit breaking. */
  | "UO"
  /** The connect failed. */
  | "UF"
  /** The endpoint closed or reset the connection. */
  | "UC"
  /** The endpoint's answer was no HTTP. */
  | "UPE"
  /** The time was over. */
  | "UT"
  /** Retries were used up, or their limit was met. */
  | "URX"
  /** The caller went away. */
  | "DC"
  /** The caller's request could not be understood. */
  | "DPE"

export interface LocalReply {
  readonly status: number
  readonly flag: ResponseFlag
  readonly body: string
}

export const noRoute = (authority: string, path: string): LocalReply => ({
  status: 404,
  flag: "NR",
  body: `no route: no virtual host and rule match ${authority}${path}`
})

export const noEndpoint = (cluster: Cluster): LocalReply => ({
  status: 503,
  flag: "UH",
  body: `no healthy upstream: ${cluster.id} has no endpoint (${cluster.source})`
})

/** The reply to a call that failed before the answer's head had come. */
export const replyTo = (error: ClientError, cluster: Cluster): LocalReply => {
  const { reason } = error
  switch (reason._tag) {
    case "NoConnection":
      return withoutConnection(reason.error, error.message, cluster)
    case "CallTimeout":
      return { status: 504, flag: "UT", body: `upstream request timeout: ${error.message}` }
    case "BadResponse":
      return { status: 502, flag: "UPE", body: `upstream protocol error: ${error.message}` }
    case "InvalidRequest":
      return { status: 400, flag: "DPE", body: error.message }
    case "RequestBodyFailed":
    case "Aborted":
      return { status: 499, flag: "DC", body: error.message }
    case "ConnectionLost":
      return { status: 503, flag: "UC", body: `upstream connection ended: ${error.message}` }
  }
}

const withoutConnection = ({ reason }: PoolError, message: string, cluster: Cluster): LocalReply => {
  switch (reason._tag) {
    case "Refused":
      return { status: 503, flag: "UO", body: overflow(reason.reason, cluster) }
    case "AcquireTimeout":
      return { status: 504, flag: "UT", body: `upstream request timeout: ${message}` }
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
