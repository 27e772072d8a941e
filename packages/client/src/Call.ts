/**
 * One call, from the wish to the last byte of the answer, over as many attempts as the retry table allows.
 *
 * The call is the receiver of its session and settles once: with a response when the head has come, or with an error.
 * It ends when the body has. All of it runs in plain calls on the event loop's stack; only waiting for the pool, for the
 * caller's body and for a slow reader involve fibers, and those only when there is something to wait for.
 *
 * Who owns the lease: the call, from the moment it is granted until `endLease`, which runs exactly once per lease: when
 * the answer is complete (before anybody hears of the end, so that the caller's next request finds the connection),
 * when the exchange fails, or when the call is given up. After an upgrade it is `upgraded` that owns it.
 */
import { type Deadline, type Lease, PoolError, type RetryVerdict } from "@weir/core"
import {
  type Http1Error,
  type RawHeaders,
  type ResponseHead,
  type ResponseReceiver,
  type ReuseVerdict,
  requestHeadError
} from "@weir/http1"
import type { ConnectionInfo } from "@weir/transport"
import { Cause, Duration, Exit } from "effect"
import { withBytesInPieces } from "./bytesInPieces.ts"
import { failureOf, verdictOf } from "./CallFailure.ts"
import { CallTimer, tellTiming } from "./CallTimer.ts"
import { type CallTimeout, type ClientError, type ClientFailure, clientError } from "./ClientError.ts"
import type { ClientShared } from "./ClientShared.ts"
import type { HttpPeer } from "./HttpPool.ts"
import { LeasedUpgrade } from "./LeasedUpgrade.ts"
import type { ClientRequest, ClientResponse, Upgraded } from "./Request.ts"
import { requestHead } from "./RequestHead.ts"
import { RequestStream, type RequestStreamOwner } from "./RequestStream.ts"
import { makeResponse } from "./Response.ts"
import { type BodyOwner, ResponseBody } from "./ResponseBody.ts"
import { isIdempotentMethod, mayRetry } from "./RetryVerdict.ts"

type Phase =
  /** Waiting for a connection. */
  | "acquiring"
  /** Sent, or being sent; no head yet. */
  | "awaiting-head"
  /** The caller has the response; its body has not ended. */
  | "reading-body"
  /** Nobody wants the rest of the body; it is read for the connection's sake. */
  | "draining"
  | "ended"

const never = Number.POSITIVE_INFINITY

export class Call implements ResponseReceiver, BodyOwner, RequestStreamOwner, Deadline {
  readonly request: ClientRequest
  readonly body: ResponseBody
  trailers: RawHeaders = noFields
  leasedAfterMillis = 0
  headAfterMillis = 0
  /** Was no idle connection there? */
  hasWaited = false
  isReused = false
  idleBeforeMillis = 0
  retryCount = 0
  upgraded: Upgraded | undefined
  /** For a caller who asks. */
  readonly timer: CallTimer | undefined
  private readonly shared: ClientShared
  private readonly answer: (exit: Exit.Exit<ClientResponse, ClientError>) => void
  private phase: Phase = "acquiring"
  private isAnswered = false
  private readonly startedAtMillis: number
  /** Of the whole call. */
  private readonly requestDueMillis: number
  /** Of the phase that it is in. */
  private phaseDueMillis = never
  /** When a body held for `100 Continue` is sent without it. */
  private continueDueMillis = never
  /** The earliest time that the deadlines will look at the call, and how many entries it has there. */
  private lookAtMillis = never
  private entryCount = 0
  /** Does it hold a place among the retries under way? */
  private isBudgeted = false
  private withdraw: (() => void) | undefined
  private lease: Lease<HttpPeer> | undefined
  private info: ConnectionInfo | undefined
  private stream: RequestStream | undefined
  private hasBegunStream = false
  /** Has a try that came to nothing been written? */
  private wasSent = false
  private head: ResponseHead | undefined
  /** Listens to the request's signal. */
  private onSignal: (() => void) | undefined

  constructor(
    shared: ClientShared,
    request: ClientRequest,
    answer: (exit: Exit.Exit<ClientResponse, ClientError>) => void
  ) {
    this.shared = shared
    this.request = request.body._tag === "Bytes" ? withBytesInPieces(request, request.body.bytes) : request
    this.answer = answer
    this.body = new ResponseBody(this, shared.limits.bodyBufferByteCount)
    this.startedAtMillis = shared.deadlines.nowMillis()
    this.timer = request.onTiming === undefined ? undefined : new CallTimer(shared.clock)
    const timeoutMillis =
      request.timeout === undefined
        ? shared.limits.requestMillis
        : Duration.toMillis(Duration.fromInputUnsafe(request.timeout))
    this.requestDueMillis = this.startedAtMillis + timeoutMillis
  }

