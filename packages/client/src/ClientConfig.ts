/**
 * What a client is configured by: the pool's knobs, HTTP's own, and TLS.
 */
import { describeIssue, LimitFromOne, PoolConfig, PoolConfigError, poolConfigKeys, toCount } from "@weir/core"
import { defaultHttp1Limits, Http1Limits } from "@weir/http1"
import { Cause, Duration, Effect, Exit, Schema } from "effect"
import type { DecompressionLimits } from "./Decompression.ts"
import { ProxyOverride, ProxySetting } from "./ProxySettings.ts"
import { TlsSettings } from "./TlsSettings.ts"

const Time = Schema.Union([Schema.Duration, Schema.DurationFromMillis, Schema.DurationFromString])
const TimeOrNever = Schema.Union([Schema.Literal("never"), Time])
const ByteCount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))

/** HTTP's own knobs; the pool's are in `PoolConfig`. */
export const HttpSettings = Schema.Struct({
  /** From the request's last byte to the end of the answer's head. Default 5 minutes (undici's `headersTimeout`). */
  responseHeadTimeout: Schema.optionalKey(TimeOrNever),
  /** The longest pause within a body, by the server or by the reader. Default 5 minutes (undici's `bodyTimeout`). */
  bodyIdleTimeout: Schema.optionalKey(TimeOrNever),
  /** A whole call: waiting, connecting, sending, and the answer to its last byte. Default never. */
  requestTimeout: Schema.optionalKey(TimeOrNever),
  /** How long a body is held for `100 Continue` before it is sent anyway. Default 1 second (Go's DefaultTransport). */
  expectContinueTimeout: Schema.optionalKey(TimeOrNever),
  /** Times that one call may be sent again; what may be sent again at all, `RetryVerdict` says. Default 3. 0: never. */
  retryCountMax: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))),
  /** Retries under way, as a share of the calls under way. Default 0.2 (Envoy's retry budget). */
  retryBudgetRatio: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  /** Retries always allowed under way, however few calls there are. Default 3. */
  retryBudgetCountMin: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))),
  /** Of an answer that nobody wants, this much is read to keep its connection. Default 65536. 0: none. */
  drainByteCountMax: Schema.optionalKey(ByteCount),
  /** …and for no longer than this. Default 1 second. */
  drainTimeout: Schema.optionalKey(Time),
  /** Of an answer that nobody reads yet, this much is kept in memory; then the server is slowed down. Default 65536. */
  bodyBufferByteCount: Schema.optionalKey(ByteCount),
  /**
   * Offer gzip, deflate, br and zstd, and undo them in the answer's body; its `Content-Encoding` and `Content-Length`
   * stay as they came. Default: true for `fetch` and `request` of @weir/fetch, false for Effect's `HttpClient`.
   * `WeirClient.execute` never decodes.
   */
  isDecoding: Schema.optionalKey(Schema.Boolean),
  /** An answer that unpacks to more than this many times its size is refused, beyond the first 10 MiB. Default 100. */
  decodedRatioMax: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
  /** An answer that unpacks to more bytes than this is refused, whatever its ratio. Default unlimited. */
  decodedByteCountMax: Schema.optionalKey(LimitFromOne),
  /**
   * Redirects that are followed. Credentials and `Host` are not sent on to another origin. Default: 20 for `fetch` (the
   * Fetch standard's), 0 elsewhere: a redirect is an answer like any other.
   */
  redirectCountMax: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))),
  /** Limits on the size of heads, chunk extensions and trailers. */
  limits: Schema.optionalKey(Http1Limits)
})

export const ClientConfig = Schema.Struct({
  pool: Schema.optionalKey(PoolConfig),
  http: Schema.optionalKey(HttpSettings),
  tls: Schema.optionalKey(TlsSettings),
  /** The local IP address to connect from. */
  localAddress: Schema.optionalKey(Schema.String),
  /** The proxy that origins are reached through: its URL, `environment`, or `direct` (the default). */
  proxy: Schema.optionalKey(ProxySetting),
  /** Origins with a proxy of their own, or none; the first that matches counts. */
  proxies: Schema.optionalKey(Schema.Array(ProxyOverride))
})

/** What a user writes. */
export type ClientConfig = typeof ClientConfig.Encoded

const decode = Schema.decodeUnknownExit(ClientConfig, { errors: "all", onExcessProperty: "error" })

/** Checks a client's configuration, reporting every problem at once. */
export const parseClientConfig = (input: ClientConfig): Effect.Effect<typeof ClientConfig.Type, PoolConfigError> =>
  Effect.suspend(() => {
    const exit = decode(input)
    if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
    const found = Cause.findErrorOption(exit.cause)
    const problems = found._tag === "Some" ? describeIssue(found.value.issue, keysAt) : [Cause.pretty(exit.cause)]
    return Effect.fail(new PoolConfigError({ problems }))
  })

const keysAt = (path: ReadonlyArray<PropertyKey>): ReadonlyArray<string> => {
  if (path.length === 1) return Object.keys(ClientConfig.fields)
  switch (path[0]) {
    case "pool":
      return poolConfigKeys(path.slice(1))
    case "http":
      return Object.keys(path[1] === "limits" && path.length > 2 ? Http1Limits.fields : HttpSettings.fields)
    case "tls":
      return Object.keys(TlsSettings.fields)
    case "proxy":
    case "proxies":
      return ["match", "proxy", "url", "username", "password", "tls", ...Object.keys(TlsSettings.fields)]
    default:
      return []
  }
}

/** HTTP's settings with defaults filled in, times in milliseconds, `Infinity` for never. */
export interface HttpLimits {
  readonly responseHeadMillis: number
  readonly bodyIdleMillis: number
  readonly requestMillis: number
  readonly expectContinueMillis: number
  readonly retryCountMax: number
  readonly retryBudgetRatio: number
  readonly retryBudgetCountMin: number
  readonly drainByteCountMax: number
  readonly drainMillis: number
  readonly bodyBufferByteCount: number
  /** Absent: as the way in has it. */
  readonly isDecoding: boolean | undefined
  readonly decompression: DecompressionLimits
  /** Absent: as the way in has it. */
  readonly redirectCountMax: number | undefined
  readonly limits: Http1Limits
}

export const toMillis = (time: Duration.Duration | "never"): number =>
  time === "never" ? Number.POSITIVE_INFINITY : Duration.toMillis(time)

export const resolveHttp = (settings: typeof HttpSettings.Type = {}): HttpLimits => ({
  responseHeadMillis: toMillis(settings.responseHeadTimeout ?? Duration.millis(300_000)),
  bodyIdleMillis: toMillis(settings.bodyIdleTimeout ?? Duration.millis(300_000)),
  requestMillis: toMillis(settings.requestTimeout ?? "never"),
  expectContinueMillis: toMillis(settings.expectContinueTimeout ?? Duration.millis(1000)),
  retryCountMax: settings.retryCountMax ?? 3,
  retryBudgetRatio: settings.retryBudgetRatio ?? 0.2,
  retryBudgetCountMin: settings.retryBudgetCountMin ?? 3,
  drainByteCountMax: settings.drainByteCountMax ?? 65_536,
  drainMillis: toMillis(settings.drainTimeout ?? Duration.millis(1000)),
  bodyBufferByteCount: settings.bodyBufferByteCount ?? 65_536,
  isDecoding: settings.isDecoding,
  decompression: {
    ratioMax: settings.decodedRatioMax ?? 100,
    byteCountMax: toCount(settings.decodedByteCountMax ?? "unlimited")
  },
  redirectCountMax: settings.redirectCountMax,
  limits: settings.limits ?? defaultHttp1Limits
})
