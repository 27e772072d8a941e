/**
 * One configuration for each system that says something other than the default by every key that is honoured, and what
 * each of them then sets; and every key that is not honoured, one by one.
 */
import { describe, expect, it } from "vitest"
import {
  type Dialect,
  type DialectOptions,
  dialectOf,
  dialects,
  type Key,
  type Knob,
  type KnobValue
} from "../src/index.ts"
import { matchName } from "../src/Key.ts"
import { writtenIn } from "./support/values.ts"

type Values = Partial<Record<Knob, KnobValue>>

interface Full {
  readonly id: string
  readonly text: string
  readonly values: Values
  /** What holds for some routes only. */
  readonly matches?: Readonly<Record<string, Values>>
  readonly options?: DialectOptions
}

const table: ReadonlyArray<Full> = [
  {
    id: "istio",
    text: `
      host: reviews
      exportTo: ["*"]
      subsets: [{name: v1, labels: {version: v1}}]
      trafficPolicy:
        connectionPool:
          tcp: {maxConnections: 100, connectTimeout: 30ms, maxConnectionDuration: 1h30m, idleTimeout: 10s, tcpKeepalive: {}}
          http: {http1MaxPendingRequests: 5, http2MaxRequests: 10, maxRequestsPerConnection: 2, maxRetries: 3, idleTimeout: 1m, h2UpgradePolicy: DEFAULT, useClientProtocol: false}
        tls: {mode: DISABLE, sni: a.test, insecureSkipVerify: true}
        portLevelSettings: [{port: {number: 80}}]`,
    values: {
      "http.retryBudgetRatio": 0,
      "http.retryBudgetCountMin": 3,
      "tls.serverName": "a.test",
      "tls.verification": "unverified"
    },
    matches: {
      "http*://reviews:*": {
        "pool.connectionsPerRouteMax": 100,
        "pool.connectTimeout": 30,
        "pool.lifetime": 5_400_000,
        "pool.idleTimeout": 60_000,
        "pool.pendingPerRouteMax": 5,
        "pool.activePerRouteMax": 10,
        "pool.usesPerConnectionMax": 2
      }
    }
  },
  {
    id: "istio",
    text: `
      host: reviews
      trafficPolicy:
        connectionPool: {tcp: {idleTimeout: 0s}}
        retryBudget: {percent: 25, minRetryConcurrency: 7, budgetInterval: 0s}`,
    values: { "http.retryBudgetRatio": 0.25, "http.retryBudgetCountMin": 7 },
    matches: { "http*://reviews:*": { "pool.idleTimeout": "never" } }
  },
  {
    id: "envoy",
    text: `
      name: reviews
      connect_timeout: 0.25s
      per_connection_buffer_limit_bytes: 32768
      circuit_breakers:
        thresholds:
        - {priority: DEFAULT, max_connections: 10, max_pending_requests: 0, max_requests: 20, max_retries: 4, max_connection_pools: 5, track_remaining: true}
        per_host_thresholds: [{priority: DEFAULT, max_connections: 4, max_requests: 30}]
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          common_http_protocol_options: {idle_timeout: 30s, max_connection_duration: 600s, max_requests_per_connection: 9, max_stream_duration: 15s}
          explicit_http_config: {http_protocol_options: {}}
          upstream_http_protocol_options: {auto_sni: true}
      upstream_bind_config: {source_address: {address: 10.0.0.1, port_value: 0}}
      transport_socket: {name: tls, typed_config: {sni: a.test}}`,
    values: {
      "pool.name": "reviews",
      "pool.connectTimeout": 250,
      "http.bodyBufferByteCount": 32_768,
      "pool.connectionsMax": 10,
      "pool.connectionsPerRouteMax": 4,
      "pool.pendingMax": 0,
      "pool.pendingPerRouteMax": 0,
      "pool.activeMax": 20,
      "pool.activePerRouteMax": 20,
      "http.retryBudgetRatio": 0,
      "http.retryBudgetCountMin": 4,
      "pool.routesMax": 5,
      "pool.idleTimeout": 30_000,
      "pool.lifetime": 600_000,
      "pool.usesPerConnectionMax": 9,
      "http.requestTimeout": 15_000,
      localAddress: "10.0.0.1",
      "tls.serverName": "a.test"
    }
  },
  {
    id: "envoy",
    text: "{circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 25.0}, min_retry_concurrency: 10}}]}}",
    values: { "http.retryBudgetRatio": 0.25, "http.retryBudgetCountMin": 10 }
  },
  {
    id: "ribbon",
    options: { version: "ribbon" },
    text: `
      ribbon.MaxConnectionsPerHost=60
      ribbon.MaxTotalConnections=300
      ribbon.PoolKeepAliveTime=5
      ribbon.PoolKeepAliveTimeUnits=MINUTES
      ribbon.ConnIdleEvictTimeMilliSeconds=15000
      ribbon.ConnectionCleanerRepeatInterval=1000
      ribbon.ConnectionPoolCleanerTaskEnabled=true
      ribbon.EnableConnectionPool=false
      ribbon.ConnectionManagerTimeout=500
      ribbon.ConnectTimeout=250
      ribbon.ReadTimeout=750
      ribbon.MaxAutoRetries=1
      ribbon.MaxAutoRetriesNextServer=2
      ribbon.StaleCheckingEnabled=true
      ribbon.okhttp.enabled=false
      users.ribbon.listOfServers=a.test:80, b.test
      users.ribbon.MaxConnectionsPerHost=5`,
    values: {
      "pool.connectionsPerRouteMax": 60,
      "pool.connectionsMax": 300,
      "pool.lifetime": 300_000,
      "pool.idleTimeout": 15_000,
      "pool.mode": "disabled",
      "pool.acquireTimeout": 500,
      "pool.connectTimeout": 250,
      "http.responseHeadTimeout": 750,
      "http.bodyIdleTimeout": 750,
      "http.retryCountMax": 5,
      "pool.validateAfterInactivity": 0
    },
    matches: {
      "http*://a.test:80": { "pool.connectionsPerRouteMax": 5 },
      "http*://b.test:*": { "pool.connectionsPerRouteMax": 5 }
    }
  },
  {
    id: "ribbon",
    text: "ribbon.okhttp.enabled=true\nribbon.MaxTotalConnections=30\nribbon.MaxConnectionsPerHost=7",
    values: { "pool.idleMax": 30 }
  },
  {
    id: "zuul",
    text: `
      zuul:
        host: {max-total-connections: 500, maxPerRouteConnections: 40, socket_timeout_millis: 1000, CONNECT-TIMEOUT-MILLIS: 100, connection-request-timeout-millis: 50, time-to-live: 3, time-unit: minutes}
        ssl-hostname-validation-enabled: false`,
    values: {
      "pool.connectionsMax": 500,
      "pool.connectionsPerRouteMax": 40,
      "http.responseHeadTimeout": 1000,
      "http.bodyIdleTimeout": 1000,
      "pool.connectTimeout": 100,
      "pool.acquireTimeout": 50,
      "pool.lifetime": 180_000,
      "tls.verification": "unverified"
    }
  },
  {
    id: "openfeign",
    text: `
      spring.cloud.openfeign:
        httpclient:
          enabled: true
          max-connections: 100
          max-connections-per-route: 20
          time-to-live: 10
          time-to-live-unit: MINUTES
          follow-redirects: false
          disable-ssl-validation: true
          connection-timer-repeat: 1000
          hc5: {enabled: true, pool-concurrency-policy: LAX, pool-reuse-policy: lifo, connection-request-timeout: 2, connection-request-timeout-unit: SECONDS, socket-timeout-unit: SECONDS}
        okhttp.enabled: false
        client.config: {default: {connectTimeout: 1500, readTimeout: 2500}, users: {connect-timeout: 100}}`,
    values: {
      "pool.connectionsMax": "unlimited",
      "pool.connectionsPerRouteMax": 20,
      "pool.lifetime": 600_000,
      "http.redirectCountMax": 0,
      "tls.verification": "unverified",
      "pool.leaseOrder": "lifo",
      "pool.acquireTimeout": 2000,
      "pool.idleTimeout": 180_000,
      "pool.connectTimeout": 1500,
      "http.responseHeadTimeout": 2500,
      "http.bodyIdleTimeout": 2500
    },
    matches: { "http*://users:*": { "pool.connectTimeout": 100 } }
  },
  {
    id: "openfeign",
    text: "feign.okhttp.enabled=true\nfeign.httpclient.max-connections=33\nfeign.httpclient.time-to-live=1\nfeign.httpclient.time-to-live-unit=MINUTES",
    options: { version: "3.1" },
    values: { "pool.idleMax": 33, "pool.idleTimeout": 60_000 }
  },
  {
    id: "spring-cloud-gateway",
    text: `
      spring.cloud.gateway.httpclient:
        connect-timeout: 1000
        response-timeout: 5s
        compression: true
        ssl.use-insecure-trust-manager: true
        pool: {type: fixed, name: edge, max-connections: 64, acquire-timeout: 3000, max-idle-time: PT30S, max-life-time: 60s, eviction-interval: 30s, metrics: true, leasing-strategy: lifo}`,
    values: {
      "pool.mode": "bounded",
      "pool.name": "edge",
      "pool.connectionsPerRouteMax": 64,
      "pool.acquireTimeout": 3000,
      "pool.idleTimeout": 30_000,
      "pool.lifetime": 60_000,
      "pool.leaseOrder": "lifo",
      "pool.connectTimeout": 1000,
      "http.responseHeadTimeout": 5000,
      "http.isDecoding": true,
      "tls.verification": "unverified"
    }
  },
  {
    id: "apache4",
    text: `
      maxConnTotal: 200
      maxConnPerRoute: 20
      maxPerRoute: {"http://a.test:80": 50, "b.test:8080": 3}
      connectionTimeToLive: 30
      connectionTimeToLiveTimeUnit: SECONDS
      validateAfterInactivity: 1000
      connectionRequestTimeout: 500
      connectTimeout: 600
      socketTimeout: 700
      evictExpiredConnections: true
      evictIdleConnections: 5
      evictIdleConnectionsTimeUnit: SECONDS
      retryCount: 2
      localAddress: 10.0.0.1
      redirectsEnabled: true
      maxRedirects: 5
      contentCompressionEnabled: false`,
    values: {
      "pool.connectionsMax": 200,
      "pool.connectionsPerRouteMax": 20,
      "pool.lifetime": 30_000,
      "pool.validateAfterInactivity": 1000,
      "pool.acquireTimeout": 500,
      "pool.connectTimeout": 600,
      "http.responseHeadTimeout": 700,
      "http.bodyIdleTimeout": 700,
      "pool.idleTimeout": 5000,
      "http.retryCountMax": 2,
      localAddress: "10.0.0.1",
      "http.redirectCountMax": 5,
      "http.isDecoding": false
    },
    matches: {
      "http://a.test:80": { "pool.connectionsPerRouteMax": 50 },
      "http*://b.test:8080": { "pool.connectionsPerRouteMax": 3 }
    }
  },
  { id: "apache4", text: "disableAutomaticRetries: true", values: { "http.retryCountMax": 0 } },
  {
    id: "apache5",
    text: `
      maxConnTotal: 100
      maxConnPerRoute: 10
      maxPerRoute: {"https://a.test:443": 50}
      poolConcurrencyPolicy: LAX
      connPoolPolicy: FIFO
      timeToLive: 5m
      connectionKeepAlive: 1m
      idleTimeout: 10s
      validateAfterInactivity: 0
      connectionRequestTimeout: 2s
      connectTimeout: 3s
      socketTimeout: 4s
      responseTimeout: 5s
      evictExpiredConnections: true
      evictIdleConnections: 15s
      "evictIdleConnectionsTimeUnit": MILLISECONDS
      offLockDisposalEnabled: true
      retryCount: 4
      disableAutomaticRetries: false
      localAddress: 10.0.0.1
      redirectsEnabled: false
      maxRedirects: 5
      contentCompressionEnabled: false`,
    values: {
      "pool.connectionsMax": "unlimited",
      "pool.connectionsPerRouteMax": 10,
      "pool.leaseOrder": "fifo",
      "pool.lifetime": 300_000,
      "pool.idleTimeout": 15_000,
      "pool.validateAfterInactivity": 0,
      "pool.acquireTimeout": 2000,
      "pool.connectTimeout": 3000,
      "http.responseHeadTimeout": 5000,
      "http.bodyIdleTimeout": 5000,
      "http.retryCountMax": 4,
      localAddress: "10.0.0.1",
      "http.redirectCountMax": 0,
      "http.isDecoding": false
    },
    matches: { "https://a.test:443": { "pool.connectionsPerRouteMax": 50 } }
  },
  {
    id: "okhttp",
    text: `
      connectionPool: {maxIdleConnections: 2, keepAliveDuration: 30, timeUnit: SECONDS}
      dispatcher: {maxRequests: 8, maxRequestsPerHost: 4}
      connectTimeout: 1000
      readTimeout: 2s
      callTimeout: 3000
      retryOnConnectionFailure: false
      followRedirects: false`,
    values: {
      "pool.idleMax": 2,
      "pool.idleTimeout": 30_000,
      "pool.activeMax": 8,
      "pool.activePerRouteMax": 4,
      "pool.connectTimeout": 1000,
      "http.responseHeadTimeout": 2000,
      "http.bodyIdleTimeout": 2000,
      "http.requestTimeout": 3000,
      "http.retryCountMax": 0,
      "http.redirectCountMax": 0
    }
  },
  {
    id: "reactor-netty",
    text: `
      name: orders
      maxConnections: 50
      pendingAcquireMaxCount: -1
      pendingAcquireTimeout: 5s
      maxIdleTime: PT20S
      maxLifeTime: 60000
      maxLifeTimeVariance: 10
      leasingStrategy: lifo
      evictInBackground: 120s
      disposeTimeout: 3s
      disposeInterval: 30s
      poolInactivity: 60s
      metrics: true
      connectTimeout: 1000
      responseTimeout: 2s
      keepAlive: false
      disableRetry: true
      compress: true
      forRemoteHost: {"a.test:8080": {maxConnections: 5}}`,
    values: {
      "pool.name": "orders",
      "pool.connectionsPerRouteMax": 50,
      "pool.pendingPerRouteMax": "unlimited",
      "pool.acquireTimeout": 5000,
      "pool.idleTimeout": 20_000,
      "pool.lifetime": 60_000,
      "pool.lifetimeJitterRatio": 0.1,
      "pool.leaseOrder": "lifo",
      "pool.shutdownTimeout": 3000,
      "pool.routeIdleTimeout": 60_000,
      "pool.connectTimeout": 1000,
      "http.responseHeadTimeout": 2000,
      "pool.mode": "disabled",
      "http.retryCountMax": 0,
      "http.isDecoding": true
    },
    matches: { "http*://a.test:8080": { "pool.connectionsPerRouteMax": 5 } }
  },
  {
    id: "hikari",
    text: `
      maximumPoolSize=20
      minimumIdle=5
      connectionTimeout=1000
      validationTimeout=500
      idleTimeout=60000
      maxLifetime=120000
      keepaliveTime=30s
      leakDetectionThreshold=2000
      poolName=db
      allowPoolSuspension=true`,
    values: {
      "pool.connectionsMax": 20,
      "pool.connectionsPerRouteMax": 20,
      "pool.idlePerRouteMin": 5,
      "pool.acquireTimeout": 1000,
      "pool.connectTimeout": 1000,
      "pool.validationTimeout": 500,
      "pool.idleTimeout": 60_000,
      "pool.lifetime": 120_000,
      "pool.pingInterval": 30_000,
      "pool.leakThreshold": 2000,
      "pool.name": "db"
    }
  },
  {
    id: "go",
    text: `{"MaxIdleConns": 50, "MaxIdleConnsPerHost": 10, "MaxConnsPerHost": 20, "IdleConnTimeout": 30000000000,
      "ResponseHeaderTimeout": "2s", "ExpectContinueTimeout": 0, "Dialer": {"Timeout": "1s", "LocalAddr": "10.0.0.1"},
      "DisableKeepAlives": true, "DisableCompression": true, "TLSClientConfig": {"ServerName": "a.test", "InsecureSkipVerify": true}}`,
    values: {
      "pool.idleMax": 50,
      "pool.idlePerRouteMax": 10,
      "pool.connectionsPerRouteMax": 20,
      "pool.idleTimeout": 30_000,
      "http.responseHeadTimeout": 2000,
      "http.expectContinueTimeout": 0,
      "pool.connectTimeout": 1000,
      localAddress: "10.0.0.1",
      "pool.mode": "disabled",
      "http.isDecoding": false,
      "tls.serverName": "a.test",
      "tls.verification": "unverified"
    }
  },
  { id: "go", text: `{"MaxIdleConnsPerHost": -1}`, values: { "pool.idlePerRouteMax": 0 } },
  {
    id: "pingora",
    text: `
      upstream_keepalive_pool_size: 16
      max_retries: 2
      client_bind_to_ipv4: [10.0.0.1]
      client_bind_to_ipv6: ["::1"]
      graceful_shutdown_timeout_seconds: 20
      peer: {connection_timeout: 100ms, total_connection_timeout: 1s, read_timeout: 2s, idle_timeout: 60s, verify_cert: false, sni: a.test, bind_to: 10.0.0.2}`,
    values: {
      "pool.idleMax": 16,
      "http.retryCountMax": 2,
      localAddress: "10.0.0.2",
      "pool.shutdownTimeout": 20_000,
      "pool.connectTimeout": 1000,
      "http.responseHeadTimeout": 2000,
      "http.bodyIdleTimeout": 2000,
      "pool.idleTimeout": 60_000,
      "tls.verification": "unverified",
      "tls.serverName": "a.test"
    }
  },
  {
    id: "hyper",
    text: `
      pool_idle_timeout: 10s
      pool_max_idle_per_host: 4
      pool_timer: true
      retry_canceled_requests: false
      http1_max_buf_size: 16384
      connector: {connect_timeout: 5s, local_address: 10.0.0.1}`,
    values: {
      "pool.idleTimeout": 10_000,
      "pool.idlePerRouteMax": 4,
      "http.retryCountMax": 0,
      "http.bodyBufferByteCount": 16_384,
      "pool.connectTimeout": 5000,
      localAddress: "10.0.0.1"
    }
  },
  {
    id: "undici",
    text: `{"connections": 10, "pipelining": 0, "clientTtl": 60000, "keepAliveTimeout": 1000, "keepAliveTimeoutThreshold": 500,
      "headersTimeout": 0, "bodyTimeout": 2000, "connect": {"timeout": 3000, "rejectUnauthorized": false, "servername": "a.test"},
      "maxRequestsPerClient": 100, "maxOrigins": 7, "localAddress": "10.0.0.1"}`,
    values: {
      "pool.connectionsPerRouteMax": 10,
      "pool.mode": "disabled",
      "pool.lifetime": 60_000,
      "pool.idleTimeout": 1000,
      "pool.idleHintMargin": 500,
      "http.responseHeadTimeout": "never",
      "http.bodyIdleTimeout": 2000,
      "pool.connectTimeout": 3000,
      "tls.verification": "unverified",
      "tls.serverName": "a.test",
      "pool.usesPerConnectionMax": 100,
      "pool.routesMax": 7,
      localAddress: "10.0.0.1"
    }
  },
  { id: "undici", text: `{"connectTimeout": 500}`, values: { "pool.connectTimeout": 500 } },
  {
    id: "node-agent",
    text: `{"keepAlive": false, "maxSockets": 10, "maxTotalSockets": 30, "maxFreeSockets": 3, "scheduling": "fifo", "timeout": 0,
      "agentKeepAliveTimeoutBuffer": 500, "localAddress": "10.0.0.1", "rejectUnauthorized": false, "servername": "a.test", "minVersion": "TLSv1.3"}`,
    values: {
      "pool.mode": "disabled",
      "pool.connectionsPerRouteMax": 10,
      "pool.connectionsMax": 30,
      "pool.idlePerRouteMax": 3,
      "pool.leaseOrder": "fifo",
      "pool.idleTimeout": "never",
      "pool.idleHintMargin": 500,
      localAddress: "10.0.0.1",
      "tls.verification": "unverified",
      "tls.serverName": "a.test",
      "tls.minVersion": "TLSv1.3"
    }
  }
]