  begin(): void {
    this.shared.budget.activeCallCount++
    this.watch(this.requestDueMillis)
    this.acquire()
  }

  /** Gives the call up, at any point; only a reader of its body hears of it. Does nothing once it has ended. */
  abort(): void {
    this.upgraded?.close()
    if (this.phase === "ended") return
    this.end("discard")
    this.body.fail(this.error({ _tag: "Aborted" }, "never"))
  }

  // Sending.

  private acquire(): void {
    const { headersOf, pool } = this.shared
    const { holder, origin } = this.request
    const idle = pool.leaseIdleUnsafe(origin.route, holder)
    if (idle !== undefined) {
      // A first try is still in the stack, and the millisecond, in which the call began.
      this.send(idle, this.retryCount === 0 ? this.startedAtMillis : this.nowMillis)
      return
    }
    // What cannot be written is no reason to wait or to dial.
    const refusal = this.hasWaited ? undefined : requestHeadError(requestHead(this.request, headersOf(this.request)))
    if (refusal !== undefined) {
      this.fail(this.error(failureOf(refusal, false), "never", refusal))
      return
    }
    this.hasWaited = true
    let isSettled = false
    const withdraw = pool.leaseUnsafe(origin.route, holder === undefined ? undefined : { holder }, (result) => {
      isSettled = true
      this.withdraw = undefined
      if (result instanceof PoolError) {
        this.fail(this.error({ _tag: "NoConnection", error: result }, result.retry, result))
      } else {
        this.send(result, this.nowMillis)
      }
    })
    // The pool may have answered before it returned.
    if (!isSettled) this.withdraw = withdraw
  }

  private send(lease: Lease<HttpPeer>, nowMillis: number): void {
    const { request, shared } = this
    const { body } = request
    const { session } = lease.connection
    this.lease = lease
    this.info = lease.connection.info
    this.isReused = lease.isReused
    this.idleBeforeMillis = lease.isReused ? lease.idleMillis : nowMillis - lease.connection.openedAtMillis
    this.leasedAfterMillis = nowMillis - this.startedAtMillis
    this.timer?.leased()
    this.phase = "awaiting-head"
    // The head's time begins when the body has been sent; a stream tells when that is.
    if (body._tag !== "Stream") this.setPhaseDue(nowMillis + shared.limits.responseHeadMillis)
    if (request.expectsContinue === true) {
      this.continueDueMillis = nowMillis + shared.limits.expectContinueMillis
      this.watch(this.continueDueMillis)
    }
    session.start(requestHead(request, shared.headersOf(request)), this)
    // `start` may have failed in this stack, and the call be over or waiting for another connection by now.
    if (body._tag !== "Stream" || this.lease !== lease) return
    this.hasBegunStream = true
    this.stream = new RequestStream(session, this)
    this.stream.begin(body.stream, shared.fork)
  }

  onStalled(): void {
    if (this.phase === "awaiting-head") this.setPhaseDue(this.nowMillis + this.shared.limits.bodyIdleMillis)
  }

  onFlowing(): void {
    if (this.phase === "awaiting-head") this.setPhaseDue(never)
  }

  onStreamEnd(exit: Exit.Exit<void, unknown>): void {
    this.stream = undefined
    if (Exit.isFailure(exit)) {
      this.fail(this.error({ _tag: "RequestBodyFailed" }, "never", Cause.squash(exit.cause)))
      return
    }
    this.lease?.connection.session.endBody()
    if (this.phase === "awaiting-head") this.setPhaseDue(this.nowMillis + this.shared.limits.responseHeadMillis)
  }

  // The session's side.

  onInformational(head: ResponseHead): void {
    try {
      this.request.onInformational?.(head)
    } catch (defect) {
      this.die(defect)
    }
  }

  onHead(head: ResponseHead): void {
    const { nowMillis } = this
    this.head = head
    this.headAfterMillis = nowMillis - this.startedAtMillis
    this.timer?.head()
    this.phase = "reading-body"
    this.setPhaseDue(nowMillis + this.shared.limits.bodyIdleMillis)
    // A server that answers early with success goes on reading (a proxy, an echo); any other answer is final for the body.
    if (head.status >= 300) this.stopStream()
  }

  onBody(chunk: Uint8Array): void {
    this.body.push(chunk)
  }

