/**
 * Connections through proxies: what the proxy is told, what it may answer, and that nothing stays open.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  type Connector,
  type ConnectPhase,
  type HttpProxy,
  type ProxyServer,
  type Socks5Proxy,
  Target
} from "@weir/transport"
import { Effect, Exit, Fiber, Random, Redacted, References } from "effect"
import { findFreePort } from "../support/Listening.ts"
import { canCountSockets, countSocketsTo } from "../support/openSockets.ts"
import { turns } from "./Pair.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { makeProxy } from "./proxy/TestProxy.ts"
import { Reader } from "./Reader.ts"
import { capabilities, makeConnector, needs, runtime } from "./runtime.ts"
import { certificates, exchange, serverTls, trusting } from "./secured.ts"

usePeers()

const overHttp = (address: Target.Address): HttpProxy => ({ _tag: "Http", address })
const overTls = (address: Target.Address, tls: Target.TlsOptions = trusting): HttpProxy => ({
  ...overHttp(address),
  tls
})
const bySocks = (
  address: Target.Address,
  namesAreResolvedBy: Socks5Proxy["namesAreResolvedBy"] = "proxy"
): Socks5Proxy => ({
  _tag: "Socks5",
  address,
  namesAreResolvedBy
})
const knowing = <P extends ProxyServer>(proxy: P, password = "secret"): P => ({
  ...proxy,
  credentials: { username: "ann", password: Redacted.make(password) }
})

/** A connection that is closed with the scope, and the phases that it went through. */
const connectTo = (target: Target.Target) =>
  Effect.gen(function* () {
    const phases: Array<ConnectPhase> = []
    const connector = yield* makeConnector()
    const connection = yield* Effect.acquireRelease(
      connector.connect(target, { enterPhase: (phase) => phases.push(phase) }),
      (opened) => Effect.sync(() => opened.close())
    )
    return { connection, phases }
  })

/** Why a connect through a proxy fails that answers so; its connection is closed by then. */
const failureAfter = (
  proxyOf: (address: Target.Address) => ProxyServer,
  answer: string | "end" | "reset",
  tls?: Target.TlsOptions
) =>
  Effect.gen(function* () {
    const proxy = yield* makePeer()
    const target = {
      address: Target.tcp("a.test", 443),
      proxy: proxyOf(proxy.address),
      ...(tls === undefined ? {} : { tls })
    }
    const connecting = yield* Effect.forkChild(Effect.flip(connectTo(target)), { startImmediately: true })
    const accepted = yield* proxy.accept
    yield* accepted.nextText
    if (answer === "end") yield* accepted.end()
    else if (answer === "reset") yield* accepted.reset
    else yield* accepted.write(answer)
    const error = yield* Fiber.join(connecting)
    assert.strictEqual(countSocketsTo(proxy.port), 0)
    return error
  })

