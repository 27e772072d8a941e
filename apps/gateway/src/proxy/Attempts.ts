/**
 * The tries of one request: endpoint after endpoint, until there is an answer to be passed on or a reply in its place.
 */
import type { ClientError, ClientRequest, ClientResponse } from "@weir/client"
import { isIdempotentMethod } from "@weir/client"
import { Effect } from "effect"
import type { Limit, Route } from "../config/GatewayModel.ts"
import type { Candidate } from "./Balancer.ts"
import type { ClusterRuntime } from "./ClusterRuntime.ts"
import { type LocalReply, noEndpoint, notRetried, replyTo, routeTimeout, tryTimeout } from "./Outcome.ts"
import type { Progress } from "./Progress.ts"
import { type Attempt, retryPauseMillis, wantsRetry } from "./RetryDecision.ts"

export interface Tries {
  readonly runtime: ClusterRuntime
  readonly route: Route
  readonly request: Omit<ClientRequest, "origin">
  readonly progress: Progress
  /** When the whole exchange has to be over; `Infinity` for never. */
  readonly dueMillis: number
  readonly nowMillis: () => number
  /** From 0 up to but not including 1. */
  readonly random: () => number
}

/** Undefined: the caller has gone away, and nobody is left to reply to. */
type Outcome = ClientResponse | LocalReply | undefined

export const attempts = (tries: Tries): Effect.Effect<Outcome> => Effect.suspend(() => tryNext(tries, new Set()))

const tryNext = (tries: Tries, tried: Set<Candidate>): Effect.Effect<Outcome> => {
  const { dueMillis, nowMillis, progress, route, runtime } = tries
  const candidate = runtime.pick(tried)
  if (candidate === undefined) return Effect.succeed(noEndpoint(runtime.cluster))
  tried.add(candidate)
  progress.enterEndpoint(candidate)
  const leftMillis = dueMillis - nowMillis()
  if (leftMillis <= 0) return Effect.succeed(routeTimeout(route))
  const again = (attempt: Attempt, outcome: Outcome) => retryOr(tries, tried, attempt, outcome)
  return Effect.matchEffect(send(tries, candidate, leftMillis), {
    onFailure: (error) => {
      if (error === "try-timeout") return again({ _tag: "timed-out" }, tryTimeout(route))
      // Nothing was sent: it had waited for a connection.
      if (error.reason._tag === "CallTimeout" && error.retry === "always") return waitedInVain(tries, candidate)
      return again({ _tag: "failed", error }, replyTo(error, runtime.cluster, route))
    },
    onSuccess: (answer) =>
      again({ _tag: "answered", status: answer.status, field: (name) => answer.head.get(name) }, answer)
  })
}

/** The time was over before there was a connection: the pool knows what for. */
const waitedInVain = ({ route, runtime }: Tries, candidate: Candidate): Effect.Effect<Outcome> =>
  Effect.map(runtime.client.pool.explain(runtime.originOf(candidate).route), (why) => {
    const reply = routeTimeout(route)
    return { ...reply, body: `${reply.body}; it had no connection: ${why}` }
  })

const send = (
  { progress, request, route, runtime }: Tries,
  candidate: Candidate,
  leftMillis: number
): Effect.Effect<ClientResponse, ClientError | "try-timeout"> => {
  const timeout = leftMillis === Number.POSITIVE_INFINITY ? {} : { timeout: leftMillis }
  const answered = Effect.map(
    runtime.client.execute({ ...request, origin: runtime.originOf(candidate), ...timeout }),
    (answer) => {
      progress.holdAnswer(answer)
      return answer
    }
  )
  const tryMillis = toMillis(route.retries.perTryMillis.value)
  if (tryMillis >= leftMillis) return answered
  return Effect.timeoutOrElse(answered, {
    duration: tryMillis,
    orElse: () => {
      // It may have come in the very moment.
      progress.discardAnswer()
      return Effect.fail("try-timeout")
    }
  })
}

const retryOr = (tries: Tries, tried: Set<Candidate>, attempt: Attempt, outcome: Outcome): Effect.Effect<Outcome> => {
  const { dueMillis, nowMillis, progress, random, request, route, runtime } = tries
  const { attemptCountMax } = route.retries
  const isSpent = request.body._tag === "Stream" && !isUnsent(attempt)
  if (isSpent || !wantsRetry(attempt, route.retries, isIdempotentMethod(request.method))) return Effect.succeed(outcome)
  if (progress.retryCount >= attemptCountMax.value) {
    if (attemptCountMax.value > 0) progress.flags.add("URX")
    return Effect.succeed(outcome)
  }
  if (!progress.holdRetry()) {
    progress.flags.add("UO")
    return Effect.succeed(outcome && "flag" in outcome ? notRetried(outcome, runtime.cluster) : outcome)
  }
  progress.discardAnswer()
  progress.retryCount++
  const pauseMillis = Math.min(retryPauseMillis(progress.retryCount, random()), dueMillis - nowMillis())
  return Effect.flatMap(Effect.sleep(pauseMillis), () => tryNext(tries, tried))
}

/** Was nothing of the request sent, so that a body that can be read once is still whole? */
const isUnsent = (attempt: Attempt): boolean => attempt._tag === "failed" && attempt.error.retry === "always"

const toMillis = (limit: Limit): number => (limit === "unlimited" ? Number.POSITIVE_INFINITY : limit)
