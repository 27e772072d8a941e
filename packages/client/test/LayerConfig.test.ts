/**
 * The layer configured by Effect's `ConfigProvider`.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ClientConfig, WeirClient, WeirHttpClient } from "@weir/client"
import { poolDefaults, routeDefaults } from "@weir/core"
import { NodeConnector } from "@weir/node"
import { Cause, ConfigProvider, Effect, Exit, Layer } from "effect"
import { HttpClient } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { readClientConfig } from "../src/ConfigReading.ts"
import { echo, makeHttpServer } from "./support/HttpServer.ts"

expectNothingLeft()

const read = (provider: ConfigProvider.ConfigProvider, path: ReadonlyArray<string> = ["weir"]) =>
  readClientConfig(path).pipe(Effect.provide(ConfigProvider.layer(provider)))

const env = (variables: Record<string, string>) => ConfigProvider.fromEnv({ env: variables })

const problemsOf = (provider: ConfigProvider.ConfigProvider) =>
  Effect.map(Effect.exit(read(provider)), (exit) => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "none"))

describe("a configuration", () => {
  it.live("is read from variables, each as the kind of value that its key takes", () =>
    Effect.map(
      read(
        env({
          PATH: "/bin",
          WEIR_POOL_NAME: "7",
          WEIR_POOL_CONNECTIONS_PER_ROUTE_MAX: "10",
          WEIR_POOL_CONNECTIONS_MAX: "unlimited",
          WEIR_POOL_ACQUIRE_TIMEOUT: "2 seconds",
          WEIR_POOL_IDLE_TIMEOUT: "1500",
          WEIR_POOL_IS_IDLE_LEARNED: "false",
          WEIR_POOL_OVERRIDES_0_MATCH: "http://*.internal:*",
          WEIR_POOL_OVERRIDES_0_CONNECTIONS_PER_ROUTE_MAX: "3",
          WEIR_POOL_OVERRIDES_1_MATCH: "http://b.test:80",
          WEIR_HTTP_LIMITS_HEADER_COUNT_MAX: "50",
          WEIR_TLS_CA: "PEM",
          WEIR_LOCAL_ADDRESS: "127.0.0.1"
        })
      ),
      (config) => {
        const expected: ClientConfig = {
          pool: {
            name: "7",
            connectionsPerRouteMax: 10,
            connectionsMax: "unlimited",
            acquireTimeout: "2 seconds",
            idleTimeout: 1500,
            isIdleLearned: false,
            overrides: [{ match: "http://*.internal:*", connectionsPerRouteMax: 3 }, { match: "http://b.test:80" }]
          },
          http: { limits: { headerCountMax: 50 } },
          tls: { ca: ["PEM"] },
          localAddress: "127.0.0.1"
        }
        assert.deepStrictEqual(config, expected)
      }
    )
  )

  it.live("is read from nested values, and below another path", () =>
    Effect.gen(function* () {
      const config = { pool: { connectionsPerRouteMax: 4 }, tls: { ca: ["a", "b"] } }
      assert.deepStrictEqual(yield* read(ConfigProvider.fromUnknown({ weir: config })), config)
      const below = { services: { billing: config } }
      assert.deepStrictEqual(yield* read(ConfigProvider.fromUnknown(below), ["services", "billing"]), config)
      const nested = ConfigProvider.nested(env({ APP_WEIR_POOL_PENDING_MAX: "5" }), "APP")
      assert.deepStrictEqual(yield* read(nested), { pool: { pendingMax: 5 } })
    })
  )

  it.live("can name proxies by a text, or by their parts", () =>
    Effect.gen(function* () {
      const variables = {
        WEIR_PROXY: "environment",
        WEIR_PROXIES_0_MATCH: "http://*.test:*",
        WEIR_PROXIES_0_PROXY_URL: "http://proxy.test:3128",
        WEIR_PROXIES_1_MATCH: "*",
        WEIR_PROXIES_1_PROXY: "direct"
      }
      assert.deepStrictEqual(yield* read(env(variables)), {
        proxy: "environment",
        proxies: [
          { match: "http://*.test:*", proxy: { url: "http://proxy.test:3128" } },
          { match: "*", proxy: "direct" }
        ]
      })
    })
  )

  it.live("is the default where nothing is said", () =>
    Effect.map(read(env({ PATH: "/bin" })), (config) => assert.deepStrictEqual(config, {}))
  )

  it.live("can have every knob of the pool from a variable", () =>
    Effect.gen(function* () {
      for (const [key, value] of Object.entries({ ...poolDefaults, ...routeDefaults })) {
        const text = typeof value === "object" ? "1 second" : String(value)
        const variable = `WEIR_POOL_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
        const { pool } = yield* read(env({ [variable]: text }))
        assert.deepStrictEqual(pool, { [key]: typeof value === "object" ? "1 second" : value }, variable)
      }
    })
  )

  for (const [what, variables, expected] of [
    [
      "a misspelt variable",
      { WEIR_POOL_CONNECTIONS_PER_ROUTE_MX: "1" },
      /weir\.POOL\.CONNECTIONS\.PER\.ROUTE\.MX: unknown key; did you mean pool\.connectionsPerRouteMax\?/i
    ],
    ["a variable of nothing", { WEIR_QUUX_BAR_BAZ: "1" }, /weir\.QUUX\.BAR\.BAZ: unknown key$/im],
    [
      "a value that cannot be",
      { WEIR_POOL_CONNECTIONS_MAX: "many" },
      /weir\.pool\.connectionsMax: must be a whole number/
    ],
    ["a text for a section", { WEIR_POOL: "big" }, /weir\.pool: Expected object/],
    [
      "a contradiction and a slip, at once",
      { WEIR_HTTP_RETRY_COUNT_MAX: "-1", WEIR_HTP_LIMITS: "1" },
      /weir\.HTP\.LIMITS: unknown key[\s\S]*weir\.http\.retryCountMax/i
    ]
  ] as const) {
    it.live(`is refused with its path, and the nearest key: ${what}`, () =>
      Effect.map(problemsOf(env(variables)), (text) => assert.match(text, expected))
    )
  }

  it.live("names a misspelt key of nested values", () =>
    Effect.map(problemsOf(ConfigProvider.fromUnknown({ weir: { pool: { idleTimout: 1 } } })), (text) =>
      assert.match(text, /weir\.pool\.idleTimout: unknown key; did you mean pool\.idleTimeout\?/)
    )
  )

  it.live("that cannot be read fails as the source does", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "no such file" })))
      const error = yield* Effect.flip(read(broken))
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, "no such file")
    })
  )
})

describe("layerConfig", () => {
  const provided = (variables: Record<string, string>) =>
    WeirHttpClient.layerConfig().pipe(
      Layer.provide(NodeConnector.layer),
      Layer.provide(ConfigProvider.layer(env(variables)))
    )

  it.live("makes a client that has what was configured", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* makeHttpServer(echo)
        yield* Effect.gen(function* () {
          yield* Effect.flatMap(HttpClient.get(url), (response) => response.text)
          const { pool } = yield* WeirClient
          assert.strictEqual((yield* pool.stats).connections.limit, 7)
        }).pipe(Effect.provide(provided({ WEIR_POOL_CONNECTIONS_MAX: "7" })))
      })
    )
  )

  it.live("fails as a layer where the configuration cannot be used", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(Effect.void, provided({ WEIR_POOL_CONNECTIONS_MAX: "0" })))
      assert.strictEqual(error._tag, "PoolConfigError")
    })
  )
})
