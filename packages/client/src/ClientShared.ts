/**
 * What all calls of one client share.
 */
import type { ConnectionPool, Deadlines, Route } from "@weir/core"
import type { RawHeaders } from "@weir/http1"
import type { Clock, Effect, Fiber } from "effect"
import type { HttpLimits } from "./ClientConfig.ts"
import type { HttpPeer } from "./HttpPool.ts"
import type { ClientRequest } from "./Request.ts"
import type { RetryBudget } from "./RetryVerdict.ts"

export interface ClientShared {
  readonly pool: ConnectionPool.ConnectionPool<HttpPeer>
  readonly limits: HttpLimits
  readonly deadlines: Deadlines
  readonly clock: Clock.Clock
  readonly budget: RetryBudget
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly headersOf: (request: ClientRequest) => RawHeaders
  readonly closeIdle: (route: Route.Route) => void
  /** Why a call to the route waits for a connection. */
  readonly explain: (route: Route.Route) => string
}
