/**
 * The client: calls over the pool, with everything that HTTP adds to it.
 */
import { type ConnectionPool, makeDeadlines, type PoolConfigError, type Route } from "@weir/core"
import type { RawHeaders } from "@weir/http1"
import { Connector, type Target } from "@weir/transport"
import { Clock, Context, Effect, Effectable, Exit, Layer, Scope } from "effect"
import { Call } from "./Call.ts"
import { type HttpLimits, parseClientConfig, resolveHttp } from "./ClientConfig.ts"
import { ClientError, clientError } from "./ClientError.ts"
import type { ClientShared } from "./ClientShared.ts"
import { type ClientSetup, combineConfig } from "./ConfigSource.ts"
import { type HttpPeer, makeHttpPool } from "./HttpPool.ts"
import { type Interceptor, intercept } from "./Interceptor.ts"
import { makeOrigin, type Origin, originOf } from "./Origin.ts"
import { makeProxyFor } from "./ProxySettings.ts"
import type { ClientRequest, ClientResponse } from "./Request.ts"
import { RetryBudget } from "./RetryVerdict.ts"
import { throughProxy } from "./throughProxy.ts"

/** Requests over one pool, and the pool itself. */
export interface WeirClientService {
  /** The pool under the client: statistics, `explain`, events, `configure`, `drain`. */
  readonly pool: ConnectionPool.ConnectionPool<HttpPeer>
  /** HTTP's settings, with defaults filled in. */
  readonly settings: HttpLimits
  /**
   * Sends a request; the answer's head is there when it succeeds. Interrupting it gives the call up at whatever point it
   * is. Whoever gets a response reads its body, or discards it: until then it holds a connection.
   */
  readonly execute: (request: ClientRequest) => Effect.Effect<ClientResponse, ClientError>
  /**
   * `execute` for callers that have promises or callbacks and no fiber: `settle` is called once, perhaps before this
   * returns. What is returned gives the call up at whatever point it is; `settle` hears nothing of that.
   */
  readonly executeUnsafe: (
    request: ClientRequest,
    settle: (exit: Exit.Exit<ClientResponse, ClientError>) => void
  ) => () => void
  /** The origin of a URL, for requests: looked up once and kept. */
  readonly origin: (url: URL) => Effect.Effect<Origin, ClientError>
  /** `origin` as a plain call; an error says why the URL has none. */
  readonly originUnsafe: (url: URL) => Origin | ClientError
  /** An origin by its parts, for those who route by other means than URLs. */
  readonly originFor: (isSecure: boolean, host: string, port: number, hostField?: string) => Origin
}

/** What a client has beside its configuration, which is data. */
export interface ClientOptions {
  /** Around each request that is sent, the first outermost. Default: none, which costs nothing. */
  readonly interceptors?: ReadonlyArray<Interceptor>
}

export class WeirClient extends Context.Service<WeirClient, WeirClientService>()("@weir/client/WeirClient") {
  /** A client that lives as long as the layer. */
  static readonly layer = (
    setup: ClientSetup = {},
    options: ClientOptions = {}
  ): Layer.Layer<WeirClient, PoolConfigError, Connector> => Layer.effect(WeirClient, make(setup, options))
}

/** Origins kept by URL; beyond this the oldest is forgotten, and made anew when it is asked for again. */
const originsKeptMax = 10_000

