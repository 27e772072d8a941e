/**
 * One request through the gateway: route, cluster, tries, answer, access record.
 */
import type { Body, ClientRequest } from "@weir/client"
import { Effect, Exit, Result } from "effect"
import { pickDestination, type Routed, type Router, rewriteTarget } from "../config/Router.ts"
import type { CallerFault, Incoming } from "../Listener.ts"
import type { AccessRecord } from "./AccessLog.ts"
import { attempts } from "./Attempts.ts"
import type { ClusterRuntime } from "./ClusterRuntime.ts"
import { requestHeaders } from "./ForwardedHeaders.ts"
import { readIncoming } from "./IncomingBody.ts"
import { faultReply, type LocalReply, noRoute, routeTimeout } from "./Outcome.ts"
import { breakOff, passOn } from "./PassOn.ts"
import { Progress } from "./Progress.ts"
import { type RequestLine, readRequestLine } from "./RequestLine.ts"

/** What every exchange works with. */
export interface ExchangeShared {
  readonly router: Router
  readonly clusters: ReadonlyMap<string, ClusterRuntime>
  readonly nowMillis: () => number
  readonly wallMillis: () => number
  /** From 0 up to but not including 1. */
  readonly random: () => number
  readonly onEnd: (record: AccessRecord) => void
}

/** Answers the request. Never fails; being interrupted means that the caller has gone away or is refused. */
export const exchange = (shared: ExchangeShared, incoming: Incoming): Effect.Effect<void> =>
  Effect.suspend(() => {
    const startedAtMillis = shared.nowMillis()
    const startedAtWallMillis = shared.wallMillis()
    const { message } = incoming
    const progress = new Progress()
    const line = readRequestLine(message)
    return Effect.onExit(
      "flag" in line ? reply(incoming, line, progress) : route(shared, incoming, line, progress),
      (exit) =>
        Effect.sync(() => {
          if (isInterrupted(exit)) endEarly(incoming, progress)
          progress.leave()
          shared.onEnd({
            startedAtMillis: startedAtWallMillis,
            method: message.method ?? "-",
            path: message.url ?? "-",
            protocol: `HTTP/${message.httpVersion}`,
            status: progress.status,
            flags: progress.flags,
            receivedByteCount: progress.receivedByteCount,
            sentByteCount: progress.sentByteCount,
            durationMillis: shared.nowMillis() - startedAtMillis,
            upstreamMillis: progress.upstreamMillis,
            userAgent: message.headers["user-agent"],
            authority: message.headers.host,
            upstream: progress.upstream,
            cluster: progress.cluster,
            retryCount: progress.retryCount
          })
        })
    )
  })

const route = (
  shared: ExchangeShared,
  incoming: Incoming,
  line: RequestLine,
  progress: Progress
): Effect.Effect<void> => {
  const { headers } = incoming.message
  const routed = shared.router.route({ ...line, header: (name) => joined(headers[name]) })
  if (routed === undefined) return reply(incoming, noRoute(line), progress)
  const destination = pickDestination(routed.route.destinations, shared.random())
  const runtime = destination === undefined ? undefined : shared.clusters.get(destination.clusterId)
  if (runtime === undefined) return Effect.die(new Error("the model names a cluster that is not there"))
  progress.enterCluster(runtime)
  return Effect.flatMap(
    Effect.result(
      readIncoming(incoming, (byteCount) => {
        progress.receivedByteCount += byteCount
      })
    ),
    (body) =>
      Result.isFailure(body)
        ? callerGone(progress)
        : forward(shared, incoming, line, routed, runtime, body.success, progress)
  )
}

