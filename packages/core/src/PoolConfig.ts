/**
 * Every knob of the pool: what it counts, its unit, default and bounds.
 *
 * One Schema owns them. A limit is a whole number or `"unlimited"`; a time is anything Effect takes as a duration
 * (`"30 seconds"`, a number of milliseconds, a `Duration`) or `"never"`. Unset means the default, and 0 means 0.
 */
import { Cause, Duration, Effect, Exit, Schema, Struct } from "effect"
import { describeIssue } from "./ConfigProblems.ts"
import { LimitFromOne, LimitFromZero } from "./Limit.ts"

const Time = Schema.Union([Schema.Duration, Schema.DurationFromMillis, Schema.DurationFromString]).check(
  Schema.makeFilter((duration) => Duration.toMillis(duration) >= 0 || "must not be negative")
)
const TimeOrNever = Schema.Union([Schema.Literal("never"), Time])
const Ratio = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

/** The knobs that may differ from route to route. */
export const routeFields = {
  /**
   * How connections are shared out. `bounded`: within the limits below. `unlimited`: an idle connection is reused,
   * otherwise a new one is opened at once; nobody waits (reactor-netty's ELASTIC). `disabled`: a new connection for
   * each lease, closed on return. `single-flight`: one connection for all callers of the route at once, for protocols
   * that carry many exchanges on one connection. Default `bounded`.
   */
  mode: Schema.Literals(["bounded", "unlimited", "disabled", "single-flight"]),
  /** Connections open to one route: dialling, leased, idle and closing ones. Default 64; at least 1. */
  connectionsPerRouteMax: LimitFromOne,
  /**
   * Connections of the total that are kept free for this route, so that a slow neighbour cannot take all of it: routes
   * above their own guarantee may not use them. Default 0.
   */
  connectionsPerRouteGuaranteed: Count,
  /** Dials in flight to one route. Default unlimited; at least 1. */
  diallingPerRouteMax: LimitFromOne,
  /** Idle connections of one route; the surplus is closed, least recently used first. Default unlimited. 0: none is kept. */
  idlePerRouteMax: LimitFromZero,
  /** Connections kept open and idle for a route that is in use, by dialling in the background. Default 0. */
  idlePerRouteMin: Count,
  /** Waiters of one route. Default 1000. 0: an acquire that would have to wait fails at once. */
  pendingPerRouteMax: LimitFromZero,
  /**
   * Does a waiter that a dial is under way for count against the limits on pending waiters? Envoy and Istio count it;
   * reactor-netty does not. Default false: only waiters beyond the dials in flight count.
   */
  pendingIncludesDialling: Schema.Boolean,
  /** Leases out at once on one route. Default unlimited; at least 1. */
  activePerRouteMax: LimitFromOne,
  /** What happens above `activePerRouteMax` or `activeMax`: wait in the queue, or be refused. Default `queue`. */
  activeOverflow: Schema.Literals(["queue", "refuse"]),
  /** Leases granted on one connection before it is closed. Default unlimited; at least 1. */
  usesPerConnectionMax: LimitFromOne,
  /**
   * Leases at once on one connection; a connection may offer fewer, and change its mind. Default 1; `single-flight`
   * ignores it.
   */
  slotsPerConnectionMax: LimitFromOne,
  /** From the call to the lease, over everything: queue, dial, validation. Default 30 seconds. */
  acquireTimeout: TimeOrNever,
  /** One dial with all its phases. Default 10 seconds. */
  connectTimeout: TimeOrNever,
  /** Closing one connection; after it the permit is given back whatever the connection does. Default 5 seconds. */
  closeTimeout: Time,
  /** How long a connection may be idle. Default 60 seconds. */
  idleTimeout: TimeOrNever,
  /** How old a connection may become. A leased one is closed on return. Default never. */
  lifetime: TimeOrNever,
  /** Each connection's lifetime is shortened by a random part of up to this ratio. 0 to 1, default 0.1. */
  lifetimeJitterRatio: Ratio,
  /** Each idle period is shortened by a random part of up to this ratio. 0 to 1, default 0. */
  idleJitterRatio: Ratio,
  /** Taken off the idle time that a peer has announced. Default 1 second. */
  idleHintMargin: Time,
  /**
   * Learn when the peer closes idle connections, and close them before: three closes in a row at nearly the same age, of a
   * second or more, teach it for a quarter of an hour. Default true.
   */
  isIdleLearned: Schema.Boolean,
  /**
   * A connection idle for longer is probed before it is leased, if the pool has a probe. 0: always. Default 2 seconds
   * (Apache HttpClient's).
   */
  validateAfterInactivity: TimeOrNever,
  /** One probe or ping. Default 5 seconds. */
  validationTimeout: Time,
  /** Idle connections are pinged this often, if the pool has a ping. Default never. */
  pingInterval: TimeOrNever,
  /** Each interval is shortened by a random part of up to this ratio. 0 to 1, default 0.1. */
  pingJitterRatio: Ratio,
  /** Which idle connection is leased first: the most (`lifo`) or the least (`fifo`) recently used. Default `lifo`. */
  leaseOrder: Schema.Literals(["lifo", "fifo"]),
  /** Which waiter of a class is served first: the oldest (`fifo`) or the newest (`lifo`). Default `fifo`. */
  waitOrder: Schema.Literals(["fifo", "lifo"]),
  /** Refuse a waiter at once if, by the observed service time, its deadline cannot be met. Default false. */
  isSheddingHopeless: Schema.Boolean,
  /** A finished dial that nobody needs any more: keep it idle, or give up a dial once nobody needs it. Default `keep`. */
  surplusDial: Schema.Literals(["keep", "cancel"]),
  /** The pause before the next dial after two failures in a row; it doubles with each further one. Default 10 millis. */
  dialBackoffBase: Time,
  /** The longest pause between dials. 0: no pause at all. Default 1 second. */
  dialBackoffMax: Time
} as const