/** Makes a client that lives as long as the scope. Fails with every problem of its configuration at once. */
export const make = (
  setup: ClientSetup = {},
  options: ClientOptions = {}
): Effect.Effect<WeirClientService, PoolConfigError, Connector | Scope.Scope> =>
  Effect.gen(function* () {
    const config = combineConfig(setup)
    const parsed = yield* parseClientConfig(config)
    const limits = resolveHttp(parsed.http)
    const { backgroundClock } = yield* Connector
    // Closed after the pool, which lets calls under way end: until then they have their time limits and send their bodies.
    const inner = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    // The pool hands back the very route that it was given, so a target lives as long as its route.
    const targets = new WeakMap<Route.Route, Target.Target>()
    const origins = new Map<string, Origin>()
    const originOptions = {
      tls: parsed.tls,
      localAddress: parsed.localAddress,
      proxyFor: yield* makeProxyFor(parsed)
    }

    const remember = (origin: Origin): Origin => {
      targets.set(origin.route, origin.target)
      if (origin.tunnelled !== undefined) targets.set(origin.tunnelled.route, origin.tunnelled.target)
      return origin
    }
    // Calls under way keep the process alive by their sockets; time limits that are far away must not.
    const deadlines = yield* makeDeadlines.pipe(
      Scope.provide(inner),
      Effect.provideService(Clock.Clock, backgroundClock)
    )
    const targetOf = (route: Route.Route): Target.Target => {
      const target = targets.get(route)
      if (target === undefined) throw new Error(`the client has no target for ${route.label}`)
      return target
    }
    const pool = yield* makeHttpPool(config.pool ?? {}, limits.limits, targetOf, deadlines.nowMillis)
    const shared: ClientShared = {
      pool,
      limits,
      deadlines,
      clock: backgroundClock,
      budget: new RetryBudget(limits.retryBudgetRatio, limits.retryBudgetCountMin),
      fork: runFork,
      headersOf,
      closeIdle: (route) => Effect.runSync(pool.closeIdle(route)),
      explain: (route) => Effect.runSync(pool.explain(route))
    }

    const originUnsafe = (url: URL): Origin | ClientError => {
      const known = origins.get(url.origin)
      if (known !== undefined && url.username === "" && url.password === "") return known
      const origin = originOf(url, originOptions)
      if (typeof origin === "string") {
        const reason = { _tag: "InvalidRequest", detail: origin } as const
        return clientError({ reason, call: url.origin, retry: "never", retryCount: 0 })
      }
      for (const oldest of origins.keys()) {
        if (origins.size < originsKeptMax) break
        origins.delete(oldest)
      }
      origins.set(url.origin, remember(origin))
      return origin
    }
    const { interceptors = [] } = options
    const executeIntercepted = intercept((request) => execute(shared, request), interceptors)

    return WeirClient.of({
      pool,
      settings: limits,
      execute: executeIntercepted,
      executeUnsafe: (request, settle) =>
        interceptors.length === 0
          ? executeUnsafe(shared, request, settle)
          : Effect.runCallback(executeIntercepted(request), { onExit: settle }),
      origin: (url) => {
        const origin = originUnsafe(url)
        return origin instanceof ClientError ? Effect.fail(origin) : Effect.succeed(origin)
      },
      originUnsafe,
      originFor: (isSecure, host, port, hostField) =>
        remember(makeOrigin(isSecure, host, port, hostField ?? `${host}:${port}`, originOptions))
    })
  })

/**
 * One call as one effect. Whatever moment the interruption comes at, also after the answer has been delivered and before
 * the fiber has gone on with it, the call is given up and its lease ends.
 */
const execute = (shared: ClientShared, request: ClientRequest): Effect.Effect<ClientResponse, ClientError> =>
  Effect.callback<ClientResponse, ClientError>((resume) => {
    const call = begin(shared, request, resume)
    return call === undefined ? undefined : new Abort(call)
  })

const executeUnsafe = (
  shared: ClientShared,
  request: ClientRequest,
  settle: (exit: Exit.Exit<ClientResponse, ClientError>) => void
): (() => void) => {
  const call = begin(shared, request, settle)
  return () => call?.abort()
}

const begin = (
  shared: ClientShared,
  request: ClientRequest,
  settle: (exit: Exit.Exit<ClientResponse, ClientError>) => void
): Call | undefined => {
  const sent = request.origin.route.proxy === undefined ? request : throughProxy(request)
  if (sent instanceof ClientError) {
    settle(Exit.fail(sent))
    return undefined
  }
  const call = new Call(shared, sent, settle)
  call.begin()
  return call
}

/** What an interruption runs. Every call has one and hardly any needs it, so it is an object and not also a closure. */
class Abort extends Effectable.Class<void> {
  private readonly call: Call

  constructor(call: Call) {
    super()
    this.call = call
  }

  asEffect(): Effect.Effect<void> {
    this.call.abort()
    return Effect.void
  }
}

const headersOf = (request: ClientRequest): RawHeaders => {
  const { origin } = request
  const authorization = origin.forwarding?.authorization
  if (authorization === undefined && request.headers.length === 0) return origin.hostAlone
  const headers =
    authorization === undefined ? request.headers : ["Proxy-Authorization", authorization, ...request.headers]
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]
    if (name !== undefined && name.length === 4 && name.toLowerCase() === "host") return headers
  }
  return ["Host", origin.hostField, ...headers]
}
