/**
 * One caller: a closed loop of calls over one keep-alive connection at a time.
 *
 * It is written in plain callbacks with no fiber, promise or timer per call, and reads the clock once per call, for it
 * is the measuring tool: what it costs is counted as the peer's latency.
 *
 * As fortio does it: the connection is dropped after an answer that is neither 2xx nor 418, and the next call dials
 * again; a connection that the server closed while it was idle is replaced before the call is sent. Where the server
 * closed it in the moment the call was sent, a call that may be repeated (RFC 9110 section 9.2.2) is sent once more on
 * a new connection and counted once; fortio does so with every method.
 */
import {
  type Http1Error,
  makeSession,
  type RequestHead,
  type ResponseHead,
  type ResponseReceiver,
  type ReuseVerdict,
  type Session
} from "@weir/http1"
import type { Connection, TransportError } from "@weir/transport"
import type { LoadNotice } from "./LoadOptions.ts"
import type { CallFailure, Measurements } from "./Measurements.ts"
import { nextStartNanos, type Pacing } from "./Pacing.ts"

/** What the run does for its callers. */
export interface CallerHost {
  readonly head: RequestHead
  readonly timeoutNanos: number
  readonly measurements: Measurements
  /** Since the start of the run. */
  nowNanos(): number
  /** Calls `onOpen` or `onFailed` in a later turn of the event loop; neither after the returned function was called. */
  dial(onOpen: (connection: Connection) => void, onFailed: (error: TransportError) => void): () => void
  /** Calls `onTime` after so long, unless the returned function is called before. */
  wait(delayNanos: number, onTime: () => void): () => void
  notice(key: string, level: LoadNotice["level"], message: () => string): void
  /** A call failed to get a connection, when none has ever been opened: there is nothing to measure. */
  onUnreachable(detail: string, cause: TransportError | undefined): void
  onInvalidRequest(error: Http1Error): void
  onCallerDone(): void
}

export class Caller implements ResponseReceiver {
  private readonly host: CallerHost
  private readonly pacing: Pacing
  private phase: "idle" | "waiting" | "dialling" | "calling" | "done" = "idle"
  private isStopping = false
  /** The kept connection. One that ends while it is idle is forgotten as soon as it says so. */
  private session: Session | undefined
  /** Was the session of the call under way used before? */
  private isReused = false
  /** Gives up the wait or the dial under way. */
  private cancel: (() => void) | undefined
  private finishedCount = 0
  private startedNanos = 0
  private code = 0
  private bodyByteCount = 0

  constructor(host: CallerHost, pacing: Pacing) {
    this.host = host
    this.pacing = pacing
  }

  /** Begins the first call, or the next one after a call that ended now. */
  advance(nowNanos: number): void {
    const startNanos = this.isStopping ? undefined : nextStartNanos(this.pacing, this.finishedCount, nowNanos)
    if (startNanos === undefined) {
      this.phase = "done"
      this.host.onCallerDone()
    } else if (startNanos <= nowNanos) {
      this.call(nowNanos)
    } else {
      this.phase = "waiting"
      this.cancel = this.host.wait(startNanos - nowNanos, () => this.call(this.host.nowNanos()))
    }
  }

  /** Begins no further call; the one under way ends. */
  stop(): void {
    this.isStopping = true
    if (this.phase !== "waiting") return
    this.cancel?.()
    this.advance(this.host.nowNanos())
  }

  /** Lets everything go at once; the call under way is not counted. */
  close(): void {
    if (this.phase === "dialling" || this.phase === "waiting") this.cancel?.()
    this.phase = "done"
    this.dropSession()
  }

  giveUpIfOverdue(nowNanos: number): void {
    if (nowNanos - this.startedNanos < this.host.timeoutNanos) return
    if (this.phase === "dialling") this.cancel?.()
    else if (this.phase === "calling") this.dropSession()
    else return
    if (this.host.measurements.socketsUsed === 0) {
      this.host.onUnreachable(`no connection within ${this.host.timeoutNanos / 1e6} ms`, undefined)
    } else {
      this.fail("Timeout", `no answer within ${this.host.timeoutNanos / 1e6} ms`)
    }
  }

  private call(nowNanos: number): void {
    this.startedNanos = nowNanos
    this.bodyByteCount = 0
    if (this.session === undefined) {
      this.dial()
    } else {
      this.isReused = true
      this.phase = "calling"
      this.session.start(this.host.head, this)
    }
  }

  private dial(): void {
    this.isReused = false
    this.phase = "dialling"
    this.cancel = this.host.dial(
      (connection) => {
        this.host.measurements.socketsUsed++
        // A late word of an old connection must not touch its successor.
        const forget = () => {
          if (this.session === session) this.session = undefined
        }
        const session = makeSession(connection, { onIdleEvent: forget, onClosed: forget })
        this.session = session
        this.phase = "calling"
        session.start(this.host.head, this)
      },
      (error) => {
        if (this.host.measurements.socketsUsed === 0) this.host.onUnreachable(error.message, error)
        else this.fail(error.reason, error.message)
      }
    )
  }

  private dropSession(): void {
    const session = this.session
    if (session === undefined) return
    this.session = undefined
    if (session.isBusy) session.abort()
    else session.connection.close()
  }

  private fail(failure: CallFailure, detail: string): void {
    this.host.notice(failure, "Error", () => `a call failed with ${failure}: ${detail}; more of them are only counted`)
    const nowNanos = this.host.nowNanos()
    this.host.measurements.recordFailure(failure, nowNanos - this.startedNanos)
    this.finishedCount++
    this.advance(nowNanos)
  }

  private succeed(isKept: boolean): void {
    const code = this.code
    const nowNanos = this.host.nowNanos()
    this.host.measurements.recordAnswer(code, nowNanos - this.startedNanos, this.bodyByteCount)
    this.finishedCount++
    if (!isOk(code))
      this.host.notice(`code ${code}`, "Warning", () => `an answer with code ${code}; more of them are only counted`)
    if (!isKept || !isOk(code)) this.dropSession()
    this.advance(nowNanos)
  }

  onInformational(): void {
    // An answer is what ends the call; this is none.
  }

  onHead(head: ResponseHead): void {
    this.code = head.status
  }

  onBody(chunk: Uint8Array): void {
    this.bodyByteCount += chunk.byteLength
  }

  onComplete(verdict: ReuseVerdict): void {
    this.succeed(verdict._tag === "reusable")
  }

  /** Nobody asked for it, so nobody speaks what follows: the answer is counted and the connection closed. */
  onUpgrade(head: ResponseHead): void {
    this.code = head.status
    this.succeed(false)
  }

  onWritable(): void {
    // The whole request went with its head.
  }

  onFailure(error: Http1Error): void {
    if (error.reason === "InvalidRequest") {
      this.host.onInvalidRequest(error)
      return
    }
    this.session = undefined
    const mayRepeat = error.progress === "unsent" || (error.progress === "sent" && isRepeatable(this.host.head.method))
    if (this.isReused && mayRepeat) {
      this.host.notice("stale", "Info", () => `a kept connection broke, dialling again: ${error.message}`)
      this.dial()
    } else {
      this.fail(error.reason, error.message)
    }
  }
}

/** fortio's rule for what is no error, and for which connections are kept. */
const isOk = (code: number): boolean => (code >= 200 && code <= 299) || code === 418

const isRepeatable = (method: string): boolean => ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].includes(method)
