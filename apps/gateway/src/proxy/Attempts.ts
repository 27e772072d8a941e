/**
 * The tries of one request: endpoint after endpoint, until there is an answer to be passed on or a reply in its place.
 *
 * All of it runs in plain calls: most requests are answered at their first try, and a fiber for each, with what it
 * takes to suspend and resume it, cost a fifth of the gateway's processor time. Only pauses and time limits of tries
 * have a fiber.
 */
import type { Body, ClientError, ClientResponse } from "@weir/client"
import { isIdempotentMethod } from "@weir/client"
import type { RawHeaders } from "@weir/http1"
import { Cause, Effect, Exit, Result } from "effect"
import type { Limit, Route } from "../config/GatewayModel.ts"
import type { Candidate } from "./Balancer.ts"
import type { ClusterRuntime } from "./ClusterRuntime.ts"
import type { Stop } from "./IncomingBody.ts"
import { type LocalReply, noEndpoint, notRetried, replyTo, routeTimeout, tryTimeout } from "./Outcome.ts"
import type { Progress } from "./Progress.ts"
import { type Attempt, retryPauseMillis, wantsRetry } from "./RetryDecision.ts"

/** What is sent to an endpoint, whichever it is. */
export interface OutgoingRequest {
  readonly method: string
  readonly target: string
  readonly headers: RawHeaders
  readonly body: Body
}

export interface Tries {
  readonly runtime: ClusterRuntime
  readonly route: Route
  readonly request: OutgoingRequest
  readonly progress: Progress
  /** When the whole exchange has to be over; `Infinity` for never. */
  readonly dueMillis: number
  readonly time: GatewayTime
}

/** Time and chance, as the exchanges need them. */
export interface GatewayTime {
  readonly nowMillis: () => number
  /** From 0 up to but not including 1. */
  readonly random: () => number
  /** Calls `run` after so long, unless it is stopped before. */
  readonly after: (millis: number, run: () => void) => Stop
}

/** Undefined: the caller has gone away, and nobody is left to reply to. */
export type Outcome = ClientResponse | LocalReply | undefined

export class Attempts {
  private readonly tries: Tries
  private readonly onOutcome: (outcome: Exit.Exit<Outcome>) => void
  private tried: Set<Candidate> | undefined
  /** The time limit of the try that is under way, or the pause before the next one. */
  private timer: Stop | undefined
  private abort: Stop | undefined

  /** `onOutcome` is called once, unless `stop` was: perhaps within `begin`. A failure is a defect. */
  constructor(tries: Tries, onOutcome: (outcome: Exit.Exit<Outcome>) => void) {
    this.tries = tries
    this.onOutcome = onOutcome
  }

  begin(): void {
    const { dueMillis, progress, route, runtime, time } = this.tries
    const candidate = runtime.pick(this.tried)
    if (candidate === undefined) {
      this.end(noEndpoint(runtime.cluster))
      return
    }
    progress.enterEndpoint(candidate)
    const leftMillis = dueMillis === never ? never : dueMillis - time.nowMillis()
    if (leftMillis <= 0) this.end(routeTimeout(route))
    else this.send(candidate, leftMillis)
  }

  /** Gives up what is under way. */
  stop(): void {
    this.timer?.()
    this.timer = undefined
    this.abort?.()
    this.abort = undefined
  }

  private send(candidate: Candidate, leftMillis: number): void {
    const { progress, request, route, runtime, time } = this.tries
    const { body, headers, method, target } = request
    let isSettled = false
    const tryMillis = toMillis(route.retries.perTryMillis.value)
    if (tryMillis < leftMillis) {
      this.timer = time.after(tryMillis, () => {
        this.timer = undefined
        this.stop()
        this.guard(() => this.next(candidate, { _tag: "timed-out" }, tryTimeout(route)))
      })
    }
    const abort = runtime.client.executeUnsafe(
      {
        origin: runtime.originOf(candidate),
        method,
        target,
        headers,
        body,
        timeout: leftMillis === never ? undefined : leftMillis
      },
      (exit) => {
        isSettled = true
        this.abort = undefined
        this.timer?.()
        this.timer = undefined
        if (Exit.isSuccess(exit)) progress.holdAnswer(exit.value)
        this.guard(() => this.settled(candidate, exit))
      }
    )
    if (!isSettled) this.abort = abort
  }

  private settled(candidate: Candidate, exit: Exit.Exit<ClientResponse, ClientError>): void {
    const { route, runtime } = this.tries
    if (Exit.isSuccess(exit)) {
      const answer = exit.value
      this.next(candidate, { _tag: "answered", status: answer.status, field: (name) => answer.head.get(name) }, answer)
      return
    }
    const failed = Cause.findError(exit.cause)
    if (Result.isFailure(failed)) {
      this.onOutcome(Exit.failCause(failed.failure))
      return
    }
    const error = failed.success
    // Nothing was sent: it had waited for a connection.
    if (error.reason._tag === "CallTimeout" && error.retry === "always") this.waitedInVain(candidate)
    else this.next(candidate, { _tag: "failed", error }, replyTo(error, runtime.cluster, route))
  }

  /** The time was over before there was a connection: the pool knows what for. */
  private waitedInVain(candidate: Candidate): void {
    const { route, runtime } = this.tries
    const why = Effect.runSync(runtime.client.pool.explain(runtime.originOf(candidate).route))
    const reply = routeTimeout(route)
    this.end({ ...reply, body: `${reply.body}; it had no connection: ${why}` })
  }

  /** The next try, or the outcome of this one. */
  private next(candidate: Candidate, attempt: Attempt, outcome: Outcome): void {
    const { dueMillis, progress, request, route, runtime, time } = this.tries
    const { attemptCountMax } = route.retries
    const isSpent = request.body._tag === "Stream" && !isUnsent(attempt)
    if (isSpent || !wantsRetry(attempt, route.retries, isIdempotentMethod(request.method))) {
      this.end(outcome)
      return
    }
    if (progress.retryCount >= attemptCountMax.value) {
      if (attemptCountMax.value > 0) progress.addFlag("URX")
      this.end(outcome)
      return
    }
    if (!progress.holdRetry()) {
      progress.addFlag("UO")
      this.end(outcome && "flag" in outcome ? notRetried(outcome, runtime.cluster) : outcome)
      return
    }
    this.tried ??= new Set()
    this.tried.add(candidate)
    progress.discardAnswer()
    progress.retryCount++
    const pauseMillis = Math.min(retryPauseMillis(progress.retryCount, time.random()), dueMillis - time.nowMillis())
    this.timer = time.after(pauseMillis, () => {
      this.timer = undefined
      this.guard(() => this.begin())
    })
  }

  /** Who calls back from a connection or a timer has no use for a defect. */
  private guard(run: () => void): void {
    try {
      run()
    } catch (defect) {
      this.onOutcome(Exit.die(defect))
    }
  }

  private end(outcome: Outcome): void {
    this.onOutcome(Exit.succeed(outcome))
  }
}

/** Was nothing of the request sent, so that a body that can be read once is still whole? */
const isUnsent = (attempt: Attempt): boolean => attempt._tag === "failed" && attempt.error.retry === "always"

const never = Number.POSITIVE_INFINITY

const toMillis = (limit: Limit): number => (limit === "unlimited" ? never : limit)
