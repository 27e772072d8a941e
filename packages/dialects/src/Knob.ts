/**
 * The settings of a Weir client by name, `pool.connectionsMax` or `http.requestTimeout`, and a set of them as a
 * configuration with its sources.
 */
import { type ClientConfig, HttpSettings, type TlsSettings } from "@weir/client"
import { PoolConfig, RouteOverride } from "@weir/core"
import { Struct } from "effect"
import type { Entry } from "./Reading.ts"

type PoolField = Exclude<keyof (typeof PoolConfig)["fields"], "overrides">
type HttpField = Exclude<keyof (typeof HttpSettings)["fields"], "limits">
type TlsField = Extract<keyof (typeof TlsSettings)["fields"], "serverName" | "minVersion" | "verification">

export type Knob = `pool.${PoolField}` | `http.${HttpField}` | `tls.${TlsField}` | "localAddress" | "proxy"

/** A count, a time in milliseconds, `"unlimited"`, `"never"`, or one of a knob's words. */
export type KnobValue = number | string | boolean

export type Knobs = { readonly [K in Knob]?: KnobValue }

/** The knobs that may differ from route to route. */
const routeFields: ReadonlySet<string> = new Set(
  Struct.keys(RouteOverride.fields).filter((key) => !["match", "source", "level", "merge"].includes(key))
)

/** Every knob by its name, those of the pool as a whole first. */
export const knobsByName: ReadonlyMap<string, Knob> = new Map(
  [
    ...Struct.keys(PoolConfig.fields).flatMap((field) => (field === "overrides" ? [] : [`pool.${field}` as const])),
    ...Struct.keys(HttpSettings.fields).flatMap((field) => (field === "limits" ? [] : [`http.${field}` as const])),
    "tls.serverName" as const,
    "tls.minVersion" as const,
    "tls.verification" as const,
    "localAddress" as const,
    "proxy" as const
  ].map((knob) => [knob, knob])
)

/** May it differ from route to route? */
export const mayDiffer = (knob: Knob): boolean =>
  knob.startsWith("pool.") && routeFields.has(knob.slice("pool.".length))

/**
 * What a system without any limit does. A dialect starts from it, so that none of Weir's own defaults is in force unless
 * that system has it too.
 */
export const unlimited: Knobs = {
  "pool.connectionsMax": "unlimited",
  "pool.connectionsPerRouteMax": "unlimited",
  "pool.idleMax": "unlimited",
  "pool.idlePerRouteMax": "unlimited",
  "pool.pendingMax": "unlimited",
  "pool.pendingPerRouteMax": "unlimited",
  "pool.routesMax": "unlimited",
  "pool.usesPerConnectionMax": "unlimited",
  "pool.acquireTimeout": "never",
  "pool.connectTimeout": "never",
  "pool.idleTimeout": "never",
  "pool.lifetime": "never",
  "pool.lifetimeJitterRatio": 0,
  "pool.idleHintMargin": 0,
  "pool.isIdleLearned": false,
  "pool.validateAfterInactivity": "never",
  "pool.dialBackoffMax": 0,
  "http.responseHeadTimeout": "never",
  "http.bodyIdleTimeout": "never",
  "http.requestTimeout": "never",
  "http.retryCountMax": 0,
  "http.retryBudgetRatio": 0,
  "http.retryBudgetCountMin": 100_000
}

/** The configuration that says what the entries say, sources included. Values of single routes stand in overrides. */
export const toConfig = (entries: ReadonlyArray<Entry>): ClientConfig => {
  const sections: Record<"pool" | "http" | "tls", Record<string, KnobValue>> = { pool: {}, http: {}, tls: {} }
  const overrides = new Map<string, { readonly match: string; readonly source: string } & Record<string, KnobValue>>()
  const sources: Record<string, string> = {}
  const own: { localAddress?: string; proxy?: string } = {}
  for (const { knob, match, source, value } of entries) {
    const [section = "", field = ""] = knob.split(".")
    if (match === "*") {
      if (knob === "localAddress" || knob === "proxy") own[knob] = String(value)
      else if (section === "pool" || section === "http" || section === "tls") sections[section][field] = value
      if (section === "pool") sources[field] = source
      continue
    }
    if (!mayDiffer(knob)) continue
    const key = JSON.stringify([match, source])
    overrides.set(key, { ...(overrides.get(key) ?? { match, source }), [field]: value })
  }
  return {
    pool: { ...sections.pool, sources, overrides: [...overrides.values()] },
    ...(Object.keys(sections.http).length === 0 ? {} : { http: sections.http }),
    ...(Object.keys(sections.tls).length === 0 ? {} : { tls: sections.tls }),
    ...own
  }
}
