/**
 * What specs of time limits ask: does it end exactly then, and what does the error say?
 */
import { assert, it } from "@effect/vitest"
import type { CallTimeout, ClientConfig, ClientError, ClientResponse } from "@weir/client"
import { Effect, type Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type MemoryWorld, settled, withMemory } from "./world.ts"

/** The fiber ends exactly when so much time has passed from now, and gives what it ended with. */
export const endsAfter = <A, E>(fiber: Fiber.Fiber<A, E>, millis: number): Effect.Effect<A> =>
  Effect.gen(function* () {
    yield* TestClock.adjust(millis - 1)
    yield* settled
    assert.isUndefined(fiber.pollUnsafe(), `ended before ${millis} ms`)
    yield* TestClock.adjust(1)
    yield* settled
    const exit = fiber.pollUnsafe()
    if (exit === undefined) return assert.fail(`not ended after ${millis} ms`)
    if (exit._tag === "Failure") return assert.fail(`failed: ${exit.cause}`)
    return exit.value
  })

export const timeoutOf = (error: ClientError): CallTimeout => {
  if (error.reason._tag !== "CallTimeout") return assert.fail(`${error.reason._tag}: ${error.message}`)
  return error.reason
}

/** The head of an answer of so many bytes, with the first of them. */
export const begun = (byteCount: number, first: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${byteCount}\r\n\r\n${first}`

/** A response whose body goes on. */
export const respond = (world: MemoryWorld, answer: string): Effect.Effect<ClientResponse, ClientError> =>
  Effect.gen(function* () {
    const caller = yield* world.start(world.call())
    world.network.connection(1).send(answer)
    yield* settled
    const exit = caller.pollUnsafe()
    if (exit === undefined) return assert.fail("no response")
    return yield* exit
  })

export const spec = (name: string, config: ClientConfig, steps: Parameters<typeof withMemory>[1]) => {
  it.effect(name, () => withMemory(config, steps))
}
