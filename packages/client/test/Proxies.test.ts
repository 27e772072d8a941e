/**
 * Calls through proxies: what the proxy is told, what the origin is told, and what nobody is.
 */
import { createServer as createTlsServer } from "node:https"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { type ClientConfig, type ClientRequest, emptyBody, WeirClient, type WeirClientService } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { ConfigProvider, Effect, Fiber, Layer, Metric, Stream } from "effect"
import { listening, silentServer } from "../../../test/support/Listening.ts"
import { makeOrigin } from "../src/Origin.ts"
import { parseProxy } from "../src/ProxySettings.ts"
import { makeCertificates } from "./support/Certificates.ts"
import { echo, makeHttpServer } from "./support/HttpServer.ts"
import { makeProxyServer } from "./support/ProxyServer.ts"

const certificates = makeCertificates()

/** A client that is closed before the servers that the steps have made. */
const withClient = <A>(
  config: ClientConfig,
  steps: (client: WeirClientService) => Generator<Effect.Effect<unknown, unknown>, A, never>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const layer = Layer.provide(WeirClient.layer(config), NodeConnector.layer)
      return yield* Effect.provide(
        Effect.flatMap(WeirClient, (client) => Effect.gen(() => steps(client))),
        layer
      )
    })
  )

const call = (client: WeirClientService, url: string, fields: Partial<ClientRequest> = {}) =>
  Effect.gen(function* () {
    const { pathname, search } = new URL(url)
    const origin = yield* client.origin(new URL(url))
    const target = `${pathname}${search}`
    const request: ClientRequest = { origin, method: "GET", target, headers: [], body: emptyBody, ...fields }
    const response = yield* client.execute(request)
    return { status: response.status, text: yield* response.text, connection: response.connection }
  })

describe("a plain request through an HTTP proxy", () => {
  it.live("is forwarded by its whole URI, and tells the origin nothing of the proxy's user", () =>
    Effect.gen(function* () {
      const server = yield* makeHttpServer(echo)
      const proxy = yield* makeProxyServer("ann:secret")
      yield* withClient({ proxy: `http://ann:secret@127.0.0.1:${proxy.port}` }, function* (client) {
        const { text } = yield* call(client, `http://a.test:${server.port}/path?q=1`)
        const seen = JSON.parse(text)
        assert.strictEqual(seen.url, "/path?q=1")
        assert.strictEqual(seen.headers.host, `a.test:${server.port}`)
      })
      const [[line, headers] = []] = proxy.heard
      assert.strictEqual(line, `GET http://a.test:${server.port}/path?q=1`)
      assert.strictEqual(headers?.host, `a.test:${server.port}`)
      assert.strictEqual(headers?.["proxy-authorization"], `Basic ${btoa("ann:secret")}`)
    })
  )

  it.live("shares connections with others to its origin, and with no other origin", () =>
    Effect.gen(function* () {
      const server = yield* makeHttpServer(echo)
      const proxy = yield* makeProxyServer()
      yield* withClient({ proxy: `127.0.0.1:${proxy.port}` }, function* (client) {
        for (const host of ["a.test", "a.test", "b.test"]) yield* call(client, `http://${host}:${server.port}/`)
      })
      assert.strictEqual(proxy.heard.length, 3)
      assert.strictEqual(proxy.connectionCount, 2)
    })
  )

  it.live("gives the caller the proxy's own answers, such as 407", () =>
    Effect.gen(function* () {
      const proxy = yield* makeProxyServer("ann:secret")
      yield* withClient({ proxy: `http://127.0.0.1:${proxy.port}` }, function* (client) {
        assert.strictEqual((yield* call(client, "http://a.test/")).status, 407)
      })
    })
  )

  it.live("goes through a tunnel where it asks for another protocol", () =>
    Effect.gen(function* () {
      const answer = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
      const server = yield* makeHttpServer(() => {})
      server.server.on("upgrade", (_request, socket) => socket.end(answer))
      const proxy = yield* makeProxyServer()
      yield* withClient({ proxy: `http://127.0.0.1:${proxy.port}` }, function* (client) {
        const origin = yield* client.origin(new URL(`http://a.test:${server.port}/`))
        const headers = ["Upgrade", "x"]
        const request = { origin, method: "GET", target: "/", headers, body: emptyBody, isUpgrade: true }
        const response = yield* client.execute(request)
        assert.strictEqual(response.status, 101)
        response.upgraded?.close()
      })
      assert.deepStrictEqual(
        proxy.heard.map(([line]) => line),
        [`CONNECT a.test:${server.port}`]
      )
    })
  )

  it("is told of the whole server by a URI without a path", () => {
    const proxy = parseProxy("proxy.test")
    const uriOf = (host: string, port: number) =>
      makeOrigin(false, host, port, host, {
        tls: undefined,
        localAddress: undefined,
        proxyFor: () => (typeof proxy === "string" ? undefined : proxy)
      }).forwarding?.uri
    assert.strictEqual(uriOf("a.test", 80), "http://a.test")
    assert.strictEqual(uriOf("::1", 80), "http://[::1]")
    assert.strictEqual(uriOf("::1", 81), "http://[::1]:81")
  })
})

