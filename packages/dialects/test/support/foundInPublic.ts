/**
 * Configurations as they stand in public documentation and repositories, typed anew, with what each means here.
 */
import type { DialectOptions, Knob, KnobValue } from "../../src/index.ts"

type Values = Partial<Record<Knob, KnobValue>>

export interface Found {
  readonly where: string
  readonly id: string
  readonly text: string
  readonly file?: string
  readonly options?: DialectOptions
  readonly values?: Values
  readonly match?: string
  readonly matched?: Values
  /** The last parts of the keys that are not carried over. */
  readonly lost?: ReadonlyArray<string>
}

const rule = (spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: a\nspec:\n${spec}`

export const foundInPublic: ReadonlyArray<Found> = [
  {
    where: "Istio's task on circuit breaking: httpbin",
    id: "istio",
    text: rule(`  host: httpbin
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 1}
      http: {http1MaxPendingRequests: 1, maxRequestsPerConnection: 1}
    outlierDetection: {consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 3m, maxEjectionPercent: 100}`),
    match: "http*://httpbin:*",
    matched: { "pool.connectionsPerRouteMax": 1, "pool.pendingPerRouteMax": 1, "pool.usesPerConnectionMax": 1 },
    lost: ["consecutive5xxErrors", "interval", "baseEjectionTime", "maxEjectionPercent"]
  },
  {
    where: "Istio's reference, ConnectionPoolSettings: bookinfo-redis",
    id: "istio",
    text: rule(`  host: myredissrv.prod.svc.cluster.local
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 100, connectTimeout: 30ms, tcpKeepalive: {time: 7200s, interval: 75s}}`),
    match: "http*://myredissrv.prod.svc.cluster.local:*",
    matched: { "pool.connectionsPerRouteMax": 100, "pool.connectTimeout": 30 },
    lost: ["time", "interval"]
  },
  {
    where: "Istio's reference, OutlierDetection: reviews-cb-policy",
    id: "istio",
    text: rule(`  host: reviews.prod.svc.cluster.local
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 100}
      http: {http2MaxRequests: 1000, maxRequestsPerConnection: 10}
    outlierDetection: {consecutive5xxErrors: 7, interval: 5m, baseEjectionTime: 15m}`),
    match: "http*://reviews.prod.svc.cluster.local:*",
    matched: { "pool.connectionsPerRouteMax": 100, "pool.activePerRouteMax": 1000, "pool.usesPerConnectionMax": 10 },
    lost: ["consecutive5xxErrors", "interval", "baseEjectionTime"]
  },
  {
    where: "Istio's reference, DestinationRule: bookinfo-ratings-port",
    id: "istio",
    text: rule(`  host: ratings.prod.svc.cluster.local
  trafficPolicy:
    portLevelSettings:
    - {port: {number: 80}, loadBalancer: {simple: LEAST_REQUEST}}
    - {port: {number: 9080}, loadBalancer: {simple: ROUND_ROBIN}}`),
    lost: ["simple", "simple"]
  },
  {
    where: "Istio's reference, ClientTLSSettings: an external service over TLS",
    id: "istio",
    text: rule("  host: '*.foo.com'\n  trafficPolicy: {tls: {mode: SIMPLE}}"),
    lost: ["mode"]
  },
  {
    where: "the published experiment of npm start: service-go",
    id: "istio",
    text: rule(`  host: service-go
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 10, connectTimeout: 30ms}
      http: {http2MaxRequests: 10, http1MaxPendingRequests: 5, maxRequestsPerConnection: 2, maxRetries: 3}`),
    match: "http*://service-go:*",
    matched: {
      "pool.connectionsPerRouteMax": 10,
      "pool.connectTimeout": 30,
      "pool.activePerRouteMax": 10,
      "pool.pendingPerRouteMax": 5,
      "pool.usesPerConnectionMax": 2
    },
    values: { "http.retryBudgetRatio": 0, "http.retryBudgetCountMin": 3 }
  },
  {
    where: "Envoy's FAQ on switching circuit breaking off",
    id: "envoy",
    text: `
