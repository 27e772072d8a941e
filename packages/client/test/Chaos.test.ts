/**
 * Many callers, interrupted at random, on a server that misbehaves at random: whatever happens, an answer reaches the
 * caller whose request it answers, a POST reaches the server once, and nothing is left.
 */
import { Buffer } from "node:buffer"
import { setImmediate, setTimeout } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { ClientError } from "@weir/client"
import { Effect, Exit, Fiber, Random, Schedule, Stream } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import type { RawConnection, RawRequest } from "./support/RawServer.ts"
import { type RawWorld, withRawServer } from "./support/world.ts"

expectNothingLeft()

/** The body of the answer to a request: its number, and so many bytes that tell the number again. */
const bodyOf = (number: string, byteCount: number): string => `${number}:${number.at(-1)?.repeat(byteCount)}`

const behaviours = [
  "answers",
  "answers",
  "answers",
  "answers later",
  "answers in chunks",
  "answers in pieces",
  "answers at length",
  "answers after 103",
  "answers and closes",
  "answers and says more",
  "answers HTTP/1.0",
  "answers up to a point and closes",
  "closes",
  "resets",
  "says nothing for long"
] as const

type Pick = <A>(list: ReadonlyArray<A>) => A

/** Plays the server on one connection until it has been closed. */
const serve = (connection: RawConnection, pick: Pick, seen: (request: RawRequest) => void) =>
  Effect.gen(function* () {
    while (!connection.hasEnded) {
      const request = yield* connection.request
      seen(request)
      const number = /\/(\d+)/.exec(request.line)?.[1] ?? ""
      const behaviour = pick(behaviours)
      const byteCount = behaviour === "answers at length" ? 200_000 : pick([0, 10, 3000])
      const body = bodyOf(number, byteCount)
      switch (behaviour) {
        case "answers":
          connection.answer(body)
          break
        case "answers later":
          yield* Effect.promise(() => setTimeout(pick([0, 1, 5])))
          connection.answer(body)
          break
        case "answers in chunks":
          connection.send(
            `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
          )
          break
        case "answers in pieces":
          connection.send("HTTP/1.1 200 OK\r\nContent-Le")
          yield* Effect.promise(() => setImmediate())
          connection.send(`ngth: ${body.length}\r\n\r\n${body.slice(0, 1)}`)
          yield* Effect.promise(() => setImmediate())
          connection.send(body.slice(1))
          break
        case "answers at length":
          connection.answer(body)
          break
        case "answers after 103":
          connection.send("HTTP/1.1 103 Early Hints\r\n\r\n")
          connection.answer(body)
          break
        case "answers and closes":
          connection.answer(body, "200 OK", "Connection: close\r\n")
          connection.finish()
          return
        case "answers and says more":
          connection.answer(body)
          connection.answer("of nobody")
          return
        case "answers HTTP/1.0":
          connection.send(`HTTP/1.0 200 OK\r\n\r\n${body}`)
          connection.finish()
          return
        case "answers up to a point and closes":
          connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length + 5}\r\n\r\n${body}`)
          connection.finish()
          return
        case "closes":
          connection.finish()
          return
        case "resets":
          connection.reset()
          return
        case "says nothing for long":
          yield* Effect.promise(() => setTimeout(20))
          connection.finish()
          return
      }
    }
  })

const callerCount = 200
const requestsPerCaller = 6

const storm = ({ call, counts, server }: RawWorld, pick: Pick) =>
  Effect.gen(function* () {
    let nextNumber = 1
    let answeredCount = 0
    const one = Effect.suspend(() => {
      const number = String(nextNumber++)
      const kind = pick(["GET", "GET", "POST", "stream", "ignore"])
      const isPost = kind === "POST" || kind === "stream"
      const stream = Stream.make(Buffer.from(number), Buffer.from("-")).pipe(Stream.rechunk(1))
      const answered = call({
        method: isPost ? "POST" : "GET",
        target: `/${number}`,
        body:
          kind === "stream"
            ? { _tag: "Stream", stream }
            : kind === "POST"
              ? { _tag: "Bytes", bytes: Buffer.from(number) }
              : { _tag: "Empty" }
      })
      return Effect.flatMap(answered, (response) => {
        if (kind === "ignore") return Effect.sync(() => response.discard())
        return Effect.map(response.text, (text) => {
          const told = text.slice(0, text.indexOf(":"))
          assert.strictEqual(told, number, "an answer that belongs to another request")
          assert.strictEqual(text, bodyOf(number, text.length - number.length - 1))
          answeredCount++
        })
      })
    })
    const caller = Effect.gen(function* () {
      for (let count = 0; count < requestsPerCaller; count++) {
        const fiber = yield* Effect.forkChild(Effect.exit(one), { startImmediately: true })
        if (pick([true, false, false])) {
          const turnCount = pick([0, 1, 2, 5, 20])
          yield* Effect.promise(async () => {
            for (let turn = 0; turn < turnCount; turn++) await setImmediate()
          })
          yield* Fiber.interrupt(fiber)
        } else {
          const exit = yield* Fiber.join(fiber)
          if (Exit.isSuccess(exit)) continue
          for (const reason of exit.cause.reasons) {
            if (reason._tag === "Fail") assert.instanceOf(reason.error, ClientError)
            else assert.fail(String(exit))
          }
        }
      }
    })
    yield* Effect.all(
      Array.from({ length: callerCount }, () => caller),
      { concurrency: "unbounded" }
    )
    assert.isAbove(answeredCount, callerCount)
    const { active, dialling, pending } = yield* Effect.repeat(counts, {
      // Answers that were thrown away are still being drained, for as long as `drainTimeout`.
      until: (now) => now.active === 0,
      schedule: Schedule.spaced(5)
    }).pipe(Effect.timeout("5 seconds"))
    assert.deepStrictEqual({ active, dialling, pending }, { active: 0, dialling: 0, pending: 0 })
    assert.isAbove(server.connections.length, 1)
  })

describe("two hundred callers", () => {
  for (const seed of ["a", "b", "c"]) {
    it.live(`get their own answers or an error, and leave nothing, on a server that misbehaves (${seed})`, () =>
      Effect.gen(function* () {
        const random = yield* Random.Random
        const pick: Pick = (list) => {
          const item = list[Math.floor(random.nextDoubleUnsafe() * list.length)]
          return item === undefined ? assert.fail("picked from nothing") : item
        }
        const posts = new Map<string, number>()
        const seen = ({ body, line }: RawRequest) => {
          if (!line.startsWith("POST")) return
          posts.set(line, (posts.get(line) ?? 0) + 1)
          assert.strictEqual(body.replace("-", ""), /\/(\d+)/.exec(line)?.[1])
        }
        yield* withRawServer(
          function* (world) {
            yield* storm(world, pick)
            assert.deepStrictEqual(
              [...posts].filter(([, count]) => count > 1),
              [],
              "sent more than once"
            )
          },
          {
            pool: { connectionsPerRouteMax: 20 },
            http: { drainTimeout: "200 millis", bodyBufferByteCount: 1000 }
          },
          { onConnection: (connection) => serve(connection, pick, seen) }
        )
      }).pipe(Random.withSeed(seed))
    )
  }
})