describe("a secure request through an HTTP proxy", () => {
  it.live("goes through a tunnel, of which the origin hears nothing", () =>
    Effect.gen(function* () {
      const server = createTlsServer(certificates.server, echo)
      const port = yield* listening(server)
      const proxy = yield* makeProxyServer("ann:secret")
      const config = { proxy: `http://ann:secret@127.0.0.1:${proxy.port}`, tls: { ca: [certificates.ca] } }
      yield* withClient(config, function* (client) {
        for (let count = 0; count < 2; count++) {
          const { connection, text } = yield* call(client, `https://a.test:${port}/path`)
          assert.notProperty(JSON.parse(text).headers, "proxy-authorization")
          assert.strictEqual(connection.proxy, `http://127.0.0.1:${proxy.port}`)
          assert.isTrue(connection.tls?.isVerified)
        }
      })
      assert.strictEqual(proxy.heard.length, 1)
      const [[line, headers] = []] = proxy.heard
      assert.strictEqual(line, `CONNECT a.test:${port}`)
      assert.strictEqual(headers?.["proxy-authorization"], `Basic ${btoa("ann:secret")}`)
    })
  )

  it.live("that is refused was never sent, and names the proxy, the status and no secret, wherever it is told", () =>
    Effect.gen(function* () {
      const proxy = yield* makeProxyServer("ann:secret")
      const told: Array<unknown> = []
      const config = { proxy: `http://uncle-bob:hidden@127.0.0.1:${proxy.port}`, http: { retryCountMax: 0 } }
      yield* withClient(config, function* (client) {
        const events = yield* Effect.forkChild(
          Stream.runForEach(client.pool.events, (event) => Effect.sync(() => told.push(event))),
          { startImmediately: true }
        )
        const error = yield* Effect.flip(call(client, "https://a.test/"))
        assert.strictEqual(error.retry, "always")
        assert.include(
          error.message,
          `a.test:443 via http://127.0.0.1:${proxy.port}: proxy: the proxy answered CONNECT with 407`
        )
        const cause = error.reason._tag === "NoConnection" ? error.reason.error.cause : undefined
        assert.propertyVal(cause, "reason", "ProxyRefused")
        assert.propertyVal(cause, "proxyStatus", 407)
        const origin = yield* client.origin(new URL("https://a.test/"))
        told.push(error, error.message, origin.route.label, yield* client.pool.stats)
        told.push(yield* client.pool.explain(origin.route), yield* Metric.snapshot)
        yield* Fiber.interrupt(events)
      })
      assert.isAtLeast(told.length, 7)
      const text = told.map((each) => inspect(each, { depth: 20 })).join("\n") + JSON.stringify(told)
      assert.include(text, "127.0.0.1")
      for (const secret of ["uncle-bob", "hidden", btoa("uncle-bob:hidden")]) assert.notInclude(text, secret)
    })
  )

  it.live("to a proxy that is silent ends by connectTimeout, in the phase proxy", () =>
    Effect.gen(function* () {
      const port = yield* listening(silentServer())
      const config = { proxy: `http://127.0.0.1:${port}`, pool: { connectTimeout: "100 millis" } } as const
      yield* withClient(config, function* (client) {
        const error = yield* Effect.flip(call(client, "https://a.test/"))
        assert.include(error.message, "connect not finished within 100 ms (connectTimeout), in phase proxy")
      })
    })
  )
})

describe("a request through any proxy", () => {
  it.live("is not sent with a Proxy-Authorization of the caller's", () =>
    withClient({ proxy: "socks5h://127.0.0.1:1" }, function* (client) {
      const error = yield* Effect.flip(call(client, "http://a.test/", { headers: ["proxy-Authorization", "Basic x"] }))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.strictEqual(error.retry, "never")
    })
  )

  it.live("uses the proxy of the first pattern that matches, else the client's", () =>
    Effect.gen(function* () {
      const server = yield* makeHttpServer(echo)
      const general = yield* makeProxyServer()
      const special = yield* makeProxyServer()
      const proxies = [
        { match: `http://127.0.0.1:${server.port}`, proxy: "direct" },
        { match: "http://*.b.test:*", proxy: { url: `http://127.0.0.1:${special.port}` } }
      ]
      yield* withClient({ proxy: `http://127.0.0.1:${general.port}`, proxies }, function* (client) {
        for (const host of ["127.0.0.1", "a.test", "x.b.test"]) yield* call(client, `http://${host}:${server.port}/`)
      })
      assert.deepStrictEqual(
        general.heard.map(([line]) => line),
        [`GET http://a.test:${server.port}/`]
      )
      assert.deepStrictEqual(
        special.heard.map(([line]) => line),
        [`GET http://x.b.test:${server.port}/`]
      )
    })
  )

  it.live("uses the environment's proxies only when it is told to", () =>
    Effect.gen(function* () {
      const server = yield* makeHttpServer(echo)
      const proxy = yield* makeProxyServer()
      const provider = ConfigProvider.fromEnv({ env: { HTTP_PROXY: `127.0.0.1:${proxy.port}`, NO_PROXY: "b.test" } })
      const visit = (config: ClientConfig, url: string) =>
        withClient(config, function* (client) {
          const origin = yield* client.origin(new URL(url))
          return origin.route.label
        }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, provider))
      const url = `http://a.test:${server.port}`
      assert.strictEqual(yield* visit({}, url), url)
      assert.strictEqual(yield* visit({ proxy: "environment" }, url), `${url} [via http://127.0.0.1:${proxy.port}]`)
      assert.strictEqual(yield* visit({ proxy: "environment" }, "http://b.test"), "http://b.test:80")
    })
  )
})