circuit_breakers:
  thresholds:
  - {priority: DEFAULT, max_connections: 1000000000, max_pending_requests: 1000000000, max_requests: 1000000000, max_retries: 1000000000}
  - {priority: HIGH, max_connections: 1000000000, max_pending_requests: 1000000000, max_requests: 1000000000, max_retries: 1000000000}`,
    values: {
      "pool.connectionsMax": 1_000_000_000,
      "pool.connectionsPerRouteMax": 1_000_000_000,
      "pool.pendingMax": 1_000_000_000,
      "pool.pendingPerRouteMax": 1_000_000_000,
      "pool.activeMax": 1_000_000_000,
      "pool.activePerRouteMax": 1_000_000_000,
      "http.retryBudgetRatio": 0,
      "http.retryBudgetCountMin": 100_000
    },
    lost: ["priority", "max_connections", "max_pending_requests", "max_requests", "max_retries"]
  },
  {
    where: "Envoy's documentation of the retry budget",
    id: "envoy",
    text: "circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 25.0}, min_retry_concurrency: 10}}]}",
    values: { "http.retryBudgetRatio": 0.25, "http.retryBudgetCountMin": 10 }
  },
  {
    where: "Envoy's best practices at the edge: service_foo",
    id: "envoy",
    text: `
static_resources:
  clusters:
  - name: service_foo
    per_connection_buffer_limit_bytes: 32768
    load_assignment: {cluster_name: some_service}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {initial_stream_window_size: 65536, initial_connection_window_size: 1048576}`,
    values: { "pool.name": "service_foo", "http.bodyBufferByteCount": 32_768 },
    lost: ["cluster_name", "initial_stream_window_size", "initial_connection_window_size"]
  },
  {
    where: "Envoy's quick start: service_envoyproxy_io",
    id: "envoy",
    text: `
static_resources:
  clusters:
  - name: service_envoyproxy_io
    type: LOGICAL_DNS
    dns_lookup_family: V4_ONLY
    connect_timeout: 5s
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: www.envoyproxy.io`,
    values: {
      "pool.name": "service_envoyproxy_io",
      "pool.connectTimeout": 5000,
      "tls.serverName": "www.envoyproxy.io"
    },
    lost: ["type", "dns_lookup_family", "name"]
  },
  {
    where: "Ribbon's example: sample-client.properties",
    id: "ribbon",
    file: "sample-client.properties",
    text: `
