/**
 * One request through the gateway: route, cluster, tries, answer, access record.
 *
 * It runs in plain calls from the listener's, the connections' and the timers' callbacks, without a fiber (see
 * `Attempts`). Whatever happens, it ends once: with the answer sent, given up by the listener, or with a defect that
 * the listener tells.
 */
import { STATUS_CODES } from "node:http"
import type { Body, ClientResponse } from "@weir/client"
import { Exit } from "effect"
import { pickDestination, type Routed, type Router, rewriteTarget } from "../config/Router.ts"
import type { Answering, CallerFault, Incoming } from "../Listener.ts"
import type { AccessRecord } from "./AccessLog.ts"
import { Attempts, type GatewayTime, type Outcome, type OutgoingRequest } from "./Attempts.ts"
import type { ClusterRuntime } from "./ClusterRuntime.ts"
import { requestHeaders } from "./ForwardedHeaders.ts"
import { IncomingBodyError, readIncoming, type Stop } from "./IncomingBody.ts"
import { faultReply, type LocalReply, noRoute, routeTimeout } from "./Outcome.ts"
import { breakOff, PassOn } from "./PassOn.ts"
import { Progress } from "./Progress.ts"
import { type RequestLine, readRequestLine } from "./RequestLine.ts"

/** What every exchange works with. */
export interface ExchangeShared {
  readonly router: Router
  readonly clusters: ReadonlyMap<string, ClusterRuntime>
  readonly time: GatewayTime
  readonly wallMillis: () => number
  readonly onEnd: (record: AccessRecord) => void
}

export class Exchange implements Answering {
  private readonly shared: ExchangeShared
  private readonly incoming: Incoming
  private readonly onOver: (end: Exit.Exit<void>) => void
  private readonly progress = new Progress()
  private readonly startedAtMillis: number
  private readonly startedAtWallMillis: number
  /** What it waits for. */
  private step: { stop(): void } | undefined
  /** The time of a route whose request is sent on as it comes. */
  private timer: Stop | undefined
  private isOver = false

  constructor(shared: ExchangeShared, incoming: Incoming, onOver: (end: Exit.Exit<void>) => void) {
    this.shared = shared
    this.incoming = incoming
    this.onOver = onOver
    this.startedAtMillis = shared.time.nowMillis()
    this.startedAtWallMillis = shared.wallMillis()
  }

  begin(): void {
    this.guard(() => {
      const line = readRequestLine(this.incoming.message)
      if ("flag" in line) this.reply(line)
      else this.route(line)
    })
  }

  /** What is said now is not waited for. */
  giveUp(): void {
    if (this.isOver) return
    const { incoming, progress } = this
    const { fault, message, response } = incoming
    this.stop()
    this.guard(() => {
      if (fault === undefined) {
        progress.addFlag("DC")
      } else {
        const local = faultReply(fault, message.complete)
        if (!response.headersSent && !response.destroyed) {
          sendReply(incoming, local, progress, () => {})
        } else {
          progress.addFlag(local.flag)
          breakOff(response)
        }
      }
      this.end(Exit.void)
    })
  }

  private route(line: RequestLine): void {
    const { incoming, progress, shared } = this
    const { headers } = incoming.message
    const { authority, method, target } = line
    const routed = shared.router.route({ authority, method, target, header: (name) => joined(headers[name]) })
    if (routed === undefined) {
      this.reply(noRoute(line))
      return
    }
    const destination = pickDestination(routed.route.destinations, shared.time.random())
    const runtime = destination === undefined ? undefined : shared.clusters.get(destination.clusterId)
    if (runtime === undefined) throw new Error("the model names a cluster that is not there")
    progress.enterCluster(runtime)
    const stop = readIncoming(
      incoming,
      (byteCount) => {
        progress.receivedByteCount += byteCount
      },
      (body) =>
        this.guard(() => {
          if (body instanceof IncomingBodyError) this.callerGone()
          else this.forward(line, routed, runtime, body)
        })
    )
    if (stop !== undefined) this.step = { stop }
  }

  /** Sends the request on. The route's time begins when the caller's request is there, to its last byte. */
  private forward(line: RequestLine, routed: Routed, runtime: ClusterRuntime, body: Body): void {
    const { incoming, progress, shared } = this
    const { time } = shared
    const { route } = routed
    const timeoutMillis = route.timeoutMillis.value === "unlimited" ? never : route.timeoutMillis.value
    const isWhole = body._tag !== "Stream"
    if (!isWhole && timeoutMillis !== never) this.limit(route, timeoutMillis)
    const attempts = new Attempts(
      {
        runtime,
        route,
        request: requestOf(incoming, line, routed, body),
        progress,
        dueMillis: isWhole && timeoutMillis !== never ? time.nowMillis() + timeoutMillis : never,
        time
      },
      this.onOutcome
    )
    this.step = attempts
    attempts.begin()
  }

