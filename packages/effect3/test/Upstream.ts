/**
 * A real server for one test, and the layer under test in front of it; afterwards nothing may be open.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { HttpClient } from "@effect/platform"
import { Effect } from "effect"
import { listen } from "../../../test/support/Listening.ts"
import { type ClientOptions, WeirHttpClient } from "../src/index.ts"

/** Runs the program with the layer; a connection that is left open fails the test. */
export const against = async <A, E>(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  program: (url: string) => Effect.Effect<A, E, HttpClient.HttpClient | WeirHttpClient.WeirClient>,
  options: ClientOptions = {}
): Promise<A> => {
  const server = createServer(handler)
  const port = await listen(server)
  const closings: Array<Promise<unknown>> = []
  server.on("connection", (socket) => {
    closings.push(new Promise((resolve) => socket.once("close", resolve)))
  })
  try {
    const layer = WeirHttpClient.layer({ http: { drainTimeout: 0 }, ...options })
    return await Effect.runPromise(program(`http://127.0.0.1:${port}`).pipe(Effect.provide(layer)))
  } finally {
    // A connection that the layer leaves open keeps the test from ending.
    await Promise.all(closings)
    server.close()
  }
}

export const textOf = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}
