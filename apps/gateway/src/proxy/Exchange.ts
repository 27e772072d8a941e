/**
 * One request through the gateway: route, endpoint, attempts, answer, access record.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { type Body, type ClientRequest, type ClientResponse, isIdempotentMethod } from "@weir/client"
import { Effect, Result } from "effect"
import type { Route } from "../config/GatewayModel.ts"
import { pickDestination, type Routed, type Router, rewriteTarget } from "../config/Router.ts"
import type { AccessRecord } from "./AccessLog.ts"
import type { Candidate } from "./Balancer.ts"
import type { ClusterRuntime } from "./ClusterRuntime.ts"
import { requestHeaders, responseHeaders } from "./ForwardedHeaders.ts"
import { type IncomingBodyError, readIncoming } from "./IncomingBody.ts"
import { type LocalReply, noEndpoint, noRoute, type ResponseFlag, replyTo } from "./Outcome.ts"
import { type Attempt, mayRetry } from "./RetryDecision.ts"

/** What every exchange works with. */
export interface ExchangeShared {
  readonly router: Router
  readonly clusters: ReadonlyMap<string, ClusterRuntime>
  readonly nowMillis: () => number
  readonly wallMillis: () => number
  readonly random: () => number
}

/** How an exchange ended, for the access log and the metrics. */
interface Progress {
  status: number
  flags: Array<ResponseFlag>
  bytesSentCount: number
  upstreamMillis: number | undefined
  upstream: string | undefined
  cluster: ClusterRuntime | undefined
  retryCount: number
}

/** Answers the request. Never fails; being interrupted means that the caller has gone away. */
export const exchange = (
  shared: ExchangeShared,
  message: IncomingMessage,
  response: ServerResponse,
  onEnd: (record: AccessRecord) => void
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const startedAtMillis = shared.nowMillis()
    const startedAtWallMillis = shared.wallMillis()
    const method = message.method ?? "GET"
    const target = message.url ?? "/"
    const authority = message.headers.host ?? ""
    const progress: Progress = {
      status: 0,
      flags: [],
      bytesSentCount: 0,
      upstreamMillis: undefined,
      upstream: undefined,
      cluster: undefined,
      retryCount: 0
    }
    const routed = shared.router.route({ authority, method, target, header: (name) => headerOf(message, name) })
    const answered =
      routed === undefined
        ? replyLocally(response, noRoute(authority, target.split("?", 1)[0] ?? ""), progress)
        : forward(shared, message, response, routed, startedAtMillis, progress)
    return answered.pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          progress.flags.push("DC")
        })
      ),
      Effect.ensuring(
        Effect.sync(() => {
          onEnd({
            startedAtMillis: startedAtWallMillis,
            method,
            path: target,
            protocol: `HTTP/${message.httpVersion}`,
            status: progress.status,
            flags: progress.flags,
            bytesReceivedCount: message.socket.bytesRead,
            bytesSentCount: progress.bytesSentCount,
            durationMillis: shared.nowMillis() - startedAtMillis,
            upstreamMillis: progress.upstreamMillis,
            userAgent: message.headers["user-agent"],
            authority,
            upstream: progress.upstream,
            cluster: progress.cluster?.cluster.id,
            retryCount: progress.retryCount
          })
        })
      )
    )
  })

const forward = (
  shared: ExchangeShared,
  message: IncomingMessage,
  response: ServerResponse,
  routed: Routed,
  startedAtMillis: number,
  progress: Progress
): Effect.Effect<void> => {
  const destination = pickDestination(routed.route.destinations, shared.random())
  const runtime = destination === undefined ? undefined : shared.clusters.get(destination.clusterId)
  if (runtime === undefined) return Effect.die(new Error("the model names a cluster that is not there"))
  progress.cluster = runtime
  const forwarding = Effect.gen(function* () {
    const body = yield* Effect.result(readIncoming(message))
    if (Result.isFailure(body)) return yield* replyLocally(response, brokenBody(body.failure), progress)
    const request = requestOf(message, routed, body.success)
    const answer = yield* attempts(shared, runtime, routed.route, request, startedAtMillis, progress)
    if ("flag" in answer) return yield* replyLocally(response, answer, progress)
    yield* passOn(response, answer, progress)
  })
  return counted(
    forwarding,
    () => runtime.requestCount++,
    () => runtime.requestCount--
  )
}

/** Counts an effect for as long as it runs, whenever it is interrupted. */
const counted = <A, E>(effect: Effect.Effect<A, E>, up: () => void, down: () => void): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(up),
    () => effect,
    () => Effect.sync(down)
  )

type Unaddressed = Omit<ClientRequest, "origin">

const requestOf = (message: IncomingMessage, routed: Routed, body: Body): Unaddressed => ({
  method: message.method ?? "GET",
  target: rewriteTarget(routed, message.url ?? "/"),
  headers: requestHeaders({
    headers: message.rawHeaders,
    authority: routed.route.rewriteAuthority ?? message.headers.host ?? "",
    clientAddress: message.socket.remoteAddress ?? ""
  }),
  body
})

