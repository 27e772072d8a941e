/**
 * A configuration that was made from something else, such as another system's, and what is said beside it.
 */
import { type PoolConfig, RouteOverride } from "@weir/core"
import { Struct } from "effect"
import type { ClientConfig } from "./ClientConfig.ts"

/** Whatever has a configuration; a reading of `@weir/dialects` is one. */
export interface ConfigSource {
  readonly config: ClientConfig
}

/** What a client is made from: its configuration, and perhaps another system's to start from. */
export interface ClientSetup extends ClientConfig {
  /** The configuration to start from, of `@weir/dialects`: `istio(text)`. What stands beside it wins over it. */
  readonly from?: ConfigSource
}

type Override = NonNullable<PoolConfig["overrides"]>[number]

const routeKnobs = Struct.keys(Struct.omit(RouteOverride.fields, ["match", "source", "level", "merge"]))

/** One configuration: of each setting the value given beside `from`, else the one in it. */
export const combineConfig = ({ from, ...own }: ClientSetup): ClientConfig => {
  if (from === undefined) return own
  const { config } = from
  const general = Struct.pick(own.pool ?? {}, routeKnobs)
  // Values of single routes win over those of the pool, so what is said of the whole pool has to stand among them.
  const overrides: ReadonlyArray<Override> = [
    ...(config.pool?.overrides ?? []).map((override) =>
      override.match === "*" ? Struct.omit(override, Struct.keys(general)) : override
    ),
    ...(Struct.keys(general).length === 0 ? [] : [{ match: "*", source: "pool", ...general }]),
    ...(own.pool?.overrides ?? [])
  ]
  return {
    ...config,
    ...own,
    pool: { ...config.pool, ...own.pool, overrides },
    ...(config.http === undefined ? {} : { http: { ...config.http, ...own.http } }),
    ...(config.tls === undefined ? {} : { tls: { ...config.tls, ...own.tls } })
  }
}
