/**
 * Java's clients, run by the program in `javapeers`, which Maven builds.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { delimiter, join } from "node:path"
import { apache4, apache5, type Dialect, okhttp, reactorNetty, springCloudGateway } from "@weir/dialects"
import type { Burst } from "./Burst.ts"
import { runProgram } from "./PeerProgram.ts"
import { outcome, type Peer } from "./Peers.ts"

/** Time for calls that wait: five times the timeouts of 300 ms, and far less than those of minutes. */
const holdMillis = 1500

/** How reactor-netty's default of connections for a host is reckoned. */
const reactorCount = Math.max(availableParallelism(), 8) * 2

const evicted = outcome([
  [2, 2, 1],
  [1, 1, 1]
])

const apache4Bursts: ReadonlyArray<Burst> = [
  { name: "defaults", settings: {}, callCounts: [6], holdMillis, expected: outcome([[2, 2, 2]]) },
  {
    name: "maxConnTotal 3, maxConnPerRoute 5",
    settings: { maxConnTotal: 3, maxConnPerRoute: 5 },
    callCounts: [6],
    expected: outcome([[3, 3, 3]])
  },
  {
    name: "maxConnTotal 2",
    settings: { maxConnTotal: 2, maxConnPerRoute: 2 },
    callCounts: [2, 1],
    expected: evicted
  },
  {
    name: "maxConnTotal 2",
    settings: { maxConnTotal: 2, maxConnPerRoute: 2 },
    callCounts: [2, 1],
    isTogether: true,
    holdMillis,
    expected: evicted
  },
  {
    name: "connectionRequestTimeout 300 ms",
    settings: { maxConnPerRoute: 1, connectionRequestTimeout: 300 },
    callCounts: [3],
    holdMillis,
    expected: outcome([[1, 1, 1]], { timedOutCount: 2 })
  },
  {
    name: "evictIdleConnections 300 ms",
    settings: { evictIdleConnections: 300 },
    callCounts: [2],
    expected: outcome([[2, 2, 0]])
  }
]

const apache5Bursts: ReadonlyArray<Burst> = [
  { name: "defaults", settings: {}, callCounts: [9], holdMillis, expected: outcome([[5, 5, 5]]) },
  ...apache4Bursts.slice(1),
  {
    name: "maxConnTotal 2, maxConnPerRoute 4, poolConcurrencyPolicy LAX",
    settings: { maxConnTotal: 2, maxConnPerRoute: 4, poolConcurrencyPolicy: "LAX" },
    callCounts: [6],
    expected: outcome([[4, 4, 4]])
  }
]

const okhttpBursts: ReadonlyArray<Burst> = [
  { name: "defaults", settings: {}, callCounts: [20], expected: outcome([[20, 20, 5]]) },
  {
    name: "maxIdleConnections 1",
    settings: { connectionPool: { maxIdleConnections: 1 } },
    callCounts: [1, 1],
    expected: outcome([
      [1, 1, 0],
      [1, 1, 1]
    ])
  },
  {
    name: "maxIdleConnections 0",
    settings: { connectionPool: { maxIdleConnections: 0 } },
    callCounts: [4],
    expected: outcome([[4, 4, 0]])
  },
  {
    name: "keepAliveDuration 300 ms",
    settings: { connectionPool: { keepAliveDuration: 300, timeUnit: "MILLISECONDS" } },
    callCounts: [3],
    expected: outcome([[3, 3, 0]])
  },
  {
    name: "maxRequestsPerHost 3, enqueued",
    settings: { dispatcher: { maxRequestsPerHost: 3 } },
    callCounts: [8],
    holdMillis,
    expected: outcome([[3, 3, 3]])
  },
  {
    name: "maxRequests 2, enqueued",
    settings: { dispatcher: { maxRequests: 2 } },
    callCounts: [2, 1],
    isTogether: true,
    holdMillis,
    expected: outcome([
      [2, 2, 2],
      [1, 1, 1]
    ])
  }
]

