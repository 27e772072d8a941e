/**
 * Bodies that are on their way: as they come, no faster than they are taken, and broken off by either side.
 */
import { request } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { serviceYaml, timeless, withGateway } from "../support/gateway.ts"
import { withPeers } from "../support/peers.ts"
import { dial, type RawPeer } from "../support/RawPeer.ts"
import { runtime } from "../support/runtime.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

const megabyte = 1024 * 1024

/**
 * Queues 64 MB at a socket and returns how many of them had gone when no more would go: when other requests had gone
 * through the gateway again and again and nothing had moved.
 */
const flood = (
  { socket }: RawPeer,
  other: Effect.Effect<unknown>,
  frame: (chunk: Buffer) => Uint8Array
): Effect.Effect<{ readonly queuedByteCount: number; readonly goneByteCount: number }> =>
  Effect.gen(function* () {
    const chunk = frame(Buffer.alloc(65_536, "x"))
    for (let count = 0; count < 1024; count++) socket.write(chunk)
    const queuedByteCount = 1024 * chunk.length
    for (let before = -1; before !== socket.writableLength; ) {
      before = socket.writableLength
      for (let count = 0; count < 20; count++) yield* other
    }
    return { queuedByteCount, goneByteCount: queuedByteCount - socket.writableLength }
  })

/** What the system's buffers hold on both ways is some megabytes; the gateway itself keeps some 100 kB. */
const goneByteCountMax = 32 * megabyte