describe("an environment that cannot be read", () => {
  it.effect.each([
    ["by its source", ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "no access" })))],
    ["at all", ConfigProvider.make(() => Effect.die(new Error("no access")))]
  ] as const)("is a problem of the configuration: %s", ([, provider]) =>
    Effect.gen(function* () {
      const error = yield* withClient({ proxy: "environment" }, function* () {}).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, provider),
        Effect.flip
      )
      assert.match(String(error), /the proxies of the environment cannot be read: .*no access/)
    })
  )
})

describe("the route", () => {
  const keyOf = (setting: Parameters<typeof parseProxy>[0], isSecure = false, isTunnel = false): string => {
    const proxy = parseProxy(setting)
    if (typeof proxy === "string") throw new Error(proxy)
    const options = { tls: undefined, localAddress: undefined, proxyFor: () => proxy }
    const origin = makeOrigin(isSecure, "a.test", 80, "a.test", options)
    return (isTunnel ? (origin.tunnelled ?? origin) : origin).route.key
  }

  it("is the same for all calls of a client to an origin, whatever the user of the proxy", () => {
    const proxy = parseProxy({ url: "p", username: "ann", password: "x" })
    if (typeof proxy === "string") throw new Error(proxy)
    const options = { tls: undefined, localAddress: undefined, proxyFor: () => proxy }
    const [one, other] = [1, 2].map(() => makeOrigin(false, "a.test", 80, "a.test", options))
    assert.strictEqual(one?.route.key, other?.route.key)
    assert.strictEqual(one?.forwarding?.authorization, `Basic ${btoa("ann:x")}`)
  })

  it("is different for every difference that a proxy may have, and the same for none", () => {
    const keys = [
      makeOrigin(false, "a.test", 80, "a.test", { tls: undefined, localAddress: undefined }).route.key,
      keyOf("http://p"),
      keyOf("http://p", false, true),
      keyOf("http://p", true),
      keyOf("http://p:81"),
      keyOf("http://q"),
      keyOf("https://p:80"),
      keyOf("socks5://p:80"),
      keyOf("socks5h://p:80"),
      keyOf("http://ann@p"),
      keyOf("http://ann:x@p"),
      keyOf("http://ann:y@p"),
      keyOf({ url: "https://p:80", tls: { ca: ["a"] } }),
      keyOf({ url: "https://p:80", tls: { ca: ["b"] } }),
      keyOf({ url: "https://p:80", tls: { serverName: "q" } })
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(keyOf("HTTP://P:80/"), keyOf("p"))
  })
})

describe("the setting", () => {
  it.each([
    ["a scheme that is none", "gopher://ann:secret@p", /the scheme gopher is none of http, https, socks5, socks5h/],
    ["no host", "http://", /no URL of a proxy/],
    ["a path", "http://ann:secret@p/path", /ends with host and port/],
    ["a port that is none", "http://ann:secret@p:99999", /no URL of a proxy/],
    ["an escape that is none", "http://ann:secret%ff@p", /not percent-encoded/],
    ["a colon in the user's name", "http://a%3An:secret@p", /colon/],
    ["a name that is too long", `socks5://${"n".repeat(256)}:secret@p`, /255|long/],
    ["the user twice", { url: "http://ann@p", username: "ann", password: "secret" }, /both in the URL and beside it/],
    ["TLS without https", { url: "http://p", tls: {} }, /tls is for https proxies/]
  ] as const)("is refused when the client is made, without its secrets: %s", (_, proxy, expected) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const error = yield* Effect.flip(withClient({ proxies: [{ match: "*", proxy }] }, function* () {}))
        assert.match(String(error), /proxies\.0\.proxy: /)
        assert.match(String(error), expected)
        assert.notInclude(inspect(error, { depth: 20 }), "secret")
      })
    )
  )

  it.effect("of no known shape is refused without its secrets", () =>
    Effect.gen(function* () {
      const given: object = { proxy: { url: 5, password: "secret" } }
      const config: ClientConfig = Object.assign({}, given)
      const error = yield* Effect.flip(withClient(config, function* () {}))
      assert.match(String(error), /proxy/)
      assert.notInclude(inspect(error, { depth: 20 }), "secret")
    })
  )
})
