/**
 * HikariCP: the properties of `HikariConfig`, alone or below `spring.datasource.hikari`.
 *
 * Its traits: a pool of one target and fixed size, unless `minimumIdle` is smaller; who waits longer than
 * `connectionTimeout` is refused.
 */
import { anything, type Codec, count, flag, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key, Loss } from "../Key.ts"
import { below, ofPrefixes, relaxed } from "../Spring.ts"
import { splitKey, type WrittenDocument } from "../Written.ts"

const config = (lines: string) => `HikariConfig.java:${lines}`

const millis = (minMillis: number, zero: "unlimited" | "error" = "unlimited"): Codec =>
  time({ bare: "milliseconds", hasUnits: true, isIso: true, zero, minMillis })

const jdbc: Loss = {
  why: "it is about JDBC, and this pool is of connections of any kind",
  todo: "keep it where the database is connected to"
}

const jdbcKeys = [
  "jdbcUrl",
  "username",
  "password",
  "driverClassName",
  "dataSourceClassName",
  "dataSourceJNDI",
  "dataSource.**",
  "dataSourceProperties.**",
  "autoCommit",
  "readOnly",
  "catalog",
  "schema",
  "transactionIsolation",
  "connectionInitSql",
  "isolateInternalQueries",
  "exceptionOverrideClassName",
  "healthCheckProperties.**"
]

const keys: ReadonlyArray<Key> = [
  {
    name: "maximumPoolSize",
    codec: count({ zero: "error" }),
    byDefault: 10,
    to: ["pool.connectionsMax", "pool.connectionsPerRouteMax"],
    note: "HikariCP has one target; here it is the limit of each target and of all together",
    cite: config("58")
  },
  {
    name: "minimumIdle",
    codec: count(),
    derive: ({ get }) => get("maximumPoolSize") ?? 10,
    means: "`pool.idlePerRouteMin`, at most maximumPoolSize",
    writes: "pool.idlePerRouteMin",
    use: (value, { get, isWritten }) => {
      const size = get("maximumPoolSize")
      if (typeof value !== "number") return { problem: "as many idle connections cannot be kept; write fewer" }
      const isLarger = typeof size === "number" && value > size
      return {
        knobs: { "pool.idlePerRouteMin": isLarger ? size : value },
        ...(isLarger && isWritten("minimumIdle")
          ? { note: `more than maximumPoolSize ${size}, which counts, as in HikariCP` }
          : {})
      }
    },
    cite: config("1130-1148")
  },
  {
    name: "connectionTimeout",
    codec: millis(250),
    byDefault: 30_000,
    to: ["pool.acquireTimeout", "pool.connectTimeout"],
    cite: config("52, 1120")
  },
  {
    name: "validationTimeout",
    codec: millis(250, "error"),
    byDefault: 5000,
    to: "pool.validationTimeout",
    cite: config("53")
  },
  {
    name: "idleTimeout",
    codec: millis(10_000),
    byDefault: 600_000,
    means: "`pool.idleTimeout`, where minimumIdle is below maximumPoolSize",
    writes: "pool.idleTimeout",
    use: (value, { get, isWritten }) => {
      const isFixed = Number(get("minimumIdle")) >= Number(get("maximumPoolSize"))
      const lifetime = get("maxLifetime")
      const isPastLifetime = typeof lifetime === "number" && typeof value === "number" && value + 1000 > lifetime
      const why = isFixed
        ? "the size is fixed, since minimumIdle equals maximumPoolSize"
        : isPastLifetime
          ? `maxLifetime ${lifetime} ms comes first`
          : undefined
      if (why === undefined) return { knobs: { "pool.idleTimeout": value } }
      return {
        knobs: { "pool.idleTimeout": "never" },
        ...(isWritten("idleTimeout") ? { note: `without effect, as in HikariCP: ${why}` } : {})
      }
    },
    cite: config("55, 1138-1148")
  },
  {
    name: "maxLifetime",
    codec: millis(30_000),
    byDefault: 1_800_000,
    to: "pool.lifetime",
    cite: `${config("56")}; HikariPool.java:481-487`
  },
  {
    name: "keepaliveTime",
    codec: millis(30_000),
    byDefault: { "6.3": 120_000, "6.2.1": 120_000, "5.1": 0 },
    means: "`pool.pingInterval`",
    writes: "pool.pingInterval",
    use: (value, { get }) => {
      const lifetime = get("maxLifetime")
      const isPast = typeof lifetime === "number" && typeof value === "number" && value >= lifetime
      return isPast
        ? { problem: `expected less than maxLifetime ${lifetime} ms; raise that, or lower this` }
        : { knobs: { "pool.pingInterval": value } }
    },
    note: "idle connections are pinged if the pool has a ping, which connections of HTTP/1.1 have not",
    cite: `${config("57, 1101-1111")}; CHANGES 6.2.1`
  },
  {
    name: "leakDetectionThreshold",
    codec: millis(2000),
    byDefault: 0,
    to: "pool.leakThreshold",
    cite: config("1113-1118")
  },
  { name: "poolName", codec: text, to: "pool.name", cite: config("poolName") },
  {
    name: "initializationFailTimeout",
    codec: time({ bare: "milliseconds", hasUnits: true, negative: "unlimited" }),
    loss: {
      why: "a pool opens nothing before it is asked to",
      todo: "acquire once at the start, and fail if that fails"
    },
    cite: `${config("126")} (1 ms)`
  },
  {
    name: "allowPoolSuspension",
    codec: flag(),
    means: "a route can always be paused and resumed",
    cite: "HikariPool.java:95, 379-399"
  },
  {
    name: "connectionTestQuery",
    codec: text,
    loss: { why: "how a connection is checked is the program's", todo: "give the pool a probe" },
    cite: config("connectionTestQuery")
  },
  {
    name: "registerMbeans",
    codec: flag(),
    loss: { why: "there is no JMX here", todo: "read the pool's metrics" },
    cite: config("registerMbeans")
  },
  {
    name: "metricRegistry",
    codec: anything,
    loss: { why: "metrics are read, not registered", todo: "read the pool's metrics" },
    cite: config("metricRegistry")
  },
  {
    name: "healthCheckRegistry",
    codec: anything,
    loss: { why: "there are no health checks here", todo: "call explain" },
    cite: config("healthCheckRegistry")
  },
  { name: "scheduledExecutor", codec: anything, loss: jdbc, cite: config("scheduledExecutor") },
  { name: "threadFactory", codec: anything, loss: jdbc, cite: config("threadFactory") },
  ...jdbcKeys.map((name) => ({ name, codec: anything, loss: jdbc, cite: config(name.replace(".**", "")) }))
]