/** The first answer to be passed on, or the reply that takes its place. */
const attempts = (
  shared: ExchangeShared,
  runtime: ClusterRuntime,
  route: Route,
  request: Unaddressed,
  startedAtMillis: number,
  progress: Progress
): Effect.Effect<ClientResponse | LocalReply> => {
  const tried = new Set<Candidate>()
  const isIdempotent = isIdempotentMethod(request.method)
  // One place among the retries under way, taken with the first retry and held to the end.
  let holdsRetry = false
  const mayBeRetried = (attempt: Attempt): boolean => {
    const isSpent = request.body._tag === "Stream" && !isUnsent(attempt)
    if (isSpent || !mayRetry(attempt, route.retries, isIdempotent)) return false
    if (progress.retryCount < route.retries.attemptCountMax.value) {
      holdsRetry ||= runtime.takeRetry()
      if (holdsRetry) return true
    }
    if (route.retries.attemptCountMax.value > 0) progress.flags.push("URX")
    return false
  }
  const attempt = Effect.gen(function* () {
    for (;;) {
      const candidate = runtime.pick(tried)
      const origin = candidate === undefined ? undefined : runtime.originOf(candidate)
      if (candidate === undefined || origin === undefined) return noEndpoint(runtime.cluster)
      tried.add(candidate)
      progress.upstream = `${candidate.endpoint.host}:${candidate.endpoint.port}`
      const timeout = timeLeft(route, shared.nowMillis() - startedAtMillis)
      const result = yield* counted(
        Effect.result(runtime.client.execute({ ...request, origin, ...(timeout === undefined ? {} : { timeout }) })),
        () => candidate.activeCount++,
        () => candidate.activeCount--
      )
      if (Result.isFailure(result)) {
        if (!mayBeRetried({ _tag: "failed", error: result.failure })) return replyTo(result.failure, runtime.cluster)
      } else {
        if (!mayBeRetried({ _tag: "answered", status: result.success.status })) {
          const { headAfterMillis, leasedAfterMillis } = result.success.timing
          progress.upstreamMillis = headAfterMillis - leasedAfterMillis
          return result.success
        }
        result.success.discard()
      }
      progress.retryCount++
    }
  })
  return Effect.ensuring(
    attempt,
    Effect.sync(() => {
      if (holdsRetry) runtime.giveRetry()
    })
  )
}

/** Was nothing of the request sent, so that a body that can be read once is still whole? */
const isUnsent = (attempt: Attempt): boolean => attempt._tag === "failed" && attempt.error.retry === "always"

/** For one try: what the route gives to a try, but no more than is left of the whole. */
const timeLeft = ({ retries, timeoutMillis }: Route, elapsedMillis: number): number | undefined => {
  const whole =
    timeoutMillis.value === "unlimited" ? Number.POSITIVE_INFINITY : Math.max(0, timeoutMillis.value - elapsedMillis)
  const perTry = retries.perTryMillis.value === "unlimited" ? Number.POSITIVE_INFINITY : retries.perTryMillis.value
  const least = Math.min(whole, perTry)
  return least === Number.POSITIVE_INFINITY ? undefined : least
}

/** Passes the answer on as it comes, no faster than the caller takes it. */
const passOn = (response: ServerResponse, answer: ClientResponse, progress: Progress): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    progress.status = answer.status
    response.writeHead(answer.status, answer.head.reasonPhrase, responseHeaders(answer.head.headers))
    const onDrain = (): void => answer.resume()
    response.on("drain", onDrain)
    answer.pipeTo({
      onChunk: (chunk) => {
        progress.bytesSentCount += chunk.length
        // The chunk is borrowed, and the response keeps what it cannot send at once.
        return response.write(Buffer.from(chunk))
      },
      onEnd: () => {
        response.off("drain", onDrain)
        response.end(() => resume(Effect.void))
      },
      onError: () => {
        // Part of the answer is out: closing the connection is the only way left to say that it is not whole.
        progress.flags.push("UC")
        response.off("drain", onDrain)
        response.destroy()
        resume(Effect.void)
      }
    })
    return Effect.sync(() => {
      response.off("drain", onDrain)
      answer.discard()
    })
  })

const brokenBody = (error: IncomingBodyError): LocalReply => ({ status: 400, flag: "DPE", body: error.message })

/** An answer of the gateway's own. */
const replyLocally = (response: ServerResponse, reply: LocalReply, progress: Progress): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    progress.status = reply.status
    progress.flags.push(reply.flag)
    if (response.destroyed) {
      resume(Effect.void)
      return
    }
    const body = Buffer.from(`${reply.status} ${reply.flag}: ${reply.body}\n`)
    progress.bytesSentCount = body.length
    response.writeHead(reply.status, {
      "content-type": "text/plain; charset=utf-8",
      "content-length": body.length,
      "x-weir-response-flag": reply.flag,
      ...(reply.flag === "UO" ? { "x-envoy-overloaded": "true" } : {})
    })
    response.end(body, () => resume(Effect.void))
  })

const headerOf = (message: IncomingMessage, name: string): string | undefined => {
  const value = message.headers[name]
  return Array.isArray(value) ? value.join(", ") : value
}