/** Sends the request on. The route's time begins when the caller's request is there, to its last byte. */
const forward = (
  shared: ExchangeShared,
  incoming: Incoming,
  line: RequestLine,
  routed: Routed,
  runtime: ClusterRuntime,
  body: Body,
  progress: Progress
): Effect.Effect<void> => {
  const { timeoutMillis } = routed.route
  const millis = timeoutMillis.value === "unlimited" ? Number.POSITIVE_INFINITY : timeoutMillis.value
  const isWhole = body._tag !== "Stream"
  const forwarding = Effect.flatMap(
    attempts({
      runtime,
      route: routed.route,
      request: requestOf(incoming, line, routed, body),
      progress,
      dueMillis: isWhole ? shared.nowMillis() + millis : Number.POSITIVE_INFINITY,
      nowMillis: shared.nowMillis,
      random: shared.random
    }),
    (outcome) => {
      if (outcome === undefined) return callerGone(progress)
      return "flag" in outcome ? reply(incoming, outcome, progress) : passOn(incoming, outcome, progress)
    }
  )
  if (isWhole || millis === Number.POSITIVE_INFINITY) return forwarding
  const late = Effect.andThen(untilRead(incoming), Effect.sleep(millis))
  return Effect.flatMap(Effect.raceFirst(Effect.as(forwarding, "in-time"), Effect.as(late, "late")), (end) =>
    end === "late" ? replyOrBreakOff(incoming, routeTimeout(routed.route), progress) : Effect.void
  )
}

const requestOf = (
  { message }: Incoming,
  { authority, method, target }: RequestLine,
  routed: Routed,
  body: Body
): Omit<ClientRequest, "origin"> => ({
  method,
  target: rewriteTarget(routed, target),
  headers: requestHeaders({
    headers: message.rawHeaders,
    authority: routed.route.rewriteAuthority ?? authority,
    clientAddress: message.socket.remoteAddress ?? ""
  }),
  body
})

/** Done when the caller has sent its request to the last byte. */
const untilRead = ({ message }: Incoming): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const onEnd = (): void => resume(Effect.void)
    if (message.readableEnded) onEnd()
    else message.once("end", onEnd)
    return Effect.sync(() => {
      message.off("end", onEnd)
    })
  })

/** An answer of the gateway's own; done when it has been handed to the system. */
const reply = (incoming: Incoming, local: LocalReply, progress: Progress): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    sendReply(incoming, local, progress, () => resume(Effect.void))
  })

const sendReply = (incoming: Incoming, local: LocalReply, progress: Progress, onSent: () => void): void => {
  const { message, response } = incoming
  progress.status = local.status
  progress.flags.add(local.flag)
  const body = Buffer.from(`${local.status} ${local.flag}: ${local.body}\n`)
  if (message.method !== "HEAD") progress.sentByteCount = body.length
  response.writeHead(local.status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
    "x-weir-response-flag": local.flag,
    ...(local.flag === "UO" ? { "x-envoy-overloaded": "true" } : {})
  })
  response.end(body, onSent)
}

/** The reply where no answer has begun; else the answer is broken off, with the reply's flag in the log. */
const replyOrBreakOff = (incoming: Incoming, local: LocalReply, progress: Progress): Effect.Effect<void> => {
  if (!incoming.response.headersSent) return reply(incoming, local, progress)
  progress.flags.add(local.flag)
  breakOff(incoming.response)
  return Effect.void
}

const callerGone = (progress: Progress): Effect.Effect<void> => {
  progress.flags.add("DC")
  return Effect.void
}

/** The listener has interrupted the exchange. What is said now is not waited for. */
const endEarly = (incoming: Incoming, progress: Progress): void => {
  const { fault, message, response } = incoming
  if (fault === undefined) {
    progress.flags.add("DC")
    return
  }
  const local = faultReply(fault, message.complete)
  if (!response.headersSent && !response.destroyed) {
    sendReply(incoming, local, progress, () => {})
  } else {
    progress.flags.add(local.flag)
    breakOff(response)
  }
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

const isInterrupted = (exit: Exit.Exit<unknown>): boolean => Exit.isFailure(exit) && Exit.hasInterrupts(exit)

const joined = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "object" ? value.join(", ") : value