describe("a tunnel through an HTTP proxy", () => {
  it.live("leads to a name that the proxy resolves, and says where it goes through", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const proxy = yield* makeProxy({ protocol: "http" })
      const target = { address: Target.tcp("localhost", peer.port), proxy: overHttp(proxy.address) }
      const { connection, phases } = yield* connectTo(target)
      yield* exchange(connection, yield* peer.accept)
      assert.deepStrictEqual(yield* proxy.asked, { host: "localhost", port: peer.port })
      assert.deepStrictEqual(phases, ["tcp", "proxy"])
      assert.strictEqual(connection.info.proxy, `http://127.0.0.1:${proxy.address.port}`)
      assert.strictEqual(connection.info.remotePort, proxy.address.port)
      assert.isAbove(connection.info.timing.proxyMillis ?? 0, 0)
    })
  )

  it.live("is opened for those whom the proxy knows, and for nobody else", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const proxy = yield* makeProxy({ protocol: "http", credentials: "ann:secret" })
      const through = (of: ProxyServer) => connectTo({ address: peer.address, proxy: of })
      yield* exchange((yield* through(knowing(overHttp(proxy.address)))).connection, yield* peer.accept)
      assert.strictEqual((yield* proxy.asked).authorization, `Basic ${btoa("ann:secret")}`)
      const unknown = yield* Effect.flip(through(overHttp(proxy.address)))
      const mistaken = yield* Effect.flip(through(knowing(overHttp(proxy.address), "hidden")))
      for (const error of [unknown, mistaken]) {
        assert.strictEqual(error.reason, "ProxyRefused")
        assert.strictEqual(error.phase, "proxy")
        assert.strictEqual(error.proxyStatus, 407)
        assert.include(error.message, `${peer.port} via http://127.0.0.1:${proxy.address.port}: proxy: `)
        assert.notMatch(`${error.message}${JSON.stringify(error)}`, /hidden|ann/)
      }
    })
  )

  it.live("hands over what came with the end of the handshake, once there is a reader", () =>
    Effect.gen(function* () {
      const proxy = yield* makePeer()
      const target = { address: Target.tcp("a.test", 25), proxy: overHttp(proxy.address) }
      const connecting = yield* Effect.forkChild(connectTo(target), { startImmediately: true })
      const accepted = yield* proxy.accept
      yield* accepted.nextText
      yield* accepted.write("HTTP/1.1 200 OK\r\n\r\n220 a.test\r\n")
      const { connection } = yield* Fiber.join(connecting)
      yield* turns(20)
      const reader = new Reader()
      connection.attach(reader)
      yield* accepted.write("more")
      yield* reader.untilText("220 a.test\r\nmore")
    })
  )

  it.live("is secured end to end: the target's name is checked, and the proxy's is not", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const proxy = yield* makeProxy({ protocol: "http" })
      const through = { address: peer.address, proxy: overHttp(proxy.address) }
      const { connection, phases } = yield* connectTo({ ...through, tls: trusting })
      const accepted = yield* peer.accept
      yield* exchange(connection, accepted)
      assert.strictEqual(accepted.serverName, "localhost")
      assert.isTrue(connection.info.tls?.isVerified)
      assert.deepStrictEqual(phases, ["tcp", "proxy", "tls"])
      assert.isAbove(connection.info.timing.tlsMillis ?? 0, 0)
      const error = yield* Effect.flip(connectTo({ ...through, tls: { ca: [certificates.otherCa] } }))
      assert.strictEqual(error.reason, "CertificateRejected")
      assert.strictEqual(error.phase, "tls")
      assert.include(error.message, `localhost:${peer.port} via http://127.0.0.1:${proxy.address.port}`)
    })
  )

  it.live("is reached at a Unix socket too", () =>
    Effect.gen(function* () {
      const proxy = yield* makePeer({ listen: "unix" })
      const target = { address: Target.tcp("a.test", 25), proxy: overHttp(proxy.address) }
      const connecting = yield* Effect.forkChild(connectTo(target), { startImmediately: true })
      const accepted = yield* proxy.accept
      assert.match(yield* accepted.nextText, /^CONNECT a\.test:25 HTTP\/1\.1\r\n/)
      yield* accepted.write("HTTP/1.1 200 OK\r\n\r\n")
      assert.isTrue((yield* Fiber.join(connecting)).connection.isOpen)
    })
  )

  it.live.each([
    ["by a status", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", 502],
    ["by a redirect", "HTTP/1.1 302 Found\r\nLocation: http://b.test\r\n\r\n", 302],
    ["in another protocol", "SSH-2.0-OpenSSH\r\n", undefined],
    ["with a head that is no head", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n", undefined],
    ["with a head of more than 16 KiB", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(20_000)}\r\n`, undefined],
    ["by ending without an answer", "end", undefined],
    ["by a reset", "reset", undefined]
  ] as const)("fails where the proxy answers %s", ([, answer, status]) =>
    Effect.gen(function* () {
      const error = yield* failureAfter(overHttp, answer)
      assert.strictEqual(error.reason, "ProxyRefused")
      assert.strictEqual(error.phase, "proxy")
      assert.strictEqual(error.proxyStatus, status)
    })
  )

  it.live("fails where the proxy says something of its own before the target's TLS begins", () =>
    Effect.gen(function* () {
      const error = yield* failureAfter(overHttp, "HTTP/1.1 200 OK\r\n\r\nhello", trusting)
      assert.strictEqual(error.reason, "ProxyRefused")
      assert.include(error.message, "5 bytes of its own")
    })
  )

  it.live("fails in the phase in which the proxy cannot be reached, and says that it was the proxy", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(findFreePort)
      const target = { address: Target.tcp("a.test", 80), proxy: overHttp(Target.tcp("127.0.0.1", port)) }
      const error = yield* Effect.flip(connectTo(target))
      assert.strictEqual(error.reason, "Refused")
      assert.strictEqual(error.phase, "tcp")
      assert.include(error.message, "the proxy: ")
    })
  )

  it.live("is not asked for what it cannot be told, nor for a Unix socket", () =>
    Effect.gen(function* () {
      const proxy = overHttp(Target.tcp("127.0.0.1", 1))
      for (const address of [Target.tcp("a\r\nX: y", 80), Target.unix("/run/a")]) {
        const error = yield* Effect.flip(connectTo({ address, proxy }))
        assert.strictEqual(error.reason, "Unsupported")
      }
    })
  )
})

describe("a tunnel through an HTTP proxy over TLS", () => {
  it.live("sends nothing in plain text, and counts that handshake to the phase proxy", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const proxy = yield* makeProxy({ protocol: "http", credentials: "ann:secret", tls: serverTls })
      const target = { address: peer.address, proxy: knowing(overTls(proxy.address)) }
      const { connection, phases } = yield* connectTo(target)
      yield* exchange(connection, yield* peer.accept)
      assert.deepStrictEqual(phases, ["dns", "tcp", "proxy"])
      assert.isUndefined(connection.info.tls)
      assert.strictEqual(connection.info.proxy, `https://localhost:${proxy.address.port}`)
    })
  )

  it.live("is not opened where the proxy's certificate is not trusted", () =>
    Effect.gen(function* () {
      const proxy = yield* makeProxy({ protocol: "http", tls: serverTls })
      const target = { address: Target.tcp("a.test", 80), proxy: overTls(proxy.address, {}) }
      const error = yield* Effect.flip(connectTo(target))
      assert.strictEqual(error.reason, "CertificateRejected")
      assert.strictEqual(error.phase, "proxy")
    })
  )

  it.live.runIf(capabilities.tlsInTls)(
    "carries the target's TLS in its own",
    () =>
      Effect.gen(function* () {
        const peer = yield* makePeer({ tls: serverTls })
        const proxy = yield* makeProxy({ protocol: "http", tls: serverTls })
        const target = { address: peer.address, tls: trusting, proxy: overTls(proxy.address) }
        const { connection, phases } = yield* connectTo(target)
        const accepted = yield* peer.accept
        yield* exchange(connection, accepted)
        assert.deepStrictEqual(phases, ["dns", "tcp", "proxy", "tls"])
        assert.isTrue(connection.info.tls?.isVerified)
        connection.end()
        assert.strictEqual(yield* accepted.ended, "FIN")
      }),
    needs("tlsInTls")
  )

  it.live.runIf(!capabilities.tlsInTls)("does not carry the target's TLS where the runtime cannot, and says so", () =>
    Effect.gen(function* () {
      const proxy = overTls(Target.tcp("127.0.0.1", 1))
      const error = yield* Effect.flip(connectTo({ address: Target.tcp("a.test", 443), tls: trusting, proxy }))
      assert.strictEqual(error.reason, "Unsupported")
      assert.match(error.message.toLowerCase(), new RegExp(`${runtime} cannot .*use an http or socks5 proxy`))
    })
  )
})