const dialect = (id: string): Dialect => {
  const found = dialectOf(id)
  if (found === undefined) throw new Error(`no dialect ${id}`)
  return found
}

describe("what is written", () => {
  it.each(table.map((full) => [full.id, full] as const))("means in the words of %s what the table says", (id, full) => {
    const reading = dialect(id)(full.text, { ...full.options })
    expect(writtenIn(reading)).toEqual(full.values)
    for (const [match, values] of Object.entries(full.matches ?? {})) expect(writtenIn(reading, match)).toEqual(values)
  })

  it.each(dialects.map(({ spec }) => [spec.id, spec] as const))(
    "is stated for every key of %s that is honoured",
    (id, spec) => {
      const texts = table.filter((full) => full.id === id).map(({ text }) => text.replaceAll(/[-_]/g, "").toLowerCase())
      const missing = spec.keys.filter((key) => {
        const last = key.name.split(".").findLast((part) => !part.startsWith("*")) ?? ""
        const word = last.replace("[]", "").replaceAll(/[-_]/g, "").toLowerCase()
        return key.loss === undefined && !texts.some((text) => text.includes(word))
      })
      expect(missing.map(({ name }) => name)).toEqual([])
    }
  )
})

/** A value that the key takes, and that asks for something. */
const samplesOf = ({ codec }: Key): ReadonlyArray<unknown> =>
  [true, false, "x", 7, "7", "10s", 10_000, "PT10S", -1].concat(
    codec.expects.replace("one of ", "").split(", ").reverse()
  )

