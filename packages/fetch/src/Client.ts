/**
 * The client for promise users: one import, three runtimes.
 */
import { type ClientConfig, type ClientSetup, makeClient, type WeirClientService } from "@weir/client"
import type { PoolEvent, PoolStats } from "@weir/core"
import { Connector } from "@weir/transport"
import { Cause, Duration, Effect, Exit, Scope, Stream } from "effect"
import { platform } from "#platform"
import { rememberService } from "./ClientService.ts"
import { Destinations } from "./Destination.ts"
import { type FetchInit, type FetchSettings, makeFetch } from "./Fetch.ts"
import { type Interceptor, interceptWith } from "./Interceptor.ts"
import { connectorWith, type NameOptions } from "./NameOptions.ts"
import { makeRequest, type RequestOptions } from "./Request.ts"
import { toWeirError, WeirError } from "./WeirError.ts"
import type { WeirResponse } from "./WeirResponse.ts"

/** Plain objects all the way: the same keys as the Effect side, checked when the client is made. */
export interface ClientOptions extends ClientSetup {
  /** Sent by `fetch` where the caller gives none. Default `weir`. */
  readonly userAgent?: string
  /** Code of your own around each request, the first outermost. Default: none, which costs nothing. */
  readonly interceptors?: ReadonlyArray<Interceptor>
  /** Where names lead, how long that is kept, how their addresses are tried. Default: as the system and RFC 8305 say. */
  readonly names?: NameOptions
}

export interface Client {
  /** `fetch` of the Fetch standard, pooled. It needs no `this`. */
  readonly fetch: (input: string | URL | Request, init?: FetchInit) => Promise<Response>
  /** Leaner and faster: status, headers, and the body as it is wanted. */
  readonly request: (url: string | URL, options?: RequestOptions) => Promise<WeirResponse>
  /** The pool in numbers, now. */
  readonly stats: () => PoolStats
  /** Why a call to this URL would wait now, in a sentence. */
  readonly explain: (url: string | URL) => string
  /** What happens from now on, until the loop is left or the client closed. */
  readonly events: () => AsyncIterable<PoolEvent>
  /** Changes the pool's configuration while it runs. */
  readonly configure: (pool: NonNullable<ClientConfig["pool"]>) => void
  /** Refuses new calls, lets the running ones finish until the timeout (default 30 seconds), then closes the rest. */
  readonly close: (timeoutMillis?: number) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Throws a `WeirError` with code `WEIR_CONFIG` if the options cannot be used. */
export const createClient = (options: ClientOptions = {}): Client => {
  const { interceptors = [], names = {}, userAgent = "weir", ...config } = options
  const scope = Scope.makeUnsafe()
  const client = runOrThrow(
    makeClient(config).pipe(
      Effect.provideServiceEffect(Connector, connectorWith(platform, names)),
      Scope.provide(scope)
    )
  )
  const { decompression, isDecoding = true, redirectCountMax } = client.settings
  const decoding = { isDecoding, limits: decompression }
  const destinations = new Destinations(client)
  const intercept = interceptWith(interceptors, destinations, decoding)
  const settings: FetchSettings = { userAgent, redirectCountMax, decoding, intercept }
  const close = async (timeoutMillis?: number): Promise<void> => {
    await Effect.runPromise(
      Effect.andThen(
        client.pool.shutdown(timeoutMillis === undefined ? undefined : Duration.millis(timeoutMillis)),
        Scope.close(scope, Exit.void)
      )
    )
  }
  const made: Client = {
    fetch: makeFetch(client, destinations, settings),
    request: makeRequest(client, destinations, settings),
    stats: () => Effect.runSync(client.pool.stats),
    explain: (url) => runOrThrow(explain(client, url)),
    events: () => Stream.toAsyncIterable(client.pool.events),
    configure: (pool) => runOrThrow(client.pool.configure(pool)),
    close,
    [Symbol.asyncDispose]: close
  }
  rememberService(made, client)
  return made
}

const explain = (client: WeirClientService, url: string | URL): Effect.Effect<string, unknown> =>
  URL.canParse(url)
    ? Effect.flatMap(client.origin(new URL(url)), (origin) => client.pool.explain(origin.route))
    : Effect.fail(new WeirError("WEIR_INVALID_REQUEST", `not a URL: ${String(url)}`))

const runOrThrow = <A>(effect: Effect.Effect<A, unknown>): A => {
  const exit = Effect.runSyncExit(effect)
  if (Exit.isSuccess(exit)) return exit.value
  throw toWeirError(Cause.squash(exit.cause))
}
