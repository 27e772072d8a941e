/**
 * A real node:http or node:https server on loopback that says what it saw, and when its clients have left nothing open.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { Effect, type Scope } from "effect"
import { watchServer } from "../../../test/support/WatchedServer.ts"
import { cert, key } from "./localhostCertificate.ts"

export interface TestServer {
  readonly url: string
  /** The number of requests each connection carried, in the order the connections came. */
  readonly requestCounts: () => ReadonlyArray<number>
  readonly requestCount: () => number
  /** Ends when this many requests have come. */
  readonly seen: (requestCount: number) => Effect.Effect<void>
  /** Ends when no connection is open; call it after a run. */
  readonly allClosed: Effect.Effect<void>
}

export type Answer = (request: IncomingMessage, response: ServerResponse, requestNumber: number) => void

/** `answer` gets the requests numbered from 1. */
export const makeTestServer = (
  answer: Answer,
  protocol: "http" | "https" = "http"
): Effect.Effect<TestServer, never, Scope.Scope> =>
  Effect.map(
    watchServer(protocol === "http" ? createServer() : createSecureServer({ cert, key }), answer),
    ({ begunCount, openCount, port, requestCounts, until }) => ({
      url: `${protocol}://127.0.0.1:${port}/`,
      requestCounts,
      requestCount: begunCount,
      seen: (count) => until(() => begunCount() >= count),
      allClosed: until(() => openCount() === 0)
    })
  )