/** The knobs of the pool as a whole. */
export const poolFields = {
  /** Names the pool in metrics, spans and messages. Default `pool`. */
  name: Schema.String.check(Schema.isMinLength(1)),
  /** Connections open over all routes. Default 256; at least 1. */
  connectionsMax: LimitFromOne,
  /** Dials in flight over all routes. Default unlimited; at least 1. */
  diallingMax: LimitFromOne,
  /** Idle connections over all routes; the surplus is closed, least recently used first. Default unlimited. */
  idleMax: LimitFromZero,
  /** Waiters over all routes. Default 10000. */
  pendingMax: LimitFromZero,
  /** Leases out at once over all routes. Default unlimited; at least 1. */
  activeMax: LimitFromOne,
  /** Routes remembered. Unused ones give way, least recently used first; with all in use a new one is refused. Default 10000. */
  routesMax: LimitFromOne,
  /** A route with no connection and no waiter is forgotten after this. Default 5 minutes. */
  routeIdleTimeout: TimeOrNever,
  /** How long a shutdown waits for leases. Default 30 seconds. */
  shutdownTimeout: Time,
  /** A lease held for longer is reported, with who took it. Default never. */
  leakThreshold: TimeOrNever,
  /** A lease held for longer is revoked and its connection closed. Default never. */
  leakReclaimAfter: TimeOrNever,
  /**
   * Routes with metrics of their own; what belongs to further ones is added up under `route="(other)"`. Counted when a
   * route is first used. Default 100; 0: none.
   */
  metricsRoutesMax: Count
} as const

/**
 * Other values for some routes. Overrides apply in the order of their levels (`service`, `subset`, `port`), and within a
 * level in the order given.
 */
export const RouteOverride = Schema.Struct({
  /**
   * Which routes: `scheme://host:port` or `scheme+unix:path`, where `*` stands for any run of characters:
   * `http://*.internal:*`. Matched against the whole authority.
   */
  match: Schema.String.check(Schema.isMinLength(1)),
  /** Where the values come from, for `explain` and messages: `rules.yaml line 12`. Default: the pattern. */
  source: Schema.optionalKey(Schema.String),
  level: Schema.optionalKey(Schema.Literals(["service", "subset", "port"])),
  /**
   * `fields` (default): the values given here replace those of lower levels, one by one. `blocks`: an override that sets
   * any knob of a block sets the whole block, the knobs that it leaves out going back to their defaults, as Istio merges
   * its `connectionPool.tcp` and `connectionPool.http`.
   */
  merge: Schema.optionalKey(Schema.Literals(["fields", "blocks"])),
  ...Struct.map(routeFields, Schema.optionalKey)
})

export const PoolConfig = Schema.Struct({
  ...Struct.map(poolFields, Schema.optionalKey),
  ...Struct.map(routeFields, Schema.optionalKey),
  overrides: Schema.optionalKey(Schema.Array(RouteOverride)),
  /** Where values come from, by their keys, for `explain` and messages: `rules.yaml line 12`. Default: `pool`. */
  sources: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})

/** What a user writes. */
export type PoolConfig = typeof PoolConfig.Encoded
/** What the pool works from: durations parsed, unknown keys refused. */
export type ParsedPoolConfig = typeof PoolConfig.Type
export type ParsedRouteOverride = typeof RouteOverride.Type

type Values<F extends Record<string, Schema.Top>> = { readonly [K in keyof F]: F[K]["Type"] }
export type RouteSettings = Values<typeof routeFields>
export type PoolSettings = Values<typeof poolFields>
export type RouteKnob = keyof RouteSettings

export const routeKnobs = Struct.keys(routeFields)
export const poolKnobs = Struct.keys(poolFields)

