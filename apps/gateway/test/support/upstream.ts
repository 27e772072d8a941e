/**
 * An endpoint of `node:http` that answers as the test says and shows what it saw.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, type Scope } from "effect"
import { type WatchedServer, watchServer } from "../../../../test/support/WatchedServer.ts"

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: string
}

export interface Upstream extends WatchedServer {
  /** In the order in which their bodies were complete. */
  readonly requests: ReadonlyArray<SeenRequest>
}

export type Answer = (request: SeenRequest, response: ServerResponse, message: IncomingMessage) => void

/** Calls `answer` when a request is complete. */
export const makeUpstream = (answer: Answer): Effect.Effect<Upstream, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<SeenRequest> = []
    const watched = yield* watchServer(createServer(), (message, response, _number, tell) => {
      const chunks: Array<Buffer> = []
      message.on("data", (chunk: Buffer) => chunks.push(chunk))
      message.on("end", () => {
        const { headers, method = "", rawHeaders, url = "" } = message
        const seen = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString("latin1") }
        requests.push(seen)
        answer(seen, response, message)
        tell()
      })
    })
    return { ...watched, requests }
  })
