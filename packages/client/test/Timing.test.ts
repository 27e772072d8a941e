/**
 * How a call went, part by part: in virtual time over connections in memory, and with real sockets and TLS.
 */
import { assert, describe, it } from "@effect/vitest"
import { type CallTiming, emptyBody } from "@weir/client"
import { Connector, type ConnectTiming } from "@weir/transport"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { makeCertificates } from "./support/Certificates.ts"
import { MemoryNetwork } from "./support/MemoryNetwork.ts"
import { makeRawServer } from "./support/RawServer.ts"
import { settled, withClient, withClientOver, withRawServer } from "./support/world.ts"

expectNothingLeft()

const phases: ConnectTiming = { dnsMillis: 5, tcpMillis: 10, tlsMillis: 20 }

/** A network whose every connect takes 35 ms. */
const slow = (network: MemoryNetwork) =>
  Layer.effect(
    Connector,
    Effect.map(Connector, (connector) =>
      Connector.of({
        ...connector,
        connect: (target, observer) =>
          Effect.map(Effect.delay(connector.connect(target, observer), 35), (connection) =>
            Object.defineProperty(connection, "info", { value: { ...connection.info, timing: phases } })
          )
      })
    )
  ).pipe(Layer.provide(network.layer))

describe("a call's timing", () => {
  it.effect("tells queue, dial, first byte and body apart, for new and for used connections", () =>
    Effect.suspend(() => {
      const network = new MemoryNetwork()
      return withClientOver(slow(network), { pool: { connectionsPerRouteMax: 1 } }, function* ({ callTo }) {
        const told: Array<CallTiming> = []
        const begin = Effect.gen(function* () {
          const call = Effect.flatMap(callTo(80, { onTiming: (timing) => told.push(timing) }), (response) => {
            assert.isUndefined(response.timing.endAfterMillis)
            return response.text
          })
          const fiber = yield* Effect.forkChild(call, { startImmediately: true })
          yield* settled
          return fiber
        })
        const answerSlowly = Effect.gen(function* () {
          yield* TestClock.adjust(40)
          network.connection(1).send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
          yield* settled
          yield* TestClock.adjust(60)
          network.connection(1).send("b")
          yield* settled
        })
        const first = yield* begin
        const second = yield* begin
        yield* TestClock.adjust(35)
        yield* settled
        yield* answerSlowly
        assert.strictEqual(yield* Fiber.join(first), "ab")
        assert.deepStrictEqual(told.pop(), {
          leasedAfterMillis: 35,
          queuedMillis: 0,
          connect: phases,
          headAfterMillis: 75,
          endAfterMillis: 135,
          isReused: false,
          idleBeforeMillis: 0,
          retryCount: 0
        })
        yield* answerSlowly
        yield* Fiber.join(second)
        const waited = told.pop()
        assert.deepInclude(waited, { leasedAfterMillis: 135, queuedMillis: 135, connect: undefined, isReused: true })
        assert.deepInclude(waited, { headAfterMillis: 175, endAfterMillis: 235 })
        yield* TestClock.adjust(500)
        const third = yield* begin
        yield* answerSlowly
        yield* Fiber.join(third)
        const idle = told.pop()
        assert.deepInclude(idle, { leasedAfterMillis: 0, queuedMillis: 0, isReused: true, idleBeforeMillis: 500 })
        assert.deepInclude(idle, { headAfterMillis: 40, endAfterMillis: 100 })
      })
    })
  )

  it.effect("counts no dial to a call that found the connection open, though nobody had used it", () =>
    Effect.suspend(() => {
      const network = new MemoryNetwork()
      return withClientOver(slow(network), { pool: { idlePerRouteMin: 1 } }, function* ({ callTo }) {
        const first = yield* Effect.forkChild(callTo(80), { startImmediately: true })
        yield* settled
        yield* TestClock.adjust(1000)
        yield* settled
        assert.strictEqual(network.connections.length, 2)
        const second = yield* Effect.forkChild(callTo(80), { startImmediately: true })
        yield* settled
        for (const connection of network.connections) connection.answer("x")
        const { timing } = yield* Fiber.join(second)
        assert.deepInclude(timing, { leasedAfterMillis: 0, connect: undefined, isReused: false })
        assert.isAtLeast(timing.idleBeforeMillis, 900)
        yield* Fiber.join(first)
      })
    })
  )

  it.live("is not undone by a listener that throws", () =>
    withRawServer(function* ({ call, counts, server }) {
      const onTiming = (): never => {
        throw new Error("the listener's own")
      }
      const caller = yield* Effect.forkChild(Effect.flatMap(call({ onTiming }), (response) => response.text))
      const connection = yield* server.accept
      yield* connection.request
      connection.answer("x")
      assert.strictEqual(yield* Fiber.join(caller), "x")
      assert.deepInclude(yield* counts, { active: 0, idle: 1 })
    })
  )

  it.live("has fractions of a millisecond and the phases of TLS on real sockets", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const certificates = makeCertificates()
        const server = yield* makeRawServer({
          tls: certificates.server,
          onConnection: (connection) => Effect.map(connection.request, () => connection.answer("x"))
        })
        yield* withClient({ tls: { ca: [certificates.ca] } }, function* ({ client }) {
          const told: Array<CallTiming> = []
          const response = yield* client.execute({
            origin: yield* client.origin(new URL(`https://127.0.0.1:${server.port}/`)),
            method: "GET",
            target: "/",
            headers: [],
            body: emptyBody,
            onTiming: (timing) => told.push(timing)
          })
          yield* response.text
          const [timing] = told
          if (timing?.connect === undefined || timing.endAfterMillis === undefined) return assert.fail("not timed")
          const { tcpMillis = 0, tlsMillis = 0 } = timing.connect
          assert.isAbove(tcpMillis, 0)
          assert.isAbove(tlsMillis, 0)
          assert.isAtLeast(timing.leasedAfterMillis, tcpMillis + tlsMillis)
          assert.isAbove(timing.headAfterMillis, timing.leasedAfterMillis)
          assert.isAtLeast(timing.endAfterMillis, timing.headAfterMillis)
          assert.isFalse(Number.isInteger(timing.headAfterMillis) && Number.isInteger(timing.leasedAfterMillis))
        })
      })
    )
  )
})