/** What holds for a route where nothing is said. */
export const routeDefaults: RouteSettings = {
  mode: "bounded",
  connectionsPerRouteMax: 64,
  connectionsPerRouteGuaranteed: 0,
  diallingPerRouteMax: "unlimited",
  idlePerRouteMax: "unlimited",
  idlePerRouteMin: 0,
  pendingPerRouteMax: 1000,
  pendingIncludesDialling: false,
  activePerRouteMax: "unlimited",
  activeOverflow: "queue",
  usesPerConnectionMax: "unlimited",
  slotsPerConnectionMax: 1,
  acquireTimeout: Duration.seconds(30),
  connectTimeout: Duration.seconds(10),
  closeTimeout: Duration.seconds(5),
  idleTimeout: Duration.seconds(60),
  lifetime: "never",
  lifetimeJitterRatio: 0.1,
  idleJitterRatio: 0,
  idleHintMargin: Duration.seconds(1),
  isIdleLearned: true,
  validateAfterInactivity: Duration.seconds(2),
  validationTimeout: Duration.seconds(5),
  pingInterval: "never",
  pingJitterRatio: 0.1,
  leaseOrder: "lifo",
  waitOrder: "fifo",
  isSheddingHopeless: false,
  surplusDial: "keep",
  dialBackoffBase: Duration.millis(10),
  dialBackoffMax: Duration.seconds(1)
}

/** What holds for the pool where nothing is said. */
export const poolDefaults: PoolSettings = {
  name: "pool",
  connectionsMax: 256,
  diallingMax: "unlimited",
  idleMax: "unlimited",
  pendingMax: 10_000,
  activeMax: "unlimited",
  routesMax: 10_000,
  routeIdleTimeout: Duration.minutes(5),
  shutdownTimeout: Duration.seconds(30),
  leakThreshold: "never",
  leakReclaimAfter: "never",
  metricsRoutesMax: 100
}

/** A configuration that cannot be used; nothing of it has been applied. */
export class PoolConfigError extends Schema.TaggedError<PoolConfigError>()("PoolConfigError", {
  /** One line a problem: the path, what is wrong, the nearest valid key. */
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `the pool's configuration cannot be used:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

const decode = Schema.decodeUnknownExit(PoolConfig, { errors: "all", onExcessProperty: "error" })

/** Checks a configuration, reporting every problem at once. */
export const parse = (input: PoolConfig): Effect.Effect<ParsedPoolConfig, PoolConfigError> =>
  Effect.suspend(() => {
    const exit = decode(input)
    if (Exit.isFailure(exit)) {
      const found = Cause.findErrorOption(exit.cause)
      const problems =
        found._tag === "Some" ? describeIssue(found.value.issue, poolConfigKeys) : [Cause.pretty(exit.cause)]
      return Effect.fail(new PoolConfigError({ problems }))
    }
    const problems = contradictions(exit.value)
    return problems.length > 0 ? Effect.fail(new PoolConfigError({ problems })) : Effect.succeed(exit.value)
  })

/** The keys that may stand where a path of a pool's configuration ends. */
export const poolConfigKeys = (path: ReadonlyArray<PropertyKey>): ReadonlyArray<string> =>
  path.length > 1 ? Object.keys(RouteOverride.fields) : Object.keys(PoolConfig.fields)

/** Combinations that each key allows but that cannot be kept together. */
const contradictions = (config: ParsedPoolConfig): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const total = config.connectionsMax ?? poolDefaults.connectionsMax
  const idleTotal = config.idleMax ?? poolDefaults.idleMax
  const guaranteedByMatch = new Map<string, number>()
  for (const { connectionsPerRouteGuaranteed: count, match } of config.overrides ?? []) {
    if (count !== undefined && !match.includes("*")) guaranteedByMatch.set(match.toLowerCase(), count)
  }
  const guaranteed = Array.from(guaranteedByMatch.values()).reduce((sum, count) => sum + count, 0)
  if (total !== "unlimited" && guaranteed > total) {
    problems.push(
      `overrides: connectionsPerRouteGuaranteed adds up to ${guaranteed}, more than connectionsMax ${total} can keep`
    )
  }
  const check = (at: string, settings: ParsedRouteOverride | ParsedPoolConfig) => {
    const perRoute =
      settings.connectionsPerRouteMax ?? config.connectionsPerRouteMax ?? routeDefaults.connectionsPerRouteMax
    const idleMin = settings.idlePerRouteMin ?? config.idlePerRouteMin ?? routeDefaults.idlePerRouteMin
    const idleMax = settings.idlePerRouteMax ?? config.idlePerRouteMax ?? routeDefaults.idlePerRouteMax
    if (perRoute !== "unlimited" && idleMin > perRoute) {
      problems.push(`${at}idlePerRouteMin: ${idleMin} is more than connectionsPerRouteMax ${perRoute} allows`)
    }
    if (idleMax !== "unlimited" && idleMin > idleMax) {
      problems.push(`${at}idlePerRouteMin: ${idleMin} is more than idlePerRouteMax ${idleMax} keeps`)
    }
    if (idleTotal !== "unlimited" && idleMin > idleTotal) {
      problems.push(`${at}idlePerRouteMin: ${idleMin} is more than idleMax ${idleTotal} keeps`)
    }
    const idleTimeout = settings.idleTimeout ?? config.idleTimeout ?? routeDefaults.idleTimeout
    if (idleMin > 0 && idleTimeout !== "never" && Duration.isZero(idleTimeout)) {
      problems.push(`${at}idlePerRouteMin: ${idleMin} cannot be kept with an idleTimeout of 0`)
    }
  }
  check("", config)
  config.overrides?.forEach((override, index) => {
    check(`overrides.${index}.`, override)
  })
  return problems
}
