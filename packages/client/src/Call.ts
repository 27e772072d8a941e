/**
 * One call, from the wish to the last byte of the answer, over as many attempts as the retry table allows.
 *
 * The call is the receiver of its session and settles once: with a response when the head has come, or with an error.
 * It ends when the body has. All of it runs in plain calls on the event loop's stack; only waiting for the pool, for the
 * caller's body and for a slow reader involve fibers, and those only when there is something to wait for.
 *
 * Who owns the lease: the call, from the moment it is granted until `endLease`, which runs exactly once per lease: when
 * the answer is complete (before anybody hears of the end, so that the caller's next request finds the connection),
 * when the exchange fails, or when the call is given up.
 */
import { type Deadline, type Lease, PoolError, type RetryVerdict } from "@weir/core"
import type { Http1Error, RawHeaders, RequestBody, ResponseHead, ResponseReceiver, ReuseVerdict } from "@weir/http1"
import type { ConnectionInfo } from "@weir/transport"
import { type Cause, Duration, Exit, type Fiber } from "effect"
import { type ClientError, type ClientFailure, clientError } from "./ClientError.ts"
import type { ClientShared } from "./ClientShared.ts"
import type { HttpPeer } from "./HttpPool.ts"
import type { ClientRequest, ClientResponse, Upgraded } from "./Request.ts"
import { sendStream } from "./RequestStream.ts"
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
  | "ended"

export class Call implements ResponseReceiver, BodyOwner, Deadline {
  readonly request: ClientRequest
  readonly body: ResponseBody
  trailers: RawHeaders = noFields
  leasedAfterMillis = 0
  headAfterMillis = 0
  isReused = false
  idleBeforeMillis = 0
  retryCount = 0
  private readonly shared: ClientShared
  private phase: Phase = "acquiring"
  private readonly startedAtMillis: number
  /** Of the whole call; `Infinity` without. */
  private readonly requestDueMillis: number
  /** Of the phase that it is in. */
  private phaseDueMillis = Number.POSITIVE_INFINITY
  /** The earliest time that the deadlines will look at the call, and how many entries it has there. */
  private lookAtMillis = Number.POSITIVE_INFINITY
  private entryCount = 0
  private isBudgeted = false
  private lease: Lease<HttpPeer> | undefined
  private head: ResponseHead | undefined
  private withdraw: (() => void) | undefined
  private info: ConnectionInfo | undefined
  private sender: Fiber.Fiber<unknown, unknown> | undefined
  private hasBegunStream = false
  private isSendable = true
  /** Wakes the sender of a streamed body. */
  private onSendable: (() => void) | undefined
  private isAnswered = false
  upgraded: Upgraded | undefined
  private readonly answer: (exit: Exit.Exit<ClientResponse, ClientError>) => void

