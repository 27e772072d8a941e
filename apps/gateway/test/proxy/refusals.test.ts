/**
 * Callers that speak no HTTP, or one that has two readings: refused, never guessed, and in the log all the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { serviceYaml, timeless, withGateway } from "../support/gateway.ts"
import { dial, exchangeRaw, makeRawUpstream } from "../support/RawPeer.ts"
import { runtime } from "../support/runtime.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

const upstreamOf200 = makeUpstream((_, response) => response.end("ok"))

const get = "GET / HTTP/1.1\r\nHost: up.test\r\n"
const post = "POST / HTTP/1.1\r\nHost: up.test\r\n"

describe("a request that could be taken for two", () => {
  it.live.each([
    { what: "two framings", text: `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n` },
    {
      what: "two framings, in the other order",
      text: `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`
    },
    { what: "two lengths", text: `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd` },
    { what: "the same length twice", text: `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc` },
    { what: "a list of lengths", text: `${post}Content-Length: 3, 3\r\n\r\nabc` },
    { what: "a length with a sign", text: `${post}Content-Length: +3\r\n\r\nabc` },
    { what: "a length in hexadecimal", text: `${post}Content-Length: 0x3\r\n\r\nabc` },
    { what: "chunked twice", text: `${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n` },
    {
      what: "chunked in two fields",
      text: `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
    },
    { what: "a coding after chunked", text: `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n` },
    { what: "chunked with a vertical tab", text: `${post}Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n` },
    { what: "a space before the colon", text: `${get}X-A : 1\r\n\r\n` },
    { what: "a folded field", text: `${get}X-A: 1\r\n 2\r\n\r\n` },
    { what: "lines that end in LF", text: "GET / HTTP/1.1\nHost: up.test\n\n" },
    { what: "a CR in a value", text: `${get}X-A: 1\r2\r\n\r\n` },
    { what: "a NUL in a value", text: `${get}X-A: 1\x002\r\n\r\n` },
    { what: "two hosts", text: `${get}Host: other.test\r\n\r\n` },
    { what: "the same host twice", text: `${get}Host: up.test\r\n\r\n` },
    { what: "no host", text: "GET / HTTP/1.1\r\n\r\n" },
    { what: "chunks in HTTP/1.0", text: `${post.replace("1.1", "1.0")}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n` },
    { what: "a host with a path", text: "GET / HTTP/1.1\r\nHost: up.test/x\r\n\r\n" },
    { what: "a user in its target", text: "GET http://a@up.test/ HTTP/1.1\r\nHost: up.test\r\n\r\n" },
    { what: "a target of another scheme", text: "GET ftp://up.test/ HTTP/1.1\r\nHost: up.test\r\n\r\n" },
    { what: "a target that is no path", text: "GET up.test HTTP/1.1\r\nHost: up.test\r\n\r\n" },
    { what: "a fragment in its target", text: "GET /a#b HTTP/1.1\r\nHost: up.test\r\n\r\n" }
  ])("is answered 400 with flag DPE and sent to nobody: $what", ({ text }) =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      const hosts = ["*"]
      yield* withGateway(serviceYaml({ ports: [upstream.port], hosts }), function* ({ logged, port }) {
        const caller = yield* dial(port)
        caller.send(text)
        yield* caller.untilReceived("\r\n\r\n")
        assert.match(caller.received, /^HTTP\/1\.1 400 Bad Request\r\n/)
        assert.match((yield* logged(1))[0] ?? "", /" 400 DPE \d+ \d+ /)
        assert.strictEqual(upstream.acceptedCount(), 0)
      })
    })
  )

  it.live("leaves nothing of itself to be taken for the next request", () =>
    Effect.gen(function* () {
      const upstream = yield* upstreamOf200
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const answer = yield* exchangeRaw(
          port,
          `${post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: up.test\r\n\r\n`
        )
        assert.strictEqual(answer.split("HTTP/1.1 ").length - 1, 1)
        yield* logged(1)
        assert.strictEqual(upstream.begunCount(), 0)
      })
    })
  )
})

describe("a caller", () => {
  it.live.each([
    { what: "is no HTTP", text: "GARBAGE\r\n\r\n", status: "400 Bad Request", reason: /Invalid method/ },
    { what: "is HTTP/2", text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: "400 Bad Request", reason: /PRI/ },
    { what: "is TLS", text: "\x16\x03\x01\x02\x00\x01", status: "400 Bad Request", reason: /Invalid method/ },
    {
      what: "asks for a tunnel",
      text: "CONNECT up.test:443 HTTP/1.1\r\nHost: up.test:443\r\n\r\n",
      status: "405 Method Not Allowed",
      reason: /no tunnels/
    },
    {
      what: "has a head beyond 60 KiB",
      text: `${get}X-A: ${"a".repeat(62_000)}\r\n\r\n`,
      status: "431 Request Header Fields Too Large",
      reason: /Header overflow/
    }
  ])("whose first word $what is told so, and logged with flag DPE", ({ reason, status, text }) =>
    withGateway(serviceYaml({ ports: [1] }), function* ({ logged, port }) {
      const answer = yield* exchangeRaw(port, text)
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status}\r\nConnection: close\r\n`))
      // Deno words it in its own way.
      assert.match(answer, runtime === "deno" ? /400|405|431/ : reason)
      const code = status.slice(0, 3)
      assert.strictEqual(timeless((yield* logged(1))[0] ?? ""), `"- - -" ${code} DPE 0 0 D - "-" "-" "-" - retries=0`)
    })
  )

  it.live("may send 60 KiB of fields, more of them than Node would keep", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const caller = yield* dial(port)
        // Bun takes 200 fields at most and answers 431 to more.
        const fieldCount = runtime === "bun" ? 190 : 2500
        const field = `A:${"1".repeat(60_000 / fieldCount - 4)}\r\n`
        caller.send(`${get}${field.repeat(fieldCount)}X-Last: here\r\nConnection: close\r\n\r\n`)
        const endpoint = yield* upstream.accept
        assert.match(yield* endpoint.head, /\r\nX-Last: here\r\n/)
        endpoint.answer("ok")
        yield* caller.ended
        yield* logged(1)
      })
    })
  )

  it.live("whose chunks break off into nonsense is answered 400, and the endpoint's half of it is cut off", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const caller = yield* dial(port)
        caller.send(`${post}Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n`)
        const endpoint = yield* upstream.accept
        yield* endpoint.untilReceived("good")
        caller.send("zz\r\n")
        yield* endpoint.ended
        assert.notInclude(endpoint.received, "0\r\n\r\n")
        yield* caller.ended
        assert.match(
          caller.received,
          runtime === "deno"
            ? /^HTTP\/1\.1 400 Bad Request\r\n.*400 DPE: /s
            : /^HTTP\/1\.1 400 Bad Request\r\n.*400 DPE: Parse Error: Invalid character in chunk size/s
        )
        assert.match((yield* logged(1))[0] ?? "", /"POST \/ HTTP\/1\.1" 400 DPE 4 \d+ /)
      })
    })
  )

  it.live("that breaks HTTP while its answer is on its way has it broken off", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const caller = yield* dial(port)
        caller.send(`${get}\r\n`)
        const endpoint = yield* upstream.accept
        yield* endpoint.head
        endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        yield* caller.untilReceived("half")
        caller.send("GARBAGE\r\n\r\n")
        yield* caller.ended
        // Nothing that could be taken for the rest of the answer.
        assert.match(caller.received, /\r\n\r\nhalf$/)
        yield* endpoint.ended
        assert.match((yield* logged(1))[0] ?? "", / 200 DPE 0 4 /)
      })
    })
  )

  it.live.each(["gzip, chunked", "xchunked"])(
    "that speaks a coding which is not understood is answered 501: %s",
    (coding) =>
      Effect.gen(function* () {
        const upstream = yield* makeRawUpstream
        yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
          const caller = yield* dial(port)
          caller.send(`${post}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`)
          assert.match(yield* caller.untilReceived("understood"), /^HTTP\/1\.1 501 Not Implemented\r\n/)
          assert.match((yield* logged(1))[0] ?? "", / 501 DPE /)
          assert.strictEqual(upstream.acceptedCount(), 0)
        })
      })
  )

  it.live("of HTTP/1.0 without a host goes where every host goes", () =>
    Effect.gen(function* () {
      const upstream = yield* upstreamOf200
      yield* withGateway(serviceYaml({ ports: [upstream.port], hosts: ["*"] }), function* ({ logged, port }) {
        const answer = yield* exchangeRaw(port, "GET / HTTP/1.0\r\n\r\n")
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok$/s)
        assert.match((yield* logged(1))[0] ?? "", /"GET \/ HTTP\/1\.0" 200 - .* "-" "-" "127/)
      })
    })
  )

  it.live("that asks for another protocol is answered in HTTP/1.1", () =>
    Effect.gen(function* () {
      const upstream = yield* upstreamOf200
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const { status } = yield* call({ headers: { connection: "upgrade", upgrade: "websocket" } })
        assert.deepStrictEqual([status, upstream.requests[0]?.headers["upgrade"]], [200, undefined])
      })
    })
  )
})
