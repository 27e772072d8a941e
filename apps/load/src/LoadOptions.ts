/**
 * What a load run is asked to do. The defaults are fortio's.
 */
import type { Duration, Effect } from "effect"

export interface LoadOptions {
  /** `http://host:port/path`, or `https://` where the socket layer has TLS. Without a scheme, `http://` is meant. */
  readonly url: string
  /** Callers at once, each with one connection of its own; 1 to 65,535. Default: 4. */
  readonly concurrency?: number
  /** Exactly this many calls, shared equally among the callers; `duration` then means nothing. Default: by duration. */
  readonly requestCount?: number
  /**
   * No call begins later than this after the start; those under way end. `Infinity`: until `stop`. Default: 5 seconds.
   */
  readonly duration?: Duration.Input
  /**
   * Calls per second of all callers together; `"max"`: each begins the next as soon as it has its answer. Default: 8.
   */
  readonly qps?: number | "max"
  /** Sent with every call, in this order. One named `Host` replaces the URL's. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  /** Default: `GET`, or `POST` with a payload. */
  readonly method?: string
  /** The body of every call. Default: none. */
  readonly payload?: string
  /**
   * How long one call, with its connect, may take before it is given up and counted as -1; looked at every 50 ms.
   * Default: 3 seconds.
   */
  readonly timeout?: Duration.Input
  /** `"unverified"` accepts any certificate. Default: `"full"`. */
  readonly verification?: "full" | "unverified"
  /** When it ends, no further call begins and the run ends with those under way. */
  readonly stop?: Effect.Effect<unknown>
  readonly observer?: LoadObserver
}

export const defaults = {
  concurrency: 4,
  durationMillis: 5_000,
  qps: 8,
  timeoutMillis: 3_000
} as const

/** What a run tells while it lasts. */
export interface LoadObserver {
  /** Every 50 ms. */
  readonly onProgress?: (progress: LoadProgress) => void
  /** Something worth a line in a log, the first time it happens; all of it is counted in the report. */
  readonly onNotice?: (notice: LoadNotice) => void
}

export interface LoadProgress {
  readonly finishedCount: number
  readonly elapsedMillis: number
}

export interface LoadNotice {
  readonly level: "Info" | "Warning" | "Error"
  readonly message: string
}