  constructor(
    shared: ClientShared,
    request: ClientRequest,
    answer: (exit: Exit.Exit<ClientResponse, ClientError>) => void
  ) {
    this.shared = shared
    this.request = request
    this.answer = answer
    this.body = new ResponseBody(this, shared.limits.bodyBufferByteCount)
    this.startedAtMillis = shared.deadlines.nowMillis()
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

  /** Gives the call up, at any point; nobody hears of it. Does nothing once it has ended. */
  abort(): void {
    if (this.phase === "ended") return
    this.body.fail(this.error({ _tag: "Aborted" }, "never"))
    this.end("discard")
  }

  // Sending.

  private acquire(): void {
    const { pool } = this.shared
    const { holder, origin } = this.request
    const idle = pool.leaseIdleUnsafe(origin.route, holder)
    if (idle !== undefined) {
      this.send(idle)
      return
    }
    const leftMillis = this.requestDueMillis - this.shared.deadlines.nowMillis()
    const options = {
      ...(leftMillis < this.shared.acquireMillis ? { timeout: Math.max(0, leftMillis) } : {}),
      ...(holder === undefined ? {} : { holder })
    }
    let isSettled = false
    const withdraw = pool.leaseUnsafe(origin.route, options, (result) => {
      isSettled = true
      this.withdraw = undefined
      if (result instanceof PoolError) this.failPool(result)
      else this.send(result)
    })
    // The pool may have answered before it returned.
    if (!isSettled) this.withdraw = withdraw
  }

  private send(lease: Lease<HttpPeer>): void {
    this.lease = lease
    this.info = lease.connection.info
    this.isReused = lease.isReused
    this.idleBeforeMillis = lease.idleMillis
    this.phase = "awaiting-head"
    const { limits } = this.shared
    const nowMillis = this.shared.deadlines.nowMillis()
    this.leasedAfterMillis = nowMillis - this.startedAtMillis
    const { body, expectsContinue, isUpgrade, method, target } = this.request
    const framing: RequestBody =
      body._tag === "Empty"
        ? emptyFraming
        : body._tag === "Bytes"
          ? { _tag: "bytes", bytes: body.bytes }
          : body.byteCount === undefined
            ? chunkedFraming
            : { _tag: "sized", byteCount: body.byteCount }
    // The head's time begins when the body has been sent; a streamed body sets it when it ends.
    if (body._tag === "Stream") this.phaseDueMillis = Number.POSITIVE_INFINITY
    else this.awaitHead(nowMillis)
    if (expectsContinue === true) this.watch(nowMillis + limits.expectContinueMillis)
    const { session } = lease.connection
    session.start(
      {
        method,
        target,
        headers: this.shared.headersOf(this.request),
        body: framing,
        ...(expectsContinue === true ? { expectsContinue } : {}),
        ...(isUpgrade === true ? { isUpgrade } : {})
      },
      this
    )
    // `start` may have failed in this stack, and the call be over or waiting for another connection by now.
    if (body._tag === "Stream" && this.lease === lease && this.phase === "awaiting-head") {
      this.hasBegunStream = true
      this.sender = this.shared.fork(sendStream(body.stream, this))
      this.sender.addObserver((exit) => {
        if (this.lease === lease) this.sent(exit)
      })
    }
  }

  /** For the sender of a streamed body: writes a piece; false: wait for `whenSendable`. */
  writeBody(chunk: Uint8Array): boolean {
    this.isSendable = this.lease?.connection.session.writeBody(chunk) ?? false
    return this.isSendable
  }

  /**
   * Calls back when more may be written: at once, if that has come to pass between `writeBody`'s false and this call,
   * since the sender's fiber may yield there.
   */
  whenSendable(callback: () => void): void {
    if (this.isSendable) callback()
    else this.onSendable = callback
  }

  private sent(exit: Exit.Exit<unknown, unknown>): void {
    this.sender = undefined
    if (this.phase !== "awaiting-head" && this.phase !== "reading-body") return
    if (Exit.isSuccess(exit)) {
      this.lease?.connection.session.endBody()
      if (this.phase === "awaiting-head") this.awaitHead(this.shared.deadlines.nowMillis())
      return
    }
    if (this.phase === "awaiting-head") this.failStream(exit.cause)
    else this.abort()
  }

  private failStream(cause: Cause.Cause<unknown>): void {
    this.fail(this.error({ _tag: "RequestBodyFailed" }, "never", cause))
  }

  private awaitHead(nowMillis: number): void {
    this.phaseDueMillis = nowMillis + this.shared.limits.responseHeadMillis
    this.watch(this.phaseDueMillis)
  }

  // The session's side.

  onInformational(head: ResponseHead): void {
    this.request.onInformational?.(head)
  }

  onHead(head: ResponseHead): void {
    const nowMillis = this.shared.deadlines.nowMillis()
    this.head = head
    this.headAfterMillis = nowMillis - this.startedAtMillis
    this.phase = "reading-body"
    this.phaseDueMillis = nowMillis + this.shared.limits.bodyIdleMillis
    this.watch(this.phaseDueMillis)
    // A server that answers early with success goes on reading (a proxy, an echo); any other answer is final for the body.
    if (head.status >= 300) this.stopSender()
  }

  onBody(chunk: Uint8Array): void {
    this.body.push(chunk)
    this.noteReader()
  }

  onReadEnd(): void {
    // A head with the start of a longer body: the caller may begin to read.
    this.respond()
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
  }

  onUpgrade(head: ResponseHead, rest: Uint8Array): void {
    const { lease } = this
    if (lease === undefined) return
    this.head = head
    this.headAfterMillis = this.shared.deadlines.nowMillis() - this.startedAtMillis
    this.lease = undefined
    this.end("release")
    this.body.end()
    this.upgraded = { connection: lease.connection.session.connection, rest, close: () => lease.discard() }
    this.respond()
  }

  onWritable(): void {
    this.wakeSender()
  }

  onFailure(error: Http1Error): void {
    if (this.phase === "ended") return
    const { isReused, request } = this
    const isIdempotent = request.isIdempotent ?? isIdempotentMethod(request.method)
    const isReplayable = request.body._tag !== "Stream" || request.body.isReplayable === true || !this.hasBegunStream
    const { progress, reason } = error
    const isAllowed = mayRetry({ isReused, reason, progress, isIdempotent, isReplayable })
    if (isAllowed && this.retryCount < this.shared.limits.retryCountMax && this.takeBudget()) {
      this.retry()
      return
    }
    this.fail(this.error(failureOf(error, isReused), verdictOf(error), error.cause ?? error))
  }

  private takeBudget(): boolean {
    if (!this.isBudgeted) this.isBudgeted = this.shared.budget.take()
    return this.isBudgeted
  }

  private retry(): void {
    this.retryCount++
    this.stopSender()
    this.endLease("discard")
    this.phase = "acquiring"
    this.phaseDueMillis = Number.POSITIVE_INFINITY
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
    if (this.phase === "reading-body") {
      // The heap keeps the older time and finds, when it comes, that there is a newer one.
      this.phaseDueMillis = this.shared.deadlines.nowMillis() + this.shared.limits.bodyIdleMillis
    }
  }

  abandonBody(): void {
    this.abort()
  }

  /** Nobody wants the rest of the body. */
  discard(): void {
    if (this.phase !== "reading-body") return
    const { limits } = this.shared
    const length = Number(this.head?.get("content-length") ?? 0)
    if (length > limits.drainByteCountMax || limits.drainByteCountMax === 0) {
      this.abort()
      return
    }
    this.phaseDueMillis = this.shared.deadlines.nowMillis() + limits.drainMillis
    this.watch(this.phaseDueMillis)
    this.body.discard(limits.drainByteCountMax)
  }

  // Time.

  get isPending(): boolean {
    return this.phase !== "ended"
  }

  onDue(nowMillis: number): number {
    if (nowMillis >= this.requestDueMillis) {
      this.timeOut("request", this.requestDueMillis - this.startedAtMillis)
    } else if (nowMillis >= this.phaseDueMillis) {
      if (this.phase === "awaiting-head") this.timeOut("response-head", this.shared.limits.responseHeadMillis)
      else this.timeOut("body-idle", this.shared.limits.bodyIdleMillis)
    } else if (this.request.expectsContinue === true && this.phase === "awaiting-head") {
      // The server has not said 100 in time; the body goes out anyway (RFC 9110 section 10.1.1).
      this.lease?.connection.session.releaseBody()
      this.wakeSender()
    }
    const againMillis = Math.min(this.requestDueMillis, this.phaseDueMillis)
    this.lookAtMillis = againMillis
    if (!this.isPending || againMillis === Number.POSITIVE_INFINITY) this.entryCount--
    return againMillis
  }

  private timeOut(phase: "response-head" | "body-idle" | "request", timeoutMillis: number, cause?: PoolError): void {
    const waitedFor = this.body.isWaitingForReader ? "reader" : "server"
    const retry = this.phase === "acquiring" ? "always" : this.phase === "awaiting-head" ? "if-idempotent" : "never"
    this.fail(this.error({ _tag: "CallTimeout", phase, timeoutMillis, waitedFor }, retry, cause))
  }

  /** Sees that the deadlines look no later than `atMillis`. A later time than the one they have is found then. */
  private watch(atMillis: number): void {
    if (atMillis >= this.lookAtMillis) return
    this.lookAtMillis = atMillis
    this.entryCount++
    this.shared.deadlines.add(atMillis, this)
  }

  // Ends.

  private respond(): void {
    const { head, info } = this
    if (this.isAnswered || head === undefined || info === undefined) return
    this.isAnswered = true
    this.answer(Exit.succeed(makeResponse(this, head, info)))
  }

  private fail(error: ClientError): void {
    if (this.phase === "ended") return
    this.end("discard")
    this.body.fail(error)
    if (this.isAnswered) return
    this.isAnswered = true
    this.answer(Exit.fail(error))
  }

  private failPool(error: PoolError): void {
    const isLate = this.shared.deadlines.nowMillis() >= this.requestDueMillis
    if (isLate && error.reason._tag === "AcquireTimeout")
      this.timeOut("request", this.requestDueMillis - this.startedAtMillis, error)
    else this.fail(this.error({ _tag: "NoConnection", error }, error.retry, error))
  }

  /** The call is over: everything that it holds goes home, once. */
  private end(disposition: "release" | "discard"): void {
    const { budget, deadlines } = this.shared
    this.phase = "ended"
    this.withdraw?.()
    this.withdraw = undefined
    this.stopSender()
    budget.activeCallCount--
    if (this.isBudgeted) budget.give()
    for (; this.entryCount > 0; this.entryCount--) deadlines.forget()
    // Last, for it may hand the connection to the next caller in this very stack.
    this.endLease(disposition)
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

  private stopSender(): void {
    const { sender } = this
    this.sender = undefined
    this.onSendable = undefined
    sender?.interruptUnsafe()
  }

  private wakeSender(): void {
    this.isSendable = true
    const callback = this.onSendable
    this.onSendable = undefined
    callback?.()
  }

  private error(reason: ClientFailure, retry: RetryVerdict, cause?: unknown): ClientError {
    const { method, origin, target } = this.request
    const path = target.split("?", 1)[0] ?? ""
    return clientError({
      reason,
      call: `${method} ${origin.label}${path}`,
      retry,
      retryCount: this.retryCount,
      ...(cause === undefined ? {} : { cause })
    })
  }
}

const noFields: RawHeaders = Object.freeze([])
const emptyFraming: RequestBody = { _tag: "empty" }
const chunkedFraming: RequestBody = { _tag: "chunked" }

const failureOf = (error: Http1Error, isReused: boolean): ClientFailure => {
  switch (error.reason) {
    case "InvalidRequest":
    case "BodyLengthMismatch":
      return { _tag: "InvalidRequest", detail: error.detail }
    case "MalformedResponse":
      return { _tag: "BadResponse", kind: "malformed", detail: error.detail }
    case "LimitExceeded":
      return { _tag: "BadResponse", kind: "limit", detail: error.detail }
    case "ConnectionClosed":
    case "ConnectionFailed":
      return { _tag: "ConnectionLost", progress: error.progress, detail: error.detail, isReused }
    case "Aborted":
      return { _tag: "Aborted" }
  }
}

const verdictOf = (error: Http1Error): RetryVerdict => {
  if (error.reason !== "ConnectionClosed" && error.reason !== "ConnectionFailed") return "never"
  switch (error.progress) {
    case "unsent":
      return "always"
    case "sent":
    case "response-started":
      return "if-idempotent"
    case "head-received":
      return "never"
  }
}
