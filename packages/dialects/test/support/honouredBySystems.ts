/**
 * For proxies and Spring's systems a configuration with every key that is honoured, and what each of them sets.
 */
import type { DialectOptions, Knob, KnobValue } from "../../src/index.ts"

export type Values = Partial<Record<Knob, KnobValue>>

export interface Full {
  readonly id: string
  readonly text: string
  readonly values: Values
  /** What holds for some routes only. */
  readonly matches?: Readonly<Record<string, Values>>
  readonly options?: DialectOptions
}

export const honouredBySystems: ReadonlyArray<Full> = [
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
        proxy: {type: SOCKS5, host: p.test, port: 1080}
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
      proxy: "socks5://p.test:1080",
      "tls.verification": "unverified"
    }
  }
]