  onReadEnd(): void {
    this.noteReader()
    this.body.wakeReaders()
    // A head with the start of a longer body: the caller may begin to read.
    this.respond()
    this.body.readEnd()
  }

  onComplete(verdict: ReuseVerdict, trailers: RawHeaders): void {
    this.trailers = trailers
    if (verdict._tag === "reusable") {
      if (verdict.idleMillisMax !== undefined || verdict.usesMax !== undefined) {
        this.lease?.connection.limit(verdict.idleMillisMax, verdict.usesMax)
      }
      this.end("release")
    } else {
      this.end("discard")
    }
    this.body.end()
    this.respond()
    this.body.keep()
  }

  onUpgrade(head: ResponseHead, rest: Uint8Array): void {
    const { lease } = this
    if (lease === undefined) return
    this.head = head
    this.headAfterMillis = this.nowMillis - this.startedAtMillis
    this.timer?.head()
    this.lease = undefined
    this.upgraded = new LeasedUpgrade(lease, rest)
    this.end("release")
    this.body.end()
    this.respond()
  }

  onWritable(): void {
    this.stream?.flow()
  }

  onFailure(error: Http1Error): void {
    const { idleBeforeMillis, isReused, request } = this
    const { progress, reason } = error
    const verdict = mayRetry({
      isReused,
      idleMillis: idleBeforeMillis,
      reason,
      progress,
      isIdempotent: request.isIdempotent ?? isIdempotentMethod(request.method),
      isReplayable: request.body._tag !== "Stream" || request.body.isReplayable === true || !this.hasBegunStream
    })
    const isAllowed = verdict !== "no" && this.retryCount < this.shared.limits.retryCountMax
    if (isAllowed && (verdict === "yes" || this.takeBudget())) {
      this.wasSent ||= progress !== "unsent"
      this.retry()
      return
    }
    // The session refused to write it, and is as good as before.
    const isUntouched = reason === "InvalidRequest" && progress === "unsent"
    this.fail(
      this.error(failureOf(error, isReused), verdictOf(error), error.cause ?? error),
      isUntouched ? "release" : "discard"
    )
  }

  private takeBudget(): boolean {
    this.isBudgeted ||= this.shared.budget.take()
    return this.isBudgeted
  }

  private retry(): void {
    this.retryCount++
    this.stopStream()
    this.endLease("discard")
    this.phase = "acquiring"
    this.phaseDueMillis = never
    // The server may have closed every idle connection: the last try is to be made on one that cannot be stale.
    if (this.retryCount === this.shared.limits.retryCountMax) this.shared.closeIdle(this.request.origin.route)
    this.acquire()
  }

  // The reader's side.

  pauseBody(): void {
    this.lease?.connection.session.pause()
  }

  resumeBody(): void {
    this.lease?.connection.session.resume()
  }

  noteReader(): void {
    if (this.phase === "reading-body") this.setPhaseDue(this.nowMillis + this.shared.limits.bodyIdleMillis)
  }

  get announcedByteCount(): number {
    return Number(this.head?.get("content-length"))
  }

  abandonBody(): void {
    this.abort()
  }

  /** Nobody wants anything more of the answer. */
  discard(): void {
    this.upgraded?.close()
    this.discardBody()
  }

  /** Nobody wants the rest of the body: it is read within the budgets to keep the connection, which is closed otherwise. */
  discardBody(): void {
    if (this.phase !== "reading-body") return
    const { drainByteCountMax, drainMillis } = this.shared.limits
    if (drainByteCountMax === 0 || this.announcedByteCount - this.body.receivedByteCount > drainByteCountMax) {
      this.abort()
      return
    }
    this.phase = "draining"
    this.setPhaseDue(this.nowMillis + drainMillis)
    this.body.discard(drainByteCountMax, this.error({ _tag: "Aborted" }, "never"))
  }

  // Time.

  get isPending(): boolean {
    return this.phase !== "ended"
  }

  onDue(nowMillis: number): number {
    // The entry that brought us here has been taken out.
    this.entryCount--
    this.lookAtMillis = never
    if (nowMillis >= this.requestDueMillis) this.timeOut("request", this.requestDueMillis - this.startedAtMillis)
    else if (nowMillis >= this.phaseDueMillis) this.endPhase()
    else if (nowMillis >= this.continueDueMillis) {
      // The server has not said 100 in time; the body goes out anyway (RFC 9110 section 10.1.1).
      this.continueDueMillis = never
      if (this.lease?.connection.session.releaseBody() === true) this.stream?.flow()
    }
    if (!this.isPending) return never
    const againMillis = Math.min(this.requestDueMillis, this.phaseDueMillis, this.continueDueMillis)
    if (againMillis >= this.lookAtMillis || againMillis === never) return never
    this.lookAtMillis = againMillis
    this.entryCount++
    return againMillis
  }