const reactorBursts: ReadonlyArray<Burst> = [
  {
    name: `defaults, ${reactorCount} for a host and twice as many waiting`,
    settings: {},
    callCounts: [reactorCount * 3 + 5],
    expected: outcome([[reactorCount, reactorCount, reactorCount]], { refusedCount: 5 })
  },
  {
    name: "maxConnections 1, pendingAcquireMaxCount 1",
    settings: { maxConnections: 1, pendingAcquireMaxCount: 1 },
    callCounts: [3],
    expected: outcome([[1, 1, 1]], { refusedCount: 1 })
  },
  {
    name: "maxConnections 2, pendingAcquireMaxCount 0",
    settings: { maxConnections: 2, pendingAcquireMaxCount: 0 },
    callCounts: [5],
    expected: outcome([[2, 2, 2]], { refusedCount: 3 })
  },
  {
    name: "maxConnections 1, pendingAcquireTimeout 0",
    settings: { maxConnections: 1, pendingAcquireTimeout: 0 },
    callCounts: [3],
    holdMillis,
    expected: outcome([[1, 1, 1]])
  },
  {
    name: "maxConnections 1, pendingAcquireTimeout 300 ms",
    settings: { maxConnections: 1, pendingAcquireMaxCount: 4, pendingAcquireTimeout: 300 },
    callCounts: [3],
    holdMillis,
    expected: outcome([[1, 1, 1]], { timedOutCount: 2 })
  },
  {
    name: "maxConnections 2",
    settings: { maxConnections: 2 },
    callCounts: [4, 4],
    isTogether: true,
    expected: outcome(
      [
        [2, 2, 2],
        [2, 2, 2]
      ],
      { togetherCount: 4 }
    )
  },
  {
    name: "maxIdleTime 300 ms, evictInBackground",
    settings: { maxIdleTime: 300, evictInBackground: 100 },
    callCounts: [3],
    expected: outcome([[3, 3, 0]])
  }
]

const gatewayBursts: ReadonlyArray<Burst> = [
  { name: "ELASTIC", settings: {}, callCounts: [60], holdMillis, expected: outcome([[60, 60, 60]]) },
  {
    name: "FIXED, max-connections 3",
    settings: { pool: { type: "FIXED", "max-connections": 3 } },
    callCounts: [30],
    holdMillis,
    expected: outcome([[3, 3, 3]])
  },
  {
    name: "FIXED, max-connections 1, acquire-timeout 300 ms",
    settings: { pool: { type: "FIXED", "max-connections": 1, "acquire-timeout": 300 } },
    callCounts: [3],
    holdMillis,
    expected: outcome([[1, 1, 1]], { timedOutCount: 2 })
  },
  {
    name: "DISABLED",
    settings: { pool: { type: "DISABLED" } },
    callCounts: [4],
    expected: outcome([[4, 4, 0]])
  }
]

interface System {
  readonly id: string
  readonly name: string
  /** Whose version counts. */
  readonly artifact: string
  readonly bursts: ReadonlyArray<Burst>
  readonly dialect: Dialect
}

const systems: ReadonlyArray<System> = [
  { id: "apache4", name: "Apache HttpClient 4.5", artifact: "httpclient", bursts: apache4Bursts, dialect: apache4 },
  { id: "apache5", name: "Apache HttpClient 5", artifact: "httpclient5", bursts: apache5Bursts, dialect: apache5 },
  { id: "okhttp", name: "OkHttp", artifact: "okhttp-jvm", bursts: okhttpBursts, dialect: okhttp },
  {
    id: "reactor-netty",
    name: "reactor-netty",
    artifact: "reactor-netty-http",
    bursts: reactorBursts,
    dialect: reactorNetty
  },
  {
    id: "spring-cloud-gateway",
    name: "reactor-netty as Spring Cloud Gateway sets it up",
    artifact: "reactor-netty-http",
    bursts: gatewayBursts,
    dialect: springCloudGateway
  }
]

export const javaPeerNames: ReadonlyArray<string> = systems.map(({ name }) => name)

/** `{a: {b: 1}}` as `a.b=1`. */
const wordsOf = (settings: object, prefix = ""): ReadonlyArray<string> =>
  Object.entries(settings).flatMap(([key, value]) =>
    typeof value === "object" && value !== null ? wordsOf(value, `${prefix}${key}.`) : [`${prefix}${key}=${value}`]
  )

const source = join(import.meta.dirname, "javapeers")

const versionOf = (artifact: string, pom: string): string =>
  new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`).exec(pom)?.[1] ?? "unknown"

/** Builds the program into `folder`; throws where that cannot be done. */
export const buildJavaPeers = (folder: string): ReadonlyArray<Peer> => {
  const output = join(folder, "javapeers")
  execFileSync("mvn", ["-q", "-B", "package", `-Doutput=${output}`], { cwd: source, stdio: "pipe" })
  const classPath = [join(output, "javapeers.jar"), join(output, "lib", "*")].join(delimiter)
  // Each runs for a second or two: starting quickly is worth more than running quickly.
  const java = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classPath, "peers.Main"]
  const pom = readFileSync(join(source, "pom.xml"), "utf8")
  return systems.map(({ artifact, bursts, dialect, id, name }) => ({
    name,
    version: versionOf(artifact, pom),
    bursts,
    itself: (settings) => runProgram("java", [...java, id, ...wordsOf(settings)]),
    reading: (settings) =>
      dialect(id === "spring-cloud-gateway" ? { "spring.cloud.gateway.httpclient": settings } : settings, {
        processorCount: availableParallelism()
      })
  }))
}