describe("what is not honoured", () => {
  const cases = dialects.flatMap(({ spec }) =>
    spec.keys.flatMap((key) => (key.loss === undefined ? [] : [[spec.id, key.name, key] as const]))
  )

  it.each(cases)("is told in the words of %s: %s", (id, name, key) => {
    const { spec } = dialect(id)
    const path = name.replace(/\.?\*\*$/, ".x").replaceAll("*", "x")
    const told = samplesOf(key).some((sample) => {
      const reading = dialect(id).read(inputFor(id, path, sample))
      if (reading._tag === "Failure") return false
      return reading.success.unmapped.some(({ why }) => why === key.loss?.why)
    })
    expect(told).toBe(true)
    // It is this key's row that answers for its name, and no other.
    expect(spec.keys.find((one) => matchName(one.name, path.split(".")) !== undefined)?.name).toBe(name)
  })
})

const prefixes: Readonly<Record<string, string>> = {
  zuul: "zuul.",
  openfeign: "feign.",
  "spring-cloud-gateway": "spring.cloud.gateway.httpclient."
}

/** An object with one value, where the dialect looks for it. */
const inputFor = (id: string, path: string, value: unknown): object => {
  const steps = `${prefixes[id] ?? ""}${path}`.split(".")
  if (id === "istio") {
    const isRoot = ["exportTo[]", "workloadSelector"].some((root) => path.startsWith(root))
    return { host: "a", ...nest(isRoot ? steps : ["trafficPolicy", ...steps], value) }
  }
  return Object.assign({}, nest(steps, value))
}

const nest = ([first = "", ...rest]: ReadonlyArray<string>, value: unknown): object => {
  const inner = rest.length === 0 ? value : nest(rest, value)
  return first.endsWith("[]") ? { [first.slice(0, -2)]: [inner] } : { [first]: inner }
}
