/**
 * A real server and a client of `@weir/fetch` for one spec, and the proof afterwards that nothing is left open.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { type Client, type ClientOptions, createClient } from "@weir/fetch"
import { expect, it } from "vitest"
import { listen } from "./Listening.ts"

export interface World {
  readonly client: Client
  readonly base: string
  readonly server: Server
  /** Requests that the server has seen, as `METHOD /path`. */
  readonly seen: ReadonlyArray<string>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Runs the body with a server that answers by `handler`; a call or a connection that is left fails it. */
export const withServer = async (
  handler: Handler,
  body: (world: World) => Promise<void>,
  options: ClientOptions = {},
  server: Server = createServer()
): Promise<void> => {
  const seen: Array<string> = []
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    seen.push(`${request.method} ${request.url}`)
    Promise.resolve(handler(request, response)).catch((error: unknown) => response.destroy(new Error(String(error))))
  })
  const port = await listen(server)
  const client = createClient(options)
  try {
    await body({ client, base: `http://127.0.0.1:${port}`, server, seen })
    await expect.poll(() => client.stats().active.used).toBe(0)
  } finally {
    await client.close(1000)
    const closed = once(server, "close")
    server.close()
    await closed
  }
  const { active, connections, pending } = client.stats()
  expect([active.used, connections.used, pending.used]).toEqual([0, 0, 0])
}

/** One spec: `handler` answers, `body` calls. */
export const spec = (
  name: string,
  handler: Handler,
  body: (world: World) => Promise<void>,
  options: ClientOptions = {}
): void => {
  it(name, () => withServer(handler, body, options))
}

/** The whole body of a request. */
export const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}
