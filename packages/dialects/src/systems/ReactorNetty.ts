/**
 * reactor-netty's `ConnectionProvider`, named as its builder's methods are, or by its system properties.
 *
 * Its traits: a limit for each remote host and none over all; beyond `pendingAcquireMaxCount` callers are refused, and
 * the others wait for 45 s at most.
 */
import { anything, count, flag, oneOf, percent, text, time } from "../Codec.ts"
import { make, type Selected } from "../Dialect.ts"
import type { Key } from "../Key.ts"
import { formatPath, type Written } from "../Written.ts"

const provider = (lines: string) => `ConnectionProvider.java:${lines}`
const millis = (zero: "unlimited" | "itself" | "error" = "itself") =>
  time({ bare: "milliseconds", hasUnits: true, isIso: true, zero, negative: "unlimited" })
const http2 = { why: "connections speak HTTP/1.1 only", todo: "leave it out" }

const keys: ReadonlyArray<Key> = [
  {
    name: "maxConnections",
    aliases: ["reactor.netty.pool.maxConnections"],
    codec: count({ zero: "error" }),
    // The machine's processors are not the text's business: whoever knows them says so.
    derive: ({ options }) => Math.max(options.processorCount ?? 8, 8) * 2,
    to: "pool.connectionsPerRouteMax",
    cite: provider("55-57 (twice the processors, at least 16)")
  },
  {
    name: "pendingAcquireMaxCount",
    codec: count({ negative: "unlimited" }),
    derive: ({ get }) => {
      const connections = get("maxConnections")
      return typeof connections === "number" ? connections * 2 : "unlimited"
    },
    to: "pool.pendingPerRouteMax",
    use: (value, { options }) => {
      if (value !== 0) return {}
      return options.version === "1.2"
        ? { note: "reactor-netty takes 0, by which nobody waits, since 1.2.12" }
        : { problem: `reactor-netty ${options.version} does not take 0; write 1 or more, or -1 for no bound` }
    },
    cite: `${provider("624; PooledConnectionProvider.java:573-574")} (twice maxConnections; 0 since 1.2.12, PR 3987)`
  },
  {
    name: "pendingAcquireTimeout",
    aliases: ["reactor.netty.pool.acquireTimeout"],
    codec: millis("unlimited"),
    byDefault: 45_000,
    to: "pool.acquireTimeout",
    note: "reactor-netty stops counting when a connect begins; here the time covers the connect too",
    cite: provider("64-66")
  },
  {
    name: "maxIdleTime",
    aliases: ["reactor.netty.pool.maxIdleTime"],
    codec: millis(),
    byDefault: -1,
    to: "pool.idleTimeout",
    cite: provider("71")
  },
  {
    name: "maxLifeTime",
    aliases: ["reactor.netty.pool.maxLifeTime"],
    codec: millis(),
    byDefault: -1,
    to: "pool.lifetime",
    cite: provider("78")
  },
  {
    name: "maxLifeTimeVariance",
    codec: percent(),
    byDefault: 0,
    to: "pool.lifetimeJitterRatio",
    cite: provider("684")
  },
  {
    name: "leasingStrategy",
    aliases: ["reactor.netty.pool.leasingStrategy"],
    codec: oneOf({ fifo: "fifo", lifo: "lifo" }, { ignoresCase: true }),
    byDefault: "fifo",
    to: "pool.leaseOrder",
    cite: provider("99, 764-781")
  },
  {
    name: "evictInBackground",
    codec: millis("unlimited"),
    means: "idle connections are always closed in time, whatever the interval",
    cite: provider("527, 796-821")
  },
  { name: "name", codec: text, to: "pool.name", cite: provider("builder(name)") },
  { name: "disposeTimeout", codec: millis(), to: "pool.shutdownTimeout", cite: provider("470") },
  {
    name: "disposeInterval",
    codec: millis("unlimited"),
    means: "unused routes are always forgotten in time, whatever the interval",
    cite: provider("394, 450-454")
  },
  { name: "poolInactivity", codec: millis(), to: "pool.routeIdleTimeout", cite: provider("394, 450-454") },
  {
    name: "maxConnectionPools",
    codec: count({ negative: "unlimited" }),
    isHonoured: (value) => value === "unlimited",
    loss: { why: "reactor-netty only logs beyond it", todo: "set pool.routesMax beside from, which bounds the routes" },
    cite: provider("502; PooledConnectionProvider.java:141-146")
  },
  {
    name: "metrics",
    codec: flag(),
    means: "the pool always counts, whether it is set or not",
    cite: provider("727-753")
  },
  {
    name: "connectTimeout",
    aliases: ["CONNECT_TIMEOUT_MILLIS"],
    codec: millis("unlimited"),
    byDefault: 30_000,
    to: "pool.connectTimeout",
    cite: "netty ChannelOption.CONNECT_TIMEOUT_MILLIS (30 s)"
  },
  {
    name: "responseTimeout",
    codec: millis("error"),
    to: "http.responseHeadTimeout",
    cite: "HttpClient.responseTimeout (none)"
  },
  {
    name: "keepAlive",
    codec: flag(),
    byDefault: true,
    means: "`pool.mode` disabled, where it is false",
    use: (value) => (value === false ? { knobs: { "pool.mode": "disabled" } } : {}),
    cite: "HttpClient.keepAlive"
  },
  {
    name: "disableRetry",
    codec: flag({ true: 0, false: 1 }),
    byDefault: false,
    to: "http.retryCountMax",
    cite: "HttpClient.disableRetry; DefaultPooledConnectionProvider.java:255-272 (once)"
  },
  {
    name: "compress",
    codec: flag(),
    byDefault: false,
    to: "http.isDecoding",
    cite: "HttpClient.compress"
  },
  ...["maxConcurrentStreams", "minConnections", "strictConnectionReuse", "streamBatchSize"].map((name) => ({
    name: `http2.${name}`,
    codec: anything,
    loss: http2,
    cite: "Http2AllocationStrategy.java:237-247"
  }))
]

/** `forRemoteHost` makes a pool of its own, which inherits nothing. */
const toSelected = (written: Written): Selected => {
  const key = formatPath(written.path)
  const [first, host, ...rest] = written.path
  if (first !== "forRemoteHost" || typeof host !== "string") return { ...written, key }
  return { ...written, path: rest, key, match: `http*://${host.includes(":") ? host : `${host}:*`}` }
}

export const reactorNetty = make({
  id: "reactor-netty",
  title: "reactor-netty",
  versions: ["1.2", "1.1", "1.0"],
  keys,
  always: { knobs: {}, cite: "DefaultPooledConnectionProvider.java" },
  select: ({ documents }) => {
    const selected = documents
      .flat()
      .filter(({ path }) => path.length > 0)
      .map(toSelected)
    const matches = new Set(selected.flatMap(({ match }) => match ?? []))
    return {
      selected,
      resets: [...matches].map((match) => ({
        match,
        source: "reactor-netty default, since forRemoteHost inherits nothing"
      }))
    }
  },
  isTelling: (path) =>
    /^(pendingAcquire|maxLifeTime|maxIdleTime|forRemoteHost|leasingStrategy|evictInBackground|disposeTimeout|reactor\.netty\.pool)/.test(
      path
    ),
  form: "yaml"
})