sample-client.ribbon.MaxAutoRetries=1
sample-client.ribbon.MaxAutoRetriesNextServer=1
sample-client.ribbon.OkToRetryOnAllOperations=true
sample-client.ribbon.ServerListRefreshInterval=2000
sample-client.ribbon.ConnectTimeout=3000
sample-client.ribbon.ReadTimeout=3000
sample-client.ribbon.listOfServers=a.test:80,b.test:80`,
    match: "http*://b.test:80",
    matched: { "pool.connectTimeout": 3000 },
    lost: ["OkToRetryOnAllOperations", "ServerListRefreshInterval", "MaxAutoRetriesNextServer", "ReadTimeout"]
  },
  {
    where: "Spring Cloud Netflix's reference: stores without Eureka",
    id: "ribbon",
    text: "stores:\n  ribbon:\n    listOfServers: example.com,google.com\nribbon:\n  eureka:\n    enabled: false",
    lost: ["enabled"]
  },
  {
    where: "Spring Cloud Netflix's reference: a rule for one client",
    id: "ribbon",
    text: "users:\n  ribbon:\n    NIWSServerListClassName: com.netflix.loadbalancer.ConfigurationBasedServerList\n    NFLoadBalancerRuleClassName: com.netflix.loadbalancer.WeightedResponseTimeRule",
    lost: ["NIWSServerListClassName", "NFLoadBalancerRuleClassName"]
  },
  {
    where: "a gateway whose slow calls were reported: 50 for a host, 200 in all",
    id: "ribbon",
    text: "ribbon:\n  MaxConnectionsPerHost: 50\n  MaxTotalConnections: 200\n  ConnectTimeout: 1000\n  ReadTimeout: 10000",
    values: {
      "pool.connectionsPerRouteMax": 50,
      "pool.connectionsMax": 200,
      "pool.connectTimeout": 1000,
      "http.responseHeadTimeout": 10_000,
      "http.bodyIdleTimeout": 10_000
    }
  },
  {
    where: "Spring Cloud Netflix's reference: Zuul's timeouts and connections",
    id: "zuul",
    text: "zuul:\n  host:\n    max-total-connections: 200\n    max-per-route-connections: 20\n    connect-timeout-millis: 60000\n    socket-timeout-millis: 60000\n  routes:\n    users: /myusers/**",
    values: {
      "pool.connectionsMax": 200,
      "pool.connectionsPerRouteMax": 20,
      "pool.connectTimeout": 60_000,
      "http.responseHeadTimeout": 60_000,
      "http.bodyIdleTimeout": 60_000
    },
    lost: ["users"]
  },
  {
    where: "Spring Cloud OpenFeign's reference: the default client's timeouts",
    id: "openfeign",
    text: "spring:\n  cloud:\n    openfeign:\n      client:\n        config:\n          default:\n            connectTimeout: 5000\n            readTimeout: 5000\n            loggerLevel: basic",
    values: { "pool.connectTimeout": 5000, "http.responseHeadTimeout": 5000, "http.bodyIdleTimeout": 5000 },
    lost: ["loggerLevel"]
  },
  {
    where: "a service on Feign with Apache's client tuned",
    id: "openfeign",
    file: "application.properties",
    options: { version: "3.1" },
    text: "feign.httpclient.enabled=true\nfeign.httpclient.max-connections=500\nfeign.httpclient.max-connections-per-route=100\nfeign.httpclient.connection-timeout=2000",
    values: { "pool.connectionsMax": 500, "pool.connectionsPerRouteMax": 100 },
    lost: ["connection-timeout"]
  },
  {
    where: "a service on Feign with OkHttp: the route's limit does nothing",
    id: "openfeign",
    options: { version: "3.1" },
    text: "feign:\n  okhttp:\n    enabled: true\n  httpclient:\n    max-connections: 400\n    max-connections-per-route: 100",
    values: { "pool.idleMax": 400 }
  },
  {
    where: "Spring Cloud Gateway's reference: timeouts for all routes",
    id: "spring-cloud-gateway",
    text: "spring:\n  cloud:\n    gateway:\n      httpclient:\n        connect-timeout: 1000\n        response-timeout: 5s",
    values: { "pool.connectTimeout": 1000, "http.responseHeadTimeout": 5000 }
  },
  {
    where: "Spring Cloud Gateway's reference: any certificate",
    id: "spring-cloud-gateway",
    text: "spring:\n  cloud:\n    gateway:\n      httpclient:\n        ssl:\n          useInsecureTrustManager: true",
    values: { "tls.verification": "unverified" }
  },
  {
    where: "Spring Cloud Gateway against prematurely closed connections: an idle time, latest used first",
    id: "spring-cloud-gateway",
    text: "spring.cloud.gateway.httpclient.pool:\n  type: FIXED\n  maxConnections: 1000\n  acquireTimeout: 5000\n  maxIdleTime: 10s\n  leasing-strategy: lifo",
    values: {
      "pool.mode": "bounded",
      "pool.connectionsPerRouteMax": 1000,
      "pool.acquireTimeout": 5000,
      "pool.idleTimeout": 10_000,
      "pool.leaseOrder": "lifo"
    }
  },
  {
    where: "Apache HttpClient 4.5's tutorial: 200 in all, 20 for a route, 50 for localhost",
    id: "apache4",
    text: 'maxTotal: 200\ndefaultMaxPerRoute: 20\nmaxPerRoute: {"http://localhost:80": 50}',
    values: { "pool.connectionsMax": 200, "pool.connectionsPerRouteMax": 20 },
    match: "http://localhost:80",
    matched: { "pool.connectionsPerRouteMax": 50 }
  },
  {
    where: "Apache HttpClient 5's example of client configuration",
    id: "apache5",
    text: 'maxTotal: 100\ndefaultMaxPerRoute: 10\nmaxPerRoute: {"http://somehost:80": 20}\nconnectTimeout: 30s\nsocketTimeout: 30s\nvalidateAfterInactivity: 10s\ntimeToLive: 1h\nconnectionRequestTimeout: 3s',
    values: {
      "pool.connectionsMax": 100,
      "pool.connectionsPerRouteMax": 10,
      "pool.connectTimeout": 30_000,
      "http.responseHeadTimeout": 30_000,
      "http.bodyIdleTimeout": 30_000,
      "pool.validateAfterInactivity": 10_000,
      "pool.lifetime": 3_600_000,
      "pool.acquireTimeout": 3000
    },
    match: "http://somehost:80",
    matched: { "pool.connectionsPerRouteMax": 20 }
  },
  {
    where: "OkHttp's recipe for timeouts",
    id: "okhttp",
    text: "connectTimeout: 5s\nwriteTimeout: 5s\nreadTimeout: 5s\ncallTimeout: 10s",
    values: {
      "pool.connectTimeout": 5000,
      "http.responseHeadTimeout": 5000,
      "http.bodyIdleTimeout": 5000,
      "http.requestTimeout": 10_000
    },
    lost: ["writeTimeout"]
  },
  {
    where: "OkHttp with nothing kept: new ConnectionPool(0, 1, NANOSECONDS)",
    id: "okhttp",
    text: "connectionPool: {maxIdleConnections: 0, keepAliveDuration: 1, timeUnit: NANOSECONDS}",
    values: { "pool.idleMax": 0, "pool.idleTimeout": 0.000001 }
  },
  {
    where: "reactor-netty's reference: a provider of one's own",
    id: "reactor-netty",
    text: "name: custom\nmaxConnections: 50\nmaxIdleTime: 20s\nmaxLifeTime: 60s\npendingAcquireTimeout: 60s\nevictInBackground: 120s",
    values: {
      "pool.name": "custom",
      "pool.connectionsPerRouteMax": 50,
      "pool.idleTimeout": 20_000,
      "pool.lifetime": 60_000,
      "pool.acquireTimeout": 60_000
    }
  },
  {
    where: "HikariCP's README: properties for MySQL",
    id: "hikari",
    file: "hikari.properties",
    text: "jdbcUrl=jdbc:mysql://localhost:3306/simpsons\nusername=bart\npassword=51mp50n\ndataSource.cachePrepStmts=true\ndataSource.prepStmtCacheSize=250\nmaximumPoolSize=10",
    values: { "pool.connectionsMax": 10, "pool.connectionsPerRouteMax": 10 },
    lost: ["jdbcUrl", "username", "password", "cachePrepStmts", "prepStmtCacheSize"]
  },
  {
    where: "a Spring Boot service's data source",
    id: "hikari",
    text: "spring:\n  datasource:\n    url: jdbc:postgresql://db/app\n    hikari:\n      connection-timeout: 20000\n      minimum-idle: 5\n      maximum-pool-size: 12\n      idle-timeout: 300000\n      max-lifetime: 1200000\n      auto-commit: true",
    values: {
      "pool.acquireTimeout": 20_000,
      "pool.connectTimeout": 20_000,
      "pool.idlePerRouteMin": 5,
      "pool.connectionsMax": 12,
      "pool.connectionsPerRouteMax": 12,
      "pool.idleTimeout": 300_000,
      "pool.lifetime": 1_200_000
    },
    lost: ["auto-commit"]
  },
  {
    where: "Go's documentation of net/http: a Transport",
    id: "go",
    options: { version: "Transport{}" },
    text: '{"MaxIdleConns": 10, "IdleConnTimeout": 30000000000, "DisableCompression": true}',
    values: { "pool.idleMax": 10, "pool.idleTimeout": 30_000, "http.isDecoding": false }
  },
  {
    where: "a Go service that keeps more than two for a host",
    id: "go",
    text: '{"MaxIdleConns": 100, "MaxConnsPerHost": 100, "MaxIdleConnsPerHost": 100, "TLSHandshakeTimeout": "10s"}',
    values: { "pool.idleMax": 100, "pool.connectionsPerRouteMax": 100, "pool.idlePerRouteMax": 100 },
    lost: ["TLSHandshakeTimeout"]
  },
  {
    where: "Pingora's user guide: conf.yaml",
    id: "pingora",
    text: "---\nversion: 1\nthreads: 2\npid_file: /run/pingora.pid\nerror_log: /var/log/pingora_error.log\nupgrade_sock: /tmp/pingora.sock",
    lost: ["version", "threads", "pid_file", "error_log", "upgrade_sock"]
  },
  {
    where: "Pingora's own test of its configuration",
    id: "pingora",
    text: "version: 1\nclient_bind_to_ipv4:\n  - 1.2.3.4\n  - 5.6.7.8\nclient_bind_to_ipv6: []",
    values: { localAddress: "5.6.7.8" },
    lost: ["version"]
  },
  {
    where: "hyper-util's documentation of its builder",
    id: "hyper",
    text: "pool_idle_timeout: 30s\nhttp2_only: true",
    values: { "pool.idleTimeout": 30_000 },
    lost: ["http2_only"]
  },
  {
    where: "undici's guide to writing tests",
    id: "undici",
    text: '{"keepAliveTimeout": 10, "keepAliveMaxTimeout": 10}',
    values: { "pool.idleTimeout": 10 },
    lost: ["keepAliveMaxTimeout"]
  },
  {
    where: "the AWS SDK's guide to its HTTP agent",
    id: "node-agent",
    text: '{"keepAlive": true, "maxSockets": 25}',
    values: { "pool.connectionsPerRouteMax": 25 }
  }
]