describe("an answer on its way", () => {
  it.live("reaches the caller piece by piece", () =>
    withPeers(function* ({ ask, caller, logged }) {
      const endpoint = yield* ask("GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
      endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
      yield* caller.untilReceived("5\r\nfirst\r\n")
      endpoint.send("6\r\nsecond\r\n")
      yield* caller.untilReceived("6\r\nsecond\r\n")
      endpoint.send("0\r\n\r\n")
      yield* caller.untilReceived("\r\n0\r\n\r\n")
      assert.match((yield* logged(1))[0] ?? "", / 200 - 0 11 /)
    })
  )

  it.live("waits at the endpoint for a caller that does not read, and then goes on", () =>
    withPeers(function* ({ ask, call, caller }) {
      caller.socket.pause()
      const endpoint = yield* ask("GET / HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
      endpoint.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
      const { goneByteCount, queuedByteCount } = yield* flood(endpoint, call({ host: "other.test" }), (chunk) => chunk)
      assert.isBelow(goneByteCount, goneByteCountMax)
      caller.socket.resume()
      endpoint.socket.end()
      yield* caller.ended
      assert.isAbove(caller.receivedByteCount, queuedByteCount)
    })
  )

  it.live.each([
    { how: "with FIN", kill: (endpoint: RawPeer) => endpoint.socket.destroy() },
    { how: "with RST", kill: (endpoint: RawPeer) => endpoint.reset() }
  ])("that the endpoint breaks off $how is broken off for the caller, with flag UC", ({ kill }) =>
    withPeers(function* ({ ask, caller, logged, upstream }) {
      const endpoint = yield* ask("GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
      endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      yield* caller.untilReceived("half")
      kill(endpoint)
      yield* caller.ended
      assert.match(caller.received, /\r\n\r\nhalf$/)
      assert.strictEqual(
        timeless((yield* logged(1))[0] ?? ""),
        `"GET / HTTP/1.1" 200 UC 0 4 D U "-" "up.test" "127.0.0.1:${upstream.port}" outbound|80||up.test retries=0`
      )
    })
  )

  it.live("that breaks off resets a caller of HTTP/1.0, whose body ends where its connection ends", () =>
    withPeers(function* ({ ask, caller, logged }) {
      const endpoint = yield* ask("GET / HTTP/1.0\r\nHost: up.test\r\n\r\n")
      endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
      yield* caller.untilReceived("\r\n\r\nhalf")
      endpoint.socket.destroy()
      assert.strictEqual(yield* caller.ended, "RST")
      yield* logged(1)
    })
  )

  it.live("is given up at the endpoint when the caller goes away, with flag DC", () =>
    withPeers(function* ({ ask, caller, logged, pool }) {
      const endpoint = yield* ask("GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
      endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      yield* caller.untilReceived("half")
      caller.socket.destroy()
      yield* endpoint.ended
      assert.match((yield* logged(1))[0] ?? "", / 200 DC 0 4 /)
      const { active, total } = yield* pool()
      assert.deepStrictEqual([active, total], [0, 0])
    })
  )
})

describe("a request on its way", () => {
  it.live("reaches the endpoint piece by piece", () =>
    withPeers(function* ({ caller, logged, upstream }) {
      caller.send("POST / HTTP/1.1\r\nHost: up.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
      const endpoint = yield* upstream.accept
      yield* endpoint.untilReceived("5\r\nfirst\r\n")
      caller.send("6\r\nsecond\r\n")
      yield* endpoint.untilReceived("6\r\nsecond\r\n")
      caller.send("0\r\n\r\n")
      yield* endpoint.untilReceived("\r\n0\r\n\r\n")
      endpoint.answer("done")
      yield* caller.untilReceived("\r\n\r\ndone")
      assert.match((yield* logged(1))[0] ?? "", / 200 - 11 4 /)
    })
  )

  it.live("waits at the caller for an endpoint that does not read, and then goes on", () =>
    withPeers(function* ({ ask, call, caller }) {
      const endpoint = yield* ask("POST / HTTP/1.1\r\nHost: up.test\r\nTransfer-Encoding: chunked\r\n\r\n")
      endpoint.socket.pause()
      const { goneByteCount, queuedByteCount } = yield* flood(caller, call({ host: "other.test" }), (chunk) =>
        Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")])
      )
      assert.isBelow(goneByteCount, goneByteCountMax)
      caller.send("0\r\n\r\n")
      endpoint.socket.resume()
      yield* endpoint.until(({ receivedByteCount }) => receivedByteCount > queuedByteCount * 0.99)
      endpoint.answer("done")
      yield* caller.untilReceived("\r\n\r\ndone")
    })
  )

  it.live.each([
    { kind: "a short body", head: "Content-Length: 10", part: "half" },
    { kind: "a long body", head: "Content-Length: 1000000", part: "half" },
    { kind: "a chunked body", head: "Transfer-Encoding: chunked", part: "4\r\nhalf\r\n" }
  ])("is given up when the caller goes away in $kind, with status 0 and flag DC", ({ head, part }) =>
    withPeers(function* ({ caller, logged, pool, upstream }) {
      caller.send(`POST / HTTP/1.1\r\nHost: up.test\r\n${head}\r\n\r\n${part}`)
      // A short body is not sent on before it is whole.
      if (head !== "Content-Length: 10") {
        const endpoint = yield* upstream.accept
        yield* endpoint.untilReceived("half")
        caller.socket.destroy()
        yield* endpoint.ended
      } else {
        caller.socket.destroySoon()
      }
      assert.match((yield* logged(1))[0] ?? "", / 0 DC 4 0 /)
      const { active, total } = yield* pool()
      assert.deepStrictEqual([active, total], [0, 0])
      assert.strictEqual(upstream.acceptedCount(), head === "Content-Length: 10" ? 0 : 1)
    })
  )

  it.live("is answered before it is whole, and its connection serves the next request", () =>
    withPeers(function* ({ ask, caller, logged, upstream }) {
      const endpoint = yield* ask(
        `POST /early HTTP/1.1\r\nHost: up.test\r\nContent-Length: 200000\r\n\r\n${"x".repeat(100_000)}`
      )
      endpoint.answer("too large", "413 Content Too Large")
      yield* caller.untilReceived("\r\n\r\ntoo large")
      // The endpoint's connection is in the middle of a request and carries no other.
      yield* endpoint.ended
      caller.forget()
      caller.send(`${"x".repeat(100_000)}GET /next HTTP/1.1\r\nHost: up.test\r\n\r\n`)
      const next = yield* upstream.accept
      assert.match(yield* next.head, /^GET \/next /)
      next.answer("hello")
      yield* caller.untilReceived("\r\n\r\nhello")
      assert.match((yield* logged(2))[0] ?? "", / 413 - \d+ 9 /)
    })
  )

  it.live("that is answered with success is sent to its end", () =>
    withPeers(function* ({ caller, logged, upstream }) {
      caller.send("POST / HTTP/1.1\r\nHost: up.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n")
      const endpoint = yield* upstream.accept
      yield* endpoint.untilReceived("ping")
      endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n")
      yield* caller.untilReceived("pong")
      caller.send("4\r\nPING\r\n0\r\n\r\n")
      yield* endpoint.untilReceived("4\r\nPING\r\n0\r\n\r\n")
      endpoint.send("4\r\nPONG\r\n0\r\n\r\n")
      yield* caller.untilReceived("4\r\nPONG\r\n0\r\n\r\n")
      assert.match((yield* logged(1))[0] ?? "", / 200 - 8 8 /)
    })
  )
})

describe("Expect: 100-continue", () => {
  it.live("is told 100 when its body is wanted, and goes no further", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream(({ body }, response) => response.end(`got ${body.length}`))
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        for (const length of [3, 100_000]) {
          const caller = yield* dial(port)
          caller.send(
            `POST / HTTP/1.1\r\nHost: up.test\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`
          )
          yield* caller.untilReceived("HTTP/1.1 100 Continue\r\n\r\n")
          caller.send("x".repeat(length))
          yield* caller.ended
          assert.match(
            caller.received,
            new RegExp(`^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n.*got ${length}`, "s")
          )
          assert.isUndefined(upstream.requests.at(-1)?.headers["expect"])
        }
        yield* logged(2)
      })
    })
  )

  it.live("is not told 100 by a refusal, after which the connection closes", () =>
    withGateway(serviceYaml({ ports: [] }), function* ({ logged, port }) {
      const caller = yield* dial(port)
      caller.send("POST / HTTP/1.1\r\nHost: up.test\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
      yield* caller.ended
      assert.match(caller.received, /^HTTP\/1\.1 503 Service Unavailable\r\n/)
      assert.match(caller.received, /\r\nconnection: close\r\n/i)
      yield* logged(1)
    })
  )

  it.live("is passed over where it expects something else", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("ok"))
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call }) {
        const { status } = yield* call({ headers: { expect: "tea" } })
        assert.deepStrictEqual([status, upstream.requests[0]?.headers["expect"]], [200, undefined])
      })
    })
  )
})

