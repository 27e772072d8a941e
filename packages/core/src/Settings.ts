/**
 * What holds for one route: its effective settings, and for every value where it came from.
 */
import { Duration, Struct } from "effect"
import { toCount } from "./Limit.ts"
import type { ParsedPoolConfig, ParsedRouteOverride, PoolSettings, RouteKnob, RouteSettings } from "./PoolConfig.ts"
import { poolDefaults, poolKnobs, routeDefaults, routeKnobs } from "./PoolConfig.ts"
import { authorityOf, type Route } from "./Route.ts"

/** The settings of a route as the pool uses them: numbers only, `Infinity` for unlimited and never. */
export interface RouteLimits {
  readonly settings: RouteSettings
  /** Knobs that are not at their default. */
  readonly sources: ReadonlyMap<RouteKnob, string>
  readonly connectionsMax: number
  readonly guaranteedCount: number
  readonly diallingMax: number
  readonly idleMax: number
  readonly idleMin: number
  readonly pendingMax: number
  readonly activeMax: number
  readonly usesMax: number
  readonly slotsMax: number
  readonly acquireTimeoutMillis: number
  readonly connectTimeoutMillis: number
  readonly closeTimeoutMillis: number
  readonly idleTimeoutMillis: number
  readonly lifetimeMillis: number
  readonly idleHintMarginMillis: number
  readonly validateAfterMillis: number
  readonly validationTimeoutMillis: number
  readonly pingIntervalMillis: number
  readonly dialBackoffBaseMillis: number
  readonly dialBackoffMaxMillis: number
  readonly isLifo: boolean
  /** False in mode `disabled`. */
  readonly isPooling: boolean
}

export const toMillis = (time: Duration.Duration | "never"): number =>
  time === "never" ? Number.POSITIVE_INFINITY : Duration.toMillis(time)

/** The pool-wide settings with their defaults filled in. */
export const resolvePool = (config: ParsedPoolConfig): PoolSettings => ({
  ...poolDefaults,
  ...Struct.pick(config, poolKnobs)
})

const blocks: ReadonlyArray<ReadonlyArray<RouteKnob>> = [
  // Istio's connectionPool.tcp
  [
    "mode",
    "connectionsPerRouteMax",
    "connectionsPerRouteGuaranteed",
    "diallingPerRouteMax",
    "connectTimeout",
    "lifetime"
  ],
  // Istio's connectionPool.http
  [
    "pendingPerRouteMax",
    "pendingIncludesDialling",
    "activePerRouteMax",
    "activeOverflow",
    "usesPerConnectionMax",
    "slotsPerConnectionMax",
    "idleTimeout"
  ]
]

const levelOrder = { service: 0, subset: 1, port: 2 } as const

/**
 * What a configuration has been resolved to, by the overrides that matched: routes that the same ones match share one
 * record, which is most of what a route would take otherwise.
 */
const resolved = new WeakMap<ParsedPoolConfig, Map<string, RouteLimits>>()
/** Combinations of overrides kept for one configuration; further ones are worked out each time. */
const resolvedKeptMax = 1000

/** Merges the defaults, the pool's own values and every override that matches, in that order. */
export const resolveRoute = (config: ParsedPoolConfig, route: Route): RouteLimits => {
  const overrides = overridesOf(config, route)
  const key = overrides.map((override) => config.overrides?.indexOf(override)).join()
  const kept = resolved.get(config) ?? new Map<string, RouteLimits>()
  const limits = kept.get(key) ?? merge(config, overrides)
  if (kept.size < resolvedKeptMax) resolved.set(config, kept.set(key, limits))
  return limits
}

