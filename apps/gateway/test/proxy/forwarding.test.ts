/**
 * What reaches the endpoint and what reaches the caller: methods, bodies, header fields, host and target.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { route, serviceYaml, withGateway } from "../support/gateway.ts"
import { dial, exchangeRaw, makeRawUpstream } from "../support/RawPeer.ts"
import { runtime } from "../support/runtime.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

const echo = makeUpstream(({ body, method, url }, response) => {
  response.setHeader("x-seen", `${method} ${url}`)
  response.end(body)
})

describe("a request", () => {
  it.live.each(["GET", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])("keeps its method, path and query: %s", (method) =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const answer = yield* call({ method, path: "/a/b?c=d&e=%2F" })
        assert.deepStrictEqual([answer.status, answer.headers["x-seen"]], [200, `${method} /a/b?c=d&e=%2F`])
      })
    })
  )

  it.live.each([
    { kind: "that is empty", body: "" },
    { kind: "that is short, and read before it is sent", body: "x".repeat(65_536) },
    { kind: "that is long, and sent as it comes", body: "y".repeat(1_000_000) }
  ])("keeps a body $kind", ({ body }) =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const answer = yield* call({ method: "POST", body, headers: { "content-length": String(body.length) } })
        assert.strictEqual(answer.body, body)
        assert.strictEqual(upstream.requests[0]?.headers["content-length"], String(body.length))
      })
    })
  )

  it.live("keeps a chunked body chunked", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const answer = yield* call({
          method: "POST",
          body: "z".repeat(100_000),
          headers: { "transfer-encoding": "chunked" }
        })
        assert.strictEqual(answer.body, "z".repeat(100_000))
        const { headers } = upstream.requests[0] ?? {}
        assert.deepStrictEqual([headers?.["transfer-encoding"], headers?.["content-length"]], ["chunked", undefined])
      })
    })
  )

  it.live("keeps its fields, in their spelling and order, and those that occur twice", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ port }) {
        yield* exchangeRaw(
          port,
          "GET / HTTP/1.1\r\nX-B: 1\r\nHost: up.test\r\nx-a: \xe4\r\nX-B: 2\r\nConnection: close\r\n\r\n"
        )
        assert.deepStrictEqual(upstream.requests[0]?.rawHeaders, [
          ...["Host", "up.test", "X-B", "1", "x-a", "\xe4", "X-B", "2"],
          ...["x-forwarded-for", "127.0.0.1", "x-forwarded-proto", "http"]
        ])
      })
    })
  )

  it.live("loses the fields that speak of its own connection, and those that Connection names", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ port }) {
        yield* exchangeRaw(
          port,
          [
            "GET / HTTP/1.1",
            "Host: up.test",
            "Connection: close, X-Foo",
            "Connection: x-bar",
            "x-foo: 1",
            "X-Bar: 2",
            "x-kept: 3",
            "Keep-Alive: timeout=5",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic x",
            "TE: trailers",
            "Trailer: x-t",
            "Upgrade: websocket",
            "\r\n"
          ].join("\r\n")
        )
        assert.deepStrictEqual(Object.keys(upstream.requests[0]?.headers ?? {}).sort(), [
          "host",
          "x-forwarded-for",
          "x-forwarded-proto",
          "x-kept"
        ])
      })
    })
  )

  it.live("says for whom it was forwarded, after all that says the same already", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        yield* call({
          headers: { "x-forwarded-for": ["1.1.1.1, 2.2.2.2", "3.3.3.3"], "x-forwarded-proto": "https" }
        })
        const { headers } = upstream.requests[0] ?? {}
        assert.strictEqual(headers?.["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1")
        assert.strictEqual(headers?.["x-forwarded-proto"], "http")
      })
    })
  )

  it.live("cannot have the gateway leave out for whom it was forwarded", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        yield* call({ headers: { connection: "close, x-forwarded-for, host", "x-forwarded-for": "6.6.6.6" } })
        const { headers } = upstream.requests[0] ?? {}
        assert.deepStrictEqual([headers?.["x-forwarded-for"], headers?.host], ["127.0.0.1", "up.test"])
      })
    })
  )

  it.live("goes out under another host and path where its rule says so", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      const rewrite = { uri: "/v2/", authority: "inner.test:8080" }
      const http = [{ match: [{ uri: { prefix: "/api/" } }], rewrite, route }, { route }]
      yield* withGateway(serviceYaml({ ports: [upstream.port], http }), function* ({ call }) {
        yield* call({ path: "/api/x?y=1" })
        yield* call({ path: "/other" })
        assert.deepStrictEqual(
          upstream.requests.map(({ headers, url }) => [headers.host, url]),
          [
            ["inner.test:8080", "/v2/x?y=1"],
            ["up.test", "/other"]
          ]
        )
      })
    })
  )

  it.live("in absolute form goes to the host of its target, whatever its Host says", () =>
    Effect.gen(function* () {
      const upstream = yield* echo
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const answer = yield* exchangeRaw(
          port,
          "GET http://UP.test:80/x?y HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
        )
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
        const [seen] = upstream.requests
        assert.deepStrictEqual([seen?.headers.host, seen?.url], ["UP.test:80", "/x?y"])
        yield* logged(1)
      })
    })
  )
})

describe("an answer", () => {
  it.live("keeps its status, its reason, its fields and its body", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ port }) {
        const caller = yield* dial(port)
        caller.send("GET / HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.answer(
          "body",
          "299 All R\xe4ght",
          "Set-Cookie: a=1\r\nX-A: \xe4\r\nset-cookie: b=2\r\nDate: never\r\n"
        )
        yield* caller.ended
        assert.strictEqual(
          caller.received,
          // Bun writes the reason in UTF-8, and fields of one name one after the other.
          [
            ...(runtime === "bun"
              ? ["HTTP/1.1 299 All R\xc3\xa4ght", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-A: \xe4"]
              : ["HTTP/1.1 299 All R\xe4ght", "Set-Cookie: a=1", "X-A: \xe4", "set-cookie: b=2"]),
            "Date: never",
            "Content-Length: 4",
            "Connection: close",
            "",
            "body"
          ].join("\r\n")
        )
      })
    })
  )

  it.live("loses the fields that speak of the endpoint's connection, and those that Connection names", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => {
        response.writeHead(200, {
          connection: "close, x-foo",
          "keep-alive": "timeout=7",
          "proxy-authenticate": "Basic",
          "x-foo": "1",
          "x-kept": "2"
        })
        response.end("ok")
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const { headers } = yield* call({ headers: { connection: "keep-alive" } })
        assert.deepStrictEqual(
          [headers["connection"], headers["x-foo"], headers["proxy-authenticate"], headers["x-kept"]],
          ["keep-alive", undefined, undefined, "2"]
        )
        // Node's own word about the connection to the caller, not the endpoint's about the other one.
        assert.strictEqual(headers["keep-alive"], "timeout=3600")
      })
    })
  )

  it.live("to HEAD has the fields of the answer to GET, and no body", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => {
        response.writeHead(200, { "content-length": 1234, etag: "x" })
        response.end()
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const answer = yield* exchangeRaw(port, "HEAD / HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
        assert.match(answer, /\r\ncontent-length: 1234\r\n/i)
        assert.match(answer, /\r\netag: x\r\n/i)
        assert.match(answer, /\r\n\r\n$/)
        assert.match((yield* logged(1))[0] ?? "", / 200 - 0 0 /)
      })
    })
  )

  it.live("of the gateway's own to HEAD has no body either, and none in the log", () =>
    withGateway(serviceYaml({ ports: [] }), function* ({ logged, port }) {
      const answer = yield* exchangeRaw(port, "HEAD / HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
      assert.match(answer, /^HTTP\/1\.1 503 .*\r\ncontent-length: [1-9]\d*\r\n.*\r\n\r\n$/is)
      assert.match((yield* logged(1))[0] ?? "", / 503 UH 0 0 /)
    })
  )

  it.live.each([204, 304])("of status %s has no body", (status) =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => {
        response.writeHead(status, { etag: "x" })
        response.end()
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ port }) {
        const answer = yield* exchangeRaw(port, "GET / HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.notMatch(answer, /content-length|transfer-encoding/i)
        assert.match(answer, /\r\n\r\n$/)
      })
    })
  )

  it.live("that ends with its connection reaches the caller whole, and framed", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const calling = yield* Effect.forkScoped(call())
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.send("HTTP/1.0 200 OK\r\n\r\nall of it")
        endpoint.socket.end()
        const answer = yield* Fiber.join(calling)
        assert.deepStrictEqual([answer.body, answer.headers["transfer-encoding"]], ["all of it", "chunked"])
      })
    })
  )
})