describe("requests one after the other on a connection", () => {
  it.live("are answered in their order, however the endpoint answers them", () =>
    Effect.gen(function* () {
      const slow: Array<() => void> = []
      const upstream = yield* makeUpstream(({ url }, response) => {
        if (url === "/1") slow.push(() => response.end("one"))
        else {
          response.end("two")
          for (const answer of slow) answer()
        }
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const caller = yield* dial(port)
        caller.send(
          "GET /1 HTTP/1.1\r\nHost: up.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n"
        )
        yield* caller.ended
        assert.match(caller.received, /one.*two/s)
        yield* logged(2)
      })
    })
  )

  // Deno reads a connection's next request when the last one has been answered, and hears of no end that comes behind it.
  it.live.skipIf(runtime === "deno")("are all given up when their caller goes away", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream(() => {
        // Never answers.
      })
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ logged, port }) {
        const caller = yield* dial(port)
        caller.send("GET /1 HTTP/1.1\r\nHost: up.test\r\n\r\n".repeat(3))
        yield* upstream.until(() => upstream.begunCount() === 3)
        caller.socket.destroy()
        yield* upstream.until(() => upstream.openCount() === 0)
        for (const line of yield* logged(3)) assert.match(line, / 0 DC 0 0 /)
      })
    })
  )
})

describe("callers that come and go at random moments", () => {
  it.live("leave nothing behind", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("x".repeat(100_000)))
      yield* withGateway(serviceYaml({ ports: [upstream.port] }), function* ({ call, logged, port }) {
        const count = 60
        for (let number = 0; number < count; number++) {
          const outgoing = request({ host: "127.0.0.1", port, agent: false, headers: { host: "up.test" } })
          outgoing.on("error", () => {
            // Its own doing.
          })
          outgoing.end()
          for (let turn = 0; turn < number; turn++) yield* Effect.yieldNow
          outgoing.destroy()
        }
        assert.strictEqual((yield* call()).status, 200)
        // Not every caller got as far as a request.
        yield* logged(1)
      })
    })
  )
})
