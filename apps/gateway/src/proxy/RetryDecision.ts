/**
 * Is a request sent again, to another endpoint? Istio's `retries.retryOn`, with one rule above it: what may have been
 * executed is sent again only if its method is idempotent (RFC 9110 section 9.2.2).
 *
 * Envoy leaves that rule out; Istio's users have met POSTs that ran twice (istio#51619).
 */
import type { ClientError } from "@weir/client"
import type { RetryPolicy } from "../config/GatewayModel.ts"

export type Attempt =
  | { readonly _tag: "failed"; readonly error: ClientError }
  | { readonly _tag: "answered"; readonly status: number }

export const mayRetry = (attempt: Attempt, policy: RetryPolicy, isIdempotent: boolean): boolean => {
  const conditions: ReadonlySet<string> = new Set(policy.conditions.value)
  if (attempt._tag === "answered") {
    return isIdempotent && matchesStatus(attempt.status, conditions, policy.statusCodes)
  }
  const { reason, retry } = attempt.error
  if (retry === "never" || (retry === "if-idempotent" && !isIdempotent)) return false
  // A met limit is not lifted by asking again (Envoy does not retry an overflow either).
  if (reason._tag === "NoConnection" && reason.error.reason._tag === "Refused") return false
  if (conditions.has("5xx") || conditions.has("gateway-error")) return true
  if (reason._tag === "NoConnection") return conditions.has("connect-failure")
  if (conditions.has("reset")) return true
  return conditions.has("reset-before-request") && retry === "always"
}

const matchesStatus = (
  status: number,
  conditions: ReadonlySet<string>,
  statusCodes: ReadonlyArray<number>
): boolean => {
  if (conditions.has("5xx") && status >= 500) return true
  if (conditions.has("gateway-error") && status >= 502 && status <= 504) return true
  if (conditions.has("retriable-4xx") && status === 409) return true
  return conditions.has("retriable-status-codes") && statusCodes.includes(status)
}