  private endPhase(): void {
    const { limits } = this.shared
    if (this.phase === "draining") this.abort()
    else if (this.phase === "reading-body") this.timeOut("body-idle", limits.bodyIdleMillis)
    else if (this.stream === undefined) this.timeOut("response-head", limits.responseHeadMillis)
    else this.timeOut("request-body-idle", limits.bodyIdleMillis)
  }

  private timeOut(phase: CallTimeout["phase"], timeoutMillis: number): void {
    const isAcquiring = this.phase === "acquiring"
    const waitedFor = isAcquiring ? "connection" : this.body.isWaitingForReader ? "reader" : "server"
    const report = isAcquiring ? { report: this.shared.explain(this.request.origin.route) } : {}
    const retry = isAcquiring ? "always" : this.phase === "awaiting-head" ? "if-idempotent" : "never"
    this.fail(this.error({ _tag: "CallTimeout", phase, timeoutMillis, waitedFor, ...report }, retry))
  }

  /** A due time that has moved further away is found when the deadlines look; only an earlier one has to be told. */
  private setPhaseDue(atMillis: number): void {
    this.phaseDueMillis = atMillis
    this.watch(atMillis)
  }

  /** Sees that the deadlines look no later than `atMillis`. */
  private watch(atMillis: number): void {
    if (atMillis >= this.lookAtMillis) return
    this.lookAtMillis = atMillis
    this.entryCount++
    this.shared.deadlines.add(atMillis, this)
  }

  private get nowMillis(): number {
    return this.shared.deadlines.nowMillis()
  }

  // Ends.

  private respond(): void {
    const { head, info } = this
    if (this.isAnswered || head === undefined || info === undefined) return
    this.isAnswered = true
    const { signal } = this.request
    if (signal !== undefined && (this.isPending || this.upgraded !== undefined)) this.listen(signal)
    this.answer(Exit.succeed(makeResponse(this, head, info)))
  }

  private listen(signal: AbortSignal): void {
    this.onSignal = () => this.discard()
    if (signal.aborted) this.discard()
    else signal.addEventListener("abort", this.onSignal, { once: true })
  }

  private fail(error: ClientError, disposition: "release" | "discard" = "discard"): void {
    if (this.phase === "ended") return
    this.end(disposition)
    this.body.fail(error)
    if (this.isAnswered) return
    this.isAnswered = true
    this.answer(Exit.fail(error))
  }

  /** The caller's own code has thrown. */
  private die(defect: unknown): void {
    this.end("discard")
    this.isAnswered = true
    this.answer(Exit.die(defect))
  }

  /** The call is over: everything that it holds goes home, once. */
  private end(disposition: "release" | "discard"): void {
    const { budget, deadlines, fork } = this.shared
    this.phase = "ended"
    this.withdraw?.()
    this.withdraw = undefined
    this.stopStream()
    budget.activeCallCount--
    if (this.isBudgeted) budget.give()
    for (; this.entryCount > 0; this.entryCount--) deadlines.forget()
    if (this.onSignal !== undefined) this.request.signal?.removeEventListener("abort", this.onSignal)
    this.timer?.end()
    // Last, for it may hand the connection to the next caller in this very stack.
    this.endLease(disposition)
    if (this.timer !== undefined && this.head !== undefined && this.info !== undefined)
      tellTiming(this, this.info, fork)
  }

  private endLease(disposition: "release" | "discard"): void {
    const { lease } = this
    if (lease === undefined) return
    this.lease = undefined
    if (disposition === "release") {
      lease.release()
    } else {
      lease.connection.session.abort()
      lease.discard()
    }
  }

  private stopStream(): void {
    const { stream } = this
    this.stream = undefined
    stream?.stop()
  }

  private error(reason: ClientFailure, retry: RetryVerdict, cause?: unknown): ClientError {
    const { method, origin, target } = this.request
    const path = target.split("?", 1)[0] ?? ""
    return clientError({
      reason,
      call: `${method} ${origin.label}${path}`,
      // What an earlier try has sent stays sent, whatever became of the last one.
      retry: retry === "always" && this.wasSent ? "if-idempotent" : retry,
      retryCount: this.retryCount,
      ...(cause === undefined ? {} : { cause })
    })
  }
}

const noFields: RawHeaders = Object.freeze([])