/** A file of Spring's has the keys below a prefix, and much else beside them. */
const isInSpring = (documents: ReadonlyArray<WrittenDocument>): boolean =>
  documents.flat().some(({ path }) =>
    below(
      path.flatMap((step) => (typeof step === "string" ? splitKey(step) : step)),
      ["spring"]
    )
  )

export const hikari = make({
  id: "hikari",
  title: "HikariCP",
  versions: ["6.3", "6.2.1", "5.1"],
  keys,
  always: {
    knobs: (version) => ({
      "pool.leaseOrder": "lifo",
      // The aliveness of a connection used in the last 500 ms is taken for granted (aliveBypassWindowMs).
      "pool.validateAfterInactivity": 500,
      "pool.lifetimeJitterRatio": version === "5.1" ? 0.025 : 0.25,
      "pool.pingJitterRatio": version === "6.3" ? 0.2 : 0.1
    }),
    cite: "HikariPool.java:65, 481-495; ConcurrentBag.java:120-164; CHANGES 6.1.0 and 6.3.0 (variance)"
  },
  isText: true,
  spelling: relaxed,
  select: (input, options) =>
    ofPrefixes([isInSpring(input.documents) ? "spring.datasource.hikari" : ""])(input, options),
  isTelling: (path) =>
    /^(spring\.datasource\.hikari\.|maximum-?pool-?size|minimum-?idle|leak-?detection-?threshold|keepalive-?time$|dataSourceClassName)/i.test(
      path
    ),
  form: "properties"
})
