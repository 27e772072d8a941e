/**
 * Beginning and ending to listen, and handlers that fail.
 */
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Logger, Scope } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { listening } from "../../../test/support/Listening.ts"
import { type Handler, type ListenError, listen } from "../src/Listener.ts"
import { call } from "./support/call.ts"
import { dial, exchangeRaw } from "./support/RawPeer.ts"

expectNothingLeft()

const hello: Handler = ({ response }) =>
  Effect.sync(() => {
    response.end("hello")
  })

const at = (port: number, isFixed: boolean) => ({ host: "127.0.0.1", port, isFixed })

/** A port that is taken for as long as the scope lasts. */
const takenPort = Effect.suspend(() => listening(createServer()))

describe("listening", () => {
  it.live("takes the next free port where any will do", () =>
    Effect.gen(function* () {
      const taken = yield* takenPort
      const listener = yield* listen(at(taken, false), hello)
      assert.isAbove(listener.port, taken)
      assert.strictEqual((yield* call(listener.port)).body, "hello")
    })
  )

  it.live("fails on a taken port that was asked for, and says so", () =>
    Effect.gen(function* () {
      const taken = yield* takenPort
      const error: ListenError = yield* Effect.flip(listen(at(taken, true), hello))
      assert.strictEqual(error.message, `cannot listen on 127.0.0.1:${taken}: the port is in use (EADDRINUSE)`)
    })
  )

  it.live("fails on an address that is not this machine's, whatever port it may have", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(listen({ host: "192.0.2.1", port: 0, isFixed: false }, hello))
      assert.match(error.message, /^cannot listen on 192\.0\.2\.1:0: no interface of this machine has the address/)
    })
  )
})

/** A handler that answers when the test says so, and one that tells when it was called. */
const makeHeld = Effect.gen(function* () {
  const called = yield* Deferred.make<void>()
  const go = yield* Deferred.make<void>()
  const handler: Handler = ({ response }) =>
    Effect.gen(function* () {
      yield* Deferred.succeed(called, undefined)
      yield* Deferred.await(go)
      yield* Effect.callback<void>((resume) => {
        response.end("held", () => resume(Effect.void))
      })
    })
  return { called, go, handler }
})

describe("closing", () => {
  it.live("lets a request under way finish, tells its caller to close, and takes no other", () =>
    Effect.gen(function* () {
      const { called, go, handler } = yield* makeHeld
      const scope = yield* Scope.make()
      const listener = yield* listen(at(0, true), handler).pipe(Scope.provide(scope))
      const caller = yield* dial(listener.port)
      caller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      const later = yield* dial(listener.port)
      yield* Deferred.await(called)
      assert.strictEqual(listener.activeCount(), 1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // Refused from now on: the port is free again for who wants it.
      yield* Effect.scoped(Effect.retry(listen(at(listener.port, true), hello), { while: () => true, times: 100 }))
      assert.strictEqual(closing.pollUnsafe(), undefined)
      // One that was connected before, and asks only now.
      later.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      while (listener.activeCount() < 2) yield* Effect.yieldNow
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(closing)
      for (const peer of [caller, later]) {
        yield* peer.ended
        assert.match(peer.received, /^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n.*\r\n\r\nheld$/is)
      }
    })
  )

  it.live("closes a connection that is idle between requests at once", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const listener = yield* listen(at(0, true), hello).pipe(Scope.provide(scope))
      const caller = yield* dial(listener.port)
      caller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      yield* caller.untilReceived("hello")
      yield* Scope.close(scope, Exit.void)
      yield* caller.ended
    })
  )

  it.live("lets a request finish that comes on a connection whose answer is awaited", () =>
    Effect.gen(function* () {
      const { called, go, handler } = yield* makeHeld
      const scope = yield* Scope.make()
      const listener = yield* listen(at(0, true), handler).pipe(Scope.provide(scope))
      const caller = yield* dial(listener.port)
      caller.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
      yield* Deferred.await(called)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(closing)
      yield* caller.ended
      assert.match(caller.received, /^HTTP\/1\.1 200 OK\r\n/)
    })
  )
})

/** What was logged while an effect ran. */
const withLog = <A, E, R>(effect: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ cause, message }) => {
    lines.push(`${String(message)} ${Cause.pretty(cause)}`)
  })
  return effect(lines).pipe(Effect.provide(Logger.layer([logger])))
}

describe("a handler that dies", () => {
  it.live("has its caller answered 500, is told of in the log, and the next one is served", () =>
    withLog((lines) =>
      Effect.gen(function* () {
        let count = 0
        const listener = yield* listen(at(0, true), (incoming) =>
          count++ === 0 ? Effect.die(new Error("a fault in the handler")) : hello(incoming)
        )
        const answer = yield* exchangeRaw(listener.port, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert.match(answer, /^HTTP\/1\.1 500 Internal Server Error\r\n/)
        assert.strictEqual((yield* call(listener.port)).body, "hello")
        assert.match(lines.join("\n"), /a defect ended GET \/x .*a fault in the handler/s)
      })
    )
  )

  it.live("in the middle of its answer has it broken off", () =>
    withLog(() =>
      Effect.gen(function* () {
        const listener = yield* listen(at(0, true), ({ response }) =>
          Effect.suspend(() => {
            response.write("half")
            return Effect.die(new Error("a fault in the handler"))
          })
        )
        const answer = yield* exchangeRaw(listener.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert.notMatch(answer, /\r\n0\r\n\r\n$|500/)
      })
    )
  )
})