const merge = (config: ParsedPoolConfig, overrides: ReadonlyArray<ParsedRouteOverride>): RouteLimits => {
  let settings: RouteSettings = { ...routeDefaults, ...Struct.pick(config, routeKnobs) }
  const sources = new Map<RouteKnob, string>()
  const note = (values: object, source: string) => {
    for (const knob of routeKnobs) if (knob in values) sources.set(knob, source)
  }
  for (const knob of routeKnobs) if (knob in config) sources.set(knob, config.sources?.[knob] ?? "pool")
  for (const override of overrides) {
    const source = override.source ?? `override ${override.match}`
    if (override.merge === "blocks") {
      for (const block of blocks) {
        if (!block.some((knob) => knob in override)) continue
        const reset = Struct.pick(routeDefaults, block)
        settings = { ...settings, ...reset }
        note(reset, `default, reset by ${source}`)
      }
    }
    settings = { ...settings, ...Struct.pick(override, routeKnobs) }
    note(override, source)
  }
  return toLimits(settings, sources)
}

/** Where a value came from: `default`, `pool`, or the source of the override that set it. */
export const sourceOf = (limits: RouteLimits, knob: RouteKnob): string => limits.sources.get(knob) ?? "default"

const overridesOf = (config: ParsedPoolConfig, route: Route): ReadonlyArray<ParsedRouteOverride> => {
  const authority = authorityOf(route)
  const matching = (config.overrides ?? []).filter((override) => matches(override.match, authority))
  // Array.prototype.sort is stable: the order given is kept within a level.
  return matching.sort((a, b) => levelOrder[a.level ?? "service"] - levelOrder[b.level ?? "service"])
}

/** Does a pattern in which `*` stands for any run of characters match the whole text? */
export const matches = (pattern: string, text: string): boolean => {
  const parts = pattern.toLowerCase().split("*")
  const first = parts[0] ?? ""
  if (parts.length === 1) return first === text.toLowerCase()
  const subject = text.toLowerCase()
  const last = parts.at(-1) ?? ""
  if (!subject.startsWith(first) || !subject.endsWith(last)) return false
  let from = first.length
  const end = subject.length - last.length
  if (from > end) return false
  for (const part of parts.slice(1, -1)) {
    const at = subject.indexOf(part, from)
    if (at < 0 || at + part.length > end) return false
    from = at + part.length
  }
  return true
}

const toLimits = (settings: RouteSettings, sources: ReadonlyMap<RouteKnob, string>): RouteLimits => {
  const count = (limit: number | "unlimited") =>
    settings.mode === "unlimited" ? Number.POSITIVE_INFINITY : toCount(limit)
  return {
    settings,
    sources,
    connectionsMax: settings.mode === "single-flight" ? 1 : count(settings.connectionsPerRouteMax),
    guaranteedCount: settings.connectionsPerRouteGuaranteed,
    diallingMax: count(settings.diallingPerRouteMax),
    idleMax: settings.mode === "disabled" ? 0 : toCount(settings.idlePerRouteMax),
    idleMin: settings.mode === "disabled" ? 0 : settings.idlePerRouteMin,
    pendingMax: count(settings.pendingPerRouteMax),
    activeMax: count(settings.activePerRouteMax),
    usesMax: settings.mode === "disabled" ? 1 : toCount(settings.usesPerConnectionMax),
    slotsMax: settings.mode === "single-flight" ? Number.POSITIVE_INFINITY : toCount(settings.slotsPerConnectionMax),
    acquireTimeoutMillis: toMillis(settings.acquireTimeout),
    connectTimeoutMillis: toMillis(settings.connectTimeout),
    closeTimeoutMillis: toMillis(settings.closeTimeout),
    idleTimeoutMillis: toMillis(settings.idleTimeout),
    lifetimeMillis: toMillis(settings.lifetime),
    idleHintMarginMillis: toMillis(settings.idleHintMargin),
    validateAfterMillis: toMillis(settings.validateAfterInactivity),
    validationTimeoutMillis: toMillis(settings.validationTimeout),
    pingIntervalMillis: toMillis(settings.pingInterval),
    dialBackoffBaseMillis: toMillis(settings.dialBackoffBase),
    dialBackoffMaxMillis: toMillis(settings.dialBackoffMax),
    isLifo: settings.leaseOrder === "lifo",
    isPooling: settings.mode !== "disabled"
  }
}
