/**
 * What happens in a pool, as it happens. Events are made only while somebody listens.
 */
import type { CloseReason, RefusalReason, TimeoutPhase } from "./PoolReason.ts"

interface OfRoute {
  /** The route's label. */
  readonly route: string
  /** On the wall clock of the pool, which is never set back. */
  readonly atMillis: number
}

interface OfConnection extends OfRoute {
  readonly connectionId: number
}

export type PoolEvent =
  | (OfConnection & { readonly _tag: "Dialling" })
  | (OfConnection & { readonly _tag: "Connected"; readonly connectMillis: number })
  | (OfConnection & {
      readonly _tag: "ConnectFailed"
      readonly phase: string
      readonly afterMillis: number
      readonly error: unknown
      /** How long the route waits before it dials again. */
      readonly backoffMillis: number
    })
  | (OfConnection & {
      readonly _tag: "Leased"
      readonly isReused: boolean
      readonly waitedMillis: number
      readonly holder: string | undefined
    })
  | (OfConnection & { readonly _tag: "Returned"; readonly heldMillis: number })
  | (OfConnection & {
      readonly _tag: "Closed"
      readonly reason: CloseReason
      readonly ageMillis: number
      readonly usesCount: number
    })
  | (OfConnection & { readonly _tag: "CloseFailed"; readonly error: unknown })
  | (OfConnection & { readonly _tag: "Validated"; readonly isGood: boolean; readonly kind: "probe" | "ping" })
  | (OfRoute & { readonly _tag: "Waiting"; readonly pendingCount: number; readonly holder: string | undefined })
  | (OfRoute & { readonly _tag: "Refused"; readonly reason: RefusalReason })
  | (OfRoute & { readonly _tag: "TimedOut"; readonly phase: TimeoutPhase; readonly waitedMillis: number })
  | (OfRoute & { readonly _tag: "Cancelled"; readonly waitedMillis: number })
  | (OfConnection & {
      /** Held for longer than `leakThreshold`. */
      readonly _tag: "LeakSuspected"
      readonly heldMillis: number
      readonly holder: string | undefined
      readonly stack: string | undefined
    })
  | (OfConnection & {
      /** Reported as leaked before, and now returned. */
      readonly _tag: "Unleaked"
      readonly heldMillis: number
      readonly holder: string | undefined
    })
  | (OfConnection & { readonly _tag: "Reclaimed"; readonly heldMillis: number; readonly holder: string | undefined })
  | (OfRoute & { readonly _tag: "RouteAdded" })
  | (OfRoute & { readonly _tag: "RouteForgotten" })
  | { readonly _tag: "ShuttingDown"; readonly atMillis: number; readonly activeCount: number }
  | { readonly _tag: "ShutDown"; readonly atMillis: number }
