/**
 * A call that is given up, at any moment, leaves nothing behind and disturbs nobody.
 */
import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import type { Body, ClientConfig } from "@weir/client"
import { Effect, Fiber, Scheduler, Stream } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { type MemoryWorld, type RequestFields, settled, withMemory } from "./support/world.ts"

expectNothingLeft()

const bytes: Body = { _tag: "Bytes", bytes: Buffer.from("abc") }
const endless: Body = { _tag: "Stream", stream: Stream.concat(Stream.make(Buffer.from("ab")), Stream.never) }
/** Makes a fiber yield before its operation of this number, once: whatever is to come between two operations may come there. */
class YieldsAt extends Scheduler.MixedScheduler {
  private operationCount: number

  constructor(operationCount: number) {
    super()
    this.operationCount = operationCount
  }

  override shouldYield(): boolean {
    return --this.operationCount === 0
  }
}

const begun = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nab"

/** Where a call stands when it is interrupted, and how it gets there. */
interface Point {
  readonly name: string
  readonly config?: ClientConfig
  readonly fields?: RequestFields
  readonly before?: (world: MemoryWorld) => Effect.Effect<void, unknown>
  readonly reach: (world: MemoryWorld) => void
  /** The rest of the body is waited for, to keep the connection. */
  readonly isDrained?: boolean
}

const warmUp = (world: MemoryWorld): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const caller = yield* world.start(world.call())
    world.network.connection(1).answer("x")
    yield* Fiber.join(caller)
  })

const nothing = (): void => {}

const points: ReadonlyArray<Point> = [
  {
    name: "while its connection is being opened",
    config: { pool: { surplusDial: "cancel" } },
    before: ({ network }) =>
      Effect.sync(() => {
        network.stuckIn = "tcp"
      }),
    reach: nothing
  },
  { name: "before the head, on a new connection", reach: nothing },
  { name: "before the head, on a used connection", before: warmUp, reach: nothing },
  {
    name: "while its body waits for 100 Continue",
    fields: { method: "POST", body: bytes, expectsContinue: true },
    reach: nothing
  },
  { name: "while it sends a stream", fields: { method: "POST", body: endless }, reach: nothing },
  {
    name: "while it waits for the server to take more of a stream",
    fields: {
      method: "POST",
      body: { _tag: "Stream", stream: Stream.make(Buffer.from("ab"), Buffer.from("cd")).pipe(Stream.rechunk(1)) }
    },
    before: (world) =>
      Effect.gen(function* () {
        yield* warmUp(world)
        world.network.connection(1).isFlowing = false
      }),
    reach: nothing
  },
  { name: "in mid-head", reach: ({ network }) => network.connection(1).send("HTTP/1.1 200 OK\r\nConte") },
  {
    name: "after a 1xx answer",
    reach: ({ network }) => network.connection(1).send("HTTP/1.1 103 Early Hints\r\n\r\n")
  },
  { name: "in mid-body", reach: ({ network }) => network.connection(1).send(begun) },
  {
    name: "in mid-body, while the server waits for the reader",
    config: { http: { bodyBufferByteCount: 1 } },
    reach: ({ network }) => network.connection(1).send(begun)
  },
  {
    name: "after a retry",
    before: warmUp,
    reach: ({ network }) => network.connection(1).finish()
  },
  {
    name: "in mid-body, with little left of it",
    isDrained: true,
    reach: ({ network }) => {
      network.connection(1).send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    }
  }
]

describe("a call that is interrupted", () => {
  for (const { before, config = {}, fields, isDrained, name, reach } of points) {
    it.effect(`leaves nothing behind: ${name}`, () =>
      withMemory(config, function* (world) {
        if (before !== undefined) yield* before(world)
        const caller = yield* world.start(Effect.flatMap(world.call(fields), (response) => response.text))
        reach(world)
        yield* settled
        assert.isUndefined(caller.pollUnsafe())
        yield* Fiber.interrupt(caller)
        if (isDrained === true) {
          assert.strictEqual((yield* world.counts).active, 1)
          world.network.connection(1).finish()
        }
        yield* settled
        assert.deepStrictEqual(yield* world.counts, { active: 0, pending: 0, dialling: 0, idle: 0, connections: 0 })
        assert.deepStrictEqual([world.network.openCount, world.network.diallingCount], [0, 0])
      })
    )
  }

  it.effect("in the queue gives its place to the next, and touches no other call", () =>
    withMemory({ pool: { connectionsPerRouteMax: 1 } }, function* ({ call, counts, network, start }) {
      const text = (target: string) => Effect.flatMap(call({ target }), (response) => response.text)
      const [first, second, third] = [yield* start(text("/1")), yield* start(text("/2")), yield* start(text("/3"))]
      yield* Fiber.interrupt(second)
      assert.strictEqual((yield* counts).pending, 1)
      const connection = network.connection(1)
      assert.include(connection.take(), "GET /1 ")
      connection.answer("1")
      assert.strictEqual(yield* Fiber.join(first), "1")
      yield* settled
      assert.include(connection.take(), "GET /3 ")
      connection.answer("3")
      assert.strictEqual(yield* Fiber.join(third), "3")
      assert.strictEqual(network.connections.length, 1)
    })
  )

  it.effect("by a dial that ends later leaves the connection to the pool", () =>
    withMemory({}, function* ({ call, counts, network, start }) {
      const text = (target: string) => Effect.flatMap(call({ target }), (response) => response.text)
      const first = yield* start(text("/1"))
      yield* Fiber.interrupt(first)
      yield* settled
      const second = yield* start(text("/2"))
      network.connection(2).answer("2")
      assert.strictEqual(yield* Fiber.join(second), "2")
      assert.strictEqual((yield* counts).idle, 1)
    })
  )

  it.effect("after its end does nothing to the next call on the connection", () =>
    withMemory({}, function* ({ call, network, start }) {
      const first = yield* start(
        Effect.flatMap(call({ target: "/1" }), (response) => Effect.andThen(response.text, Effect.never))
      )
      network.connection(1).answer("1")
      yield* settled
      const second = yield* start(Effect.flatMap(call({ target: "/2" }), (response) => response.text))
      yield* Fiber.interrupt(first)
      assert.isTrue(network.connection(1).isOpen)
      network.connection(1).answer("2")
      assert.strictEqual(yield* Fiber.join(second), "2")
    })
  )

  for (const what of ["an answer that is whole", "an answer whose body goes on", "a change of protocol"] as const) {
    it.effect(`at any step of taking ${what} leaves nothing behind`, () =>
      withMemory({ pool: { connectionsPerRouteMax: 1 } }, function* ({ call, counts, network, start }) {
        const answer = {
          "an answer that is whole": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
          "an answer whose body goes on": begun,
          "a change of protocol": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n"
        }[what]
        const fields = what === "a change of protocol" ? { headers: ["Upgrade", "echo"], isUpgrade: true } : {}
        for (let step = 1; step <= 60; step++) {
          const holding = Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(restore(call(fields)), (response) =>
              Effect.ensuring(
                restore(Effect.never),
                Effect.sync(() => response.discard())
              )
            )
          )
          const stepwise = Effect.provideService(holding, Scheduler.Scheduler, new YieldsAt(step))
          const caller = yield* start(stepwise)
          network.connections.at(-1)?.send(answer)
          yield* Fiber.interrupt(caller)
          yield* settled
          const { active, dialling, pending } = yield* counts
          assert.deepStrictEqual({ active, dialling, pending }, { active: 0, dialling: 0, pending: 0 })
        }
      })
    )
  }
})
