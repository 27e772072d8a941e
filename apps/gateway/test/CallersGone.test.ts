/**
 * Callers that go away in the middle of their request, or in the very moment in which their answer comes, on each runtime
 * the gateway starts on.
 */
import { createServer, type ServerResponse } from "node:http"
import { connect } from "node:net"
import { setImmediate } from "node:timers"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { listening } from "../../../test/support/Listening.ts"
import { servingOn } from "./support/serving.ts"

expectNothingLeft()

const callerCount = 60

/** One call whose caller leaves so many turns after its request has reached the endpoint, which answers at once. */
const abandoned = (port: number, arrived: Map<string, () => void>, index: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("error", () => {})
    socket.once("close", () => resolve())
    const leave = (turns: number): void => {
      if (turns === 0) socket.destroy()
      else setImmediate(() => leave(turns - 1))
    }
    arrived.set(`/${index}`, () => leave(index % 6))
    socket.write(`POST /${index} HTTP/1.1\r\nHost: up.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
  })

/** Leaves when the gateway has asked for the body. */
const brokenOff = (port: number, framing: string): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("error", () => {})
    socket.once("close", () => resolve())
    socket.write(`POST / HTTP/1.1\r\nHost: up.test\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`)
    socket.once("data", () => socket.destroy())
  })

describe("callers that leave in the middle of their body", () => {
  const framings = ["Content-Length: 100", "Content-Length: 100000", "Transfer-Encoding: chunked"]

  it.live.each(["node", "bun", "deno"] as const)("are no defect to the gateway on %s", (runtime) =>
    Effect.gen(function* () {
      const upstreamPort = yield* listening(
        createServer((request, response) => request.resume().once("end", () => response.end("answer")))
      )
      const { port, running } = yield* servingOn(runtime, upstreamPort)
      for (const framing of framings) yield* Effect.promise(() => brokenOff(port, framing))
      yield* running.until(/"POST .* 0 DC /, framings.length)
      running.child.kill("SIGTERM")
      const { status, stderr } = yield* running.ended
      assert.notMatch(stderr, /error/i)
      assert.strictEqual(status, 0)
    })
  )
})

describe("callers that leave as their answer comes", () => {
  it.live.each(["node", "bun", "deno"] as const)("are over when the gateway on %s is told to stop", (runtime) =>
    Effect.gen(function* () {
      const arrived = new Map<string, () => void>()
      const answer = (url: string | undefined, response: ServerResponse): void => {
        response.end("answer")
        arrived.get(url ?? "")?.()
      }
      const upstreamPort = yield* listening(
        createServer((request, response) => request.resume().once("end", () => answer(request.url, response)))
      )
      const { port, running } = yield* servingOn(runtime, upstreamPort)
      for (let index = 0; index < callerCount; index += 6) {
        const some = Array.from({ length: 6 }, (_, nth) => abandoned(port, arrived, index + nth))
        yield* Effect.promise(() => Promise.all(some))
      }
      yield* running.until('"POST ', callerCount)
      running.child.kill("SIGTERM")
      const { status, stderr } = yield* running.ended
      assert.match(stderr, /^stopping$/m)
      assert.strictEqual(status, 0)
    })
  )
})