describe("a tunnel through a SOCKS5 proxy", () => {
  it.live("leads to a name that the proxy resolves, or that we resolve", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer({ tls: serverTls })
      const proxy = yield* makeProxy({ protocol: "socks5" })
      const address = Target.tcp("localhost", peer.port)
      const visit = (of: ProxyServer) =>
        Effect.gen(function* () {
          const { connection, phases } = yield* connectTo({ address, tls: trusting, proxy: of })
          const accepted = yield* peer.accept
          yield* exchange(connection, accepted)
          assert.strictEqual(accepted.serverName, "localhost")
          return phases
        })
      assert.deepStrictEqual(yield* visit(bySocks(proxy.address)), ["tcp", "proxy", "tls"])
      assert.strictEqual((yield* proxy.asked).host, "localhost")
      const byAddress = bySocks(Target.tcp("127.0.0.1", proxy.address.port), "client")
      assert.deepStrictEqual(yield* visit(byAddress), ["dns", "tcp", "proxy", "tls"])
      assert.match((yield* proxy.asked).host, /^127\.0\.0\.1$|^0:0:0:0:0:0:0:1$/)
    })
  )

  it.live("is opened for those whom the proxy knows, and for nobody else", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const proxy = yield* makeProxy({ protocol: "socks5", credentials: "ann:secret" })
      const through = (of: ProxyServer) => connectTo({ address: peer.address, proxy: of })
      yield* exchange((yield* through(knowing(bySocks(proxy.address)))).connection, yield* peer.accept)
      const unknown = yield* Effect.flip(through(bySocks(proxy.address)))
      const mistaken = yield* Effect.flip(through(knowing(bySocks(proxy.address), "hidden")))
      for (const error of [unknown, mistaken]) {
        assert.strictEqual(error.reason, "ProxyRefused")
        assert.notMatch(`${error.message}${JSON.stringify(error)}`, /hidden|ann/)
      }
    })
  )

  it.live.each([
    ["by a code", "\x05\x00\x05\x02", "malformed"],
    ["in another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "SOCKS5"],
    ["by ending without an answer", "end", "before the tunnel was open"]
  ] as const)("fails where the proxy answers %s", ([, answer, part]) =>
    Effect.gen(function* () {
      const error = yield* failureAfter(bySocks, answer)
      assert.strictEqual(error.reason, "ProxyRefused")
      if (part !== "malformed") assert.include(error.message, part)
    })
  )

  it.live("fails with the proxy's own code where the target cannot be reached", () =>
    Effect.gen(function* () {
      const proxy = yield* makeProxy({ protocol: "socks5" })
      const error = yield* Effect.flip(
        connectTo({ address: Target.tcp("127.0.0.1", 1), proxy: bySocks(proxy.address) })
      )
      assert.strictEqual(error.reason, "ProxyRefused")
      assert.strictEqual(error.proxyStatus, 5)
      assert.include(error.message, "nothing accepts connections at this address")
    })
  )
})