  private readonly onOutcome = (outcome: Exit.Exit<Outcome>): void => {
    if (this.isOver) return
    this.guard(() => {
      if (Exit.isFailure(outcome)) this.end(outcome)
      else if (outcome.value === undefined) this.callerGone()
      else if ("flag" in outcome.value) this.reply(outcome.value)
      else this.passOn(outcome.value)
    })
  }

  private passOn(answer: ClientResponse): void {
    const passing = new PassOn(this.incoming, answer, this.progress, this.onSent)
    this.step = passing
    passing.begin()
  }

  /** Gives the exchange up when so much time has passed since the caller sent its request to the last byte. */
  private limit(route: Routed["route"], timeoutMillis: number): void {
    const { message } = this.incoming
    const late = (): void => {
      this.timer = undefined
      this.stop()
      this.guard(() => this.replyOrBreakOff(routeTimeout(route)))
    }
    const onRead = (): void => {
      this.timer = this.shared.time.after(timeoutMillis, late)
    }
    if (message.readableEnded) {
      onRead()
      return
    }
    message.once("end", onRead)
    this.timer = () => message.off("end", onRead)
  }

  /** The reply where no answer has begun; else the answer is broken off, with the reply's flag in the log. */
  private replyOrBreakOff(local: LocalReply): void {
    if (!this.incoming.response.headersSent) {
      this.reply(local)
      return
    }
    this.progress.addFlag(local.flag)
    breakOff(this.incoming.response)
    this.end(Exit.void)
  }

  /** An answer of the gateway's own. */
  private reply(local: LocalReply): void {
    this.step = undefined
    sendReply(this.incoming, local, this.progress, this.onSent)
  }

  private callerGone(): void {
    this.progress.addFlag("DC")
    this.end(Exit.void)
  }

  /** What was to be said is in the system's hands. */
  private readonly onSent = (): void => this.end(Exit.void)

  private guard(run: () => void): void {
    try {
      run()
    } catch (defect) {
      this.end(Exit.die(defect))
    }
  }

  private stop(): void {
    this.timer?.()
    this.timer = undefined
    this.step?.stop()
    this.step = undefined
  }

  private end(end: Exit.Exit<unknown>): void {
    if (this.isOver) return
    this.isOver = true
    this.stop()
    this.progress.leave()
    let told: Exit.Exit<unknown> = end
    try {
      this.shared.onEnd(this.record())
    } catch (defect) {
      told = Exit.die(defect)
    }
    this.onOver(Exit.asVoid(told))
  }

  private record(): AccessRecord {
    const { progress, shared } = this
    const { message } = this.incoming
    return {
      startedAtMillis: this.startedAtWallMillis,
      method: message.method ?? "-",
      path: message.url ?? "-",
      protocol: `HTTP/${message.httpVersion}`,
      status: progress.status,
      flags: progress.flags,
      receivedByteCount: progress.receivedByteCount,
      sentByteCount: progress.sentByteCount,
      durationMillis: shared.time.nowMillis() - this.startedAtMillis,
      upstreamMillis: progress.upstreamMillis,
      userAgent: message.headers["user-agent"],
      authority: message.headers.host,
      upstream: progress.upstream,
      cluster: progress.cluster,
      retryCount: progress.retryCount
    }
  }
}

const requestOf = (
  { message }: Incoming,
  { authority, method, target }: RequestLine,
  routed: Routed,
  body: Body
): OutgoingRequest => ({
  method,
  target: rewriteTarget(routed, target),
  headers: requestHeaders({
    headers: message.rawHeaders,
    authority: routed.route.rewriteAuthority ?? authority,
    clientAddress: message.socket.remoteAddress ?? ""
  }),
  body
})

const sendReply = (incoming: Incoming, local: LocalReply, progress: Progress, onSent: () => void): void => {
  const { message, response } = incoming
  progress.status = local.status
  progress.addFlag(local.flag)
  const body = Buffer.from(`${local.status} ${local.flag}: ${local.body}\n`)
  if (message.method !== "HEAD") progress.sentByteCount = body.length
  incoming.writeHead(local.status, STATUS_CODES[local.status] ?? "", {
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
    "x-weir-response-flag": local.flag,
    ...(local.flag === "UO" ? { "x-envoy-overloaded": "true" } : {})
  })
  response.end(body, onSent)
}

/** The record of a caller whose bytes were no request. */
export const refusedRecord = (fault: CallerFault, atMillis: number): AccessRecord => {
  const { flag, status } = faultReply(fault, false)
  return {
    startedAtMillis: atMillis,
    method: "-",
    path: "-",
    protocol: "-",
    status,
    flags: new Set([flag]),
    receivedByteCount: 0,
    sentByteCount: 0,
    durationMillis: 0,
    upstreamMillis: undefined,
    userAgent: undefined,
    authority: undefined,
    upstream: undefined,
    cluster: undefined,
    retryCount: 0
  }
}

const never = Number.POSITIVE_INFINITY

const joined = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "object" ? value.join(", ") : value
