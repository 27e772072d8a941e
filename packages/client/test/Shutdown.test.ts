/**
 * What becomes of calls under way when the client's scope closes.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { WeirClient, type WeirClientService } from "@weir/client"
import { Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { MemoryNetwork } from "./support/MemoryNetwork.ts"
import { countsOf, requestTo, settled } from "./support/world.ts"

expectNothingLeft()

/** A client whose scope the spec closes; `close` is that close, under way. */
const open = Effect.gen(function* () {
  const network = new MemoryNetwork()
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(Layer.provide(WeirClient.layer(), network.layer), scope)
  const client: WeirClientService = yield* Effect.provide(WeirClient, context)
  const close = Effect.tap(Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true }), () => settled)
  return { client, network, close }
})

describe("closing the client", () => {
  it.effect("lets a call end that is sending its body, and refuses new ones", () =>
    Effect.gen(function* () {
      const { client, close, network } = yield* open
      const late = Effect.as(Effect.sleep(1000), Buffer.from("cd"))
      const stream = Stream.concat(Stream.make(Buffer.from("ab")), Stream.fromEffect(late))
      const request = requestTo(client, 80, { method: "POST", body: { _tag: "Stream", stream, byteCount: 4 } })
      const caller = yield* Effect.forkChild(
        Effect.flatMap(client.execute(request), ({ text }) => text),
        { startImmediately: true }
      )
      yield* settled
      const closing = yield* close
      const refused = yield* Effect.flip(client.execute(requestTo(client, 80)))
      assert.match(refused.message, /refused \(pool-closed\): the pool is shut down$/)
      yield* TestClock.adjust(1000)
      yield* settled
      assert.isUndefined(closing.pollUnsafe())
      assert.isTrue(network.connection(1).take().endsWith("abcd"))
      network.connection(1).answer("stored")
      assert.strictEqual(yield* Fiber.join(caller), "stored")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* countsOf(client)).connections, 0)
    })
  )

  it.effect("keeps the time limits of calls under way", () =>
    Effect.gen(function* () {
      const { client, close } = yield* open
      const caller = yield* Effect.forkChild(Effect.flip(client.execute(requestTo(client, 80, { timeout: 100 }))), {
        startImmediately: true
      })
      yield* settled
      const closing = yield* close
      yield* TestClock.adjust(100)
      assert.include((yield* Fiber.join(caller)).reason, { _tag: "CallTimeout", phase: "request" })
      yield* Fiber.join(closing)
    })
  )

  it.effect("ends calls that outlast shutdownTimeout, the sending of their bodies too", () =>
    Effect.gen(function* () {
      const { client, close } = yield* open
      let isInterrupted = false
      const endless = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          isInterrupted = true
        })
      )
      const request = requestTo(client, 80, {
        method: "POST",
        body: { _tag: "Stream", stream: Stream.fromEffect(endless) }
      })
      const caller = yield* Effect.forkChild(Effect.flip(client.execute(request)), { startImmediately: true })
      yield* settled
      const closing = yield* close
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(caller)).reason._tag, "ConnectionLost")
      yield* Fiber.join(closing)
      assert.isTrue(isInterrupted)
    })
  )
})
