/**
 * `service-go` in two versions, as the published experiment has it: a small answer after some 20 ms of work.
 */
import { Effect, type Scope } from "effect"
import type { DemoEndpoint } from "../config/circuitBreakingDemo.ts"
import { type ListenError, listen } from "../Listener.ts"

export const workMillis = 20

export const serveUpstream = (version: "v1" | "v2"): Effect.Effect<DemoEndpoint, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const body = Buffer.from(`${JSON.stringify({ message: `hello from service-go ${version}` })}\n`)
    const { port } = yield* listen({ host: "127.0.0.1", port: 0, isFixed: true }, ({ message, response }) =>
      Effect.gen(function* () {
        message.resume()
        yield* Effect.sleep(workMillis)
        response.writeHead(200, { "content-type": "application/json", "content-length": body.length })
        response.end(body)
      })
    )
    return { port, version }
  })
