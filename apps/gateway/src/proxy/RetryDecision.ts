/**
 * Is a request sent again, to another endpoint, and after what pause? Istio's `retries`, with one rule above them: what
 * may have been executed is sent again only if its method is idempotent (RFC 9110 section 9.2.2).
 *
 * Envoy leaves that rule out; Istio's users have met POSTs that ran twice (istio#51619).
 */
import type { ClientError } from "@weir/client"
import type { RetryPolicy } from "../config/GatewayModel.ts"
import type { RetryCondition } from "../config/istio/VirtualService.ts"

/** How a try ended. `field` gives the first value of a header field, by its name in lower case. */
export type Attempt =
  | { readonly _tag: "failed"; readonly error: ClientError }
  /** `perTryTimeout` passed. */
  | { readonly _tag: "timed-out" }
  | { readonly _tag: "answered"; readonly status: number; readonly field: (name: string) => string | undefined }

export const wantsRetry = (attempt: Attempt, policy: RetryPolicy, isIdempotent: boolean): boolean => {
  const has = (condition: RetryCondition): boolean => policy.conditions.value.includes(condition)
  switch (attempt._tag) {
    case "answered":
      return isIdempotent && matchesAnswer(attempt, has, policy.statusCodes)
    case "timed-out":
      return isIdempotent && (has("5xx") || has("gateway-error") || has("reset"))
    case "failed": {
      const { reason, retry } = attempt.error
      if (retry === "never" || (retry === "if-idempotent" && !isIdempotent)) return false
      // The only time limit of a call is the route's, for all tries together.
      if (reason._tag === "CallTimeout") return false
      const isUnconnected = reason._tag === "NoConnection"
      // A met limit is not lifted by asking again (Envoy does not retry an overflow either).
      if (isUnconnected && reason.error.reason._tag === "Refused") return false
      if (has("5xx") || has("gateway-error") || has("reset")) return true
      return (has("reset-before-request") && retry === "always") || (has("connect-failure") && isUnconnected)
    }
  }
}

/** gRPC's status codes of the conditions; they stand in the head of an answer that has nothing but trailers. */
const grpcConditions: ReadonlyMap<string, RetryCondition> = new Map([
  ["1", "cancelled"],
  ["4", "deadline-exceeded"],
  ["8", "resource-exhausted"],
  ["13", "internal"],
  ["14", "unavailable"]
])

const matchesAnswer = (
  { field, status }: Extract<Attempt, { readonly _tag: "answered" }>,
  has: (condition: RetryCondition) => boolean,
  statusCodes: ReadonlyArray<number>
): boolean => {
  // Asked first, for most answers match nothing, and then no field need be looked for.
  const isMatch = matchesStatus(status, has, statusCodes) || matchesGrpcStatus(field, has)
  if (!isMatch && !has("envoy-ratelimited")) return false
  // A proxy on the way met a limit: more of the same would not help it.
  if (field("x-envoy-overloaded") !== undefined) return false
  if (field("x-envoy-ratelimited") !== undefined) return has("envoy-ratelimited")
  return isMatch
}

const matchesStatus = (
  status: number,
  has: (condition: RetryCondition) => boolean,
  statusCodes: ReadonlyArray<number>
): boolean => {
  if (status >= 500 && has("5xx")) return true
  if (status >= 502 && status <= 504 && has("gateway-error")) return true
  if (status === 409 && has("retriable-4xx")) return true
  return statusCodes.includes(status) && has("retriable-status-codes")
}

const matchesGrpcStatus = (
  field: (name: string) => string | undefined,
  has: (condition: RetryCondition) => boolean
): boolean => {
  const condition = grpcConditions.get(field("grpc-status") ?? "")
  return condition !== undefined && has(condition)
}

const pauseBaseMillis = 25
const pauseMillisMax = 250

/**
 * How long to wait before the retry of this number, from 1: a random part of a time that doubles, as in Envoy, so that
 * callers who failed together do not come back together. `unit`: from 0 up to but not including 1.
 */
export const retryPauseMillis = (retryNumber: number, unit: number): number =>
  unit * Math.min(pauseMillisMax, pauseBaseMillis * (2 ** retryNumber - 1))