/** Starts a connect, and tells when it has entered a phase. */
const start = (connector: Connector["Service"], target: Target.Target, phase: ConnectPhase) =>
  Effect.gen(function* () {
    const inPhase = Promise.withResolvers<void>()
    const enterPhase = (next: ConnectPhase) => {
      if (next === phase) inPhase.resolve()
    }
    const fiber = yield* Effect.forkChild(connector.connect(target, { enterPhase }), { startImmediately: true })
    yield* Effect.promise(() => inPhase.promise)
    return fiber
  })

describe("an interrupted connect through a proxy", () => {
  it.live.skipIf(!canCountSockets)("in phase proxy has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const proxy = yield* makePeer()
      const target = { address: Target.tcp("a.test", 443), tls: trusting, proxy: overHttp(proxy.address) }
      const fiber = yield* start(yield* makeConnector(), target, "proxy")
      const accepted = yield* proxy.accept
      yield* accepted.nextText
      assert.strictEqual(countSocketsTo(proxy.port), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(countSocketsTo(proxy.port), 0)
      assert.strictEqual(yield* accepted.ended, "FIN")
    })
  )

  it.live.skipIf(!canCountSockets)("in phase tls has closed its socket when it returns", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const proxy = yield* makeProxy({ protocol: "http" })
      const target = { address: peer.address, tls: trusting, proxy: overHttp(proxy.address) }
      const fiber = yield* start(yield* makeConnector(), target, "tls")
      const accepted = yield* peer.accept
      yield* accepted.nextText
      assert.strictEqual(countSocketsTo(proxy.address.port), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(countSocketsTo(proxy.address.port), 0)
      assert.strictEqual(yield* accepted.ended, "FIN")
    })
  )

  // A fiber that yields all the time can be interrupted between any two steps.
  for (const [pace, maxOpsBeforeYield] of [
    ["works at the usual pace", 2048],
    ["yields all the time", 3]
  ] as const) {
    it.live.skipIf(!canCountSockets)(
      `at any moment leaves no socket open, 60 times, in a fiber that ${pace}`,
      () =>
        Effect.gen(function* () {
          const plain = yield* makePeer({ greeting: "absorb" })
          const secure = yield* makePeer({ greeting: "absorb", tls: serverTls })
          const http = yield* makeProxy({ protocol: "http" })
          const socks = yield* makeProxy({ protocol: "socks5" })
          const targets: ReadonlyArray<Target.Target> = [
            { address: plain.address, proxy: overHttp(http.address) },
            { address: secure.address, tls: trusting, proxy: overHttp(http.address) },
            { address: secure.address, tls: trusting, proxy: bySocks(socks.address, "client") }
          ]
          const connector = yield* makeConnector()
          const outcomeCounts = { opened: 0, interrupted: 0 }
          for (let cycle = 0; cycle < 60; cycle++) {
            const target = targets[cycle % targets.length] ?? { address: plain.address }
            const fiber = yield* connector
              .connect(target)
              .pipe(
                Effect.provideService(References.MaxOpsBeforeYield, maxOpsBeforeYield),
                Effect.forkChild({ startImmediately: true })
              )
            // One in ten may open, however slow the machine is.
            if (cycle % 10 === 0) yield* Fiber.await(fiber)
            else yield* turns(yield* Random.nextIntBetween(0, 40))
            yield* Fiber.interrupt(fiber)
            const exit = yield* Fiber.await(fiber)
            if (Exit.isSuccess(exit)) exit.value.close()
            else assert.isTrue(Exit.hasInterrupts(exit), `interrupted, not ${exit.cause}`)
            outcomeCounts[Exit.isSuccess(exit) ? "opened" : "interrupted"]++
            if (Exit.isFailure(exit)) {
              assert.isAtMost(countSocketsTo(http.address.port) + countSocketsTo(socks.address.port), 1)
            }
          }
          assert.isAtLeast(outcomeCounts.opened, 6)
          assert.isAbove(outcomeCounts.interrupted, 0)
        }).pipe(Random.withSeed("interruption through proxies")),
      60_000
    )
  }
})
