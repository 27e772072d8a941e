/**
 * For clients that are set up in code a configuration with every key that is honoured, and what each of them sets.
 */
import type { Full } from "./honouredBySystems.ts"

export const honouredByClients: ReadonlyArray<Full> = [
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
      proxy: p.test:3128
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
      proxy: "p.test:3128",
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
      proxy: p.test:3128
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
      proxy: "p.test:3128",
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
      "DisableKeepAlives": true, "Proxy": "http://p.test:3128", "DisableCompression": true, "TLSClientConfig": {"ServerName": "a.test", "InsecureSkipVerify": true}}`,
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
      proxy: "http://p.test:3128",
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
