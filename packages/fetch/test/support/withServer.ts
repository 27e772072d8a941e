/**
 * A real server and a client for one spec, and the proof afterwards that nothing is left open.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { expect, it } from "vitest"
import { type Client, type ClientOptions, createClient } from "../../src/index.ts"

export interface World {
  readonly client: Client
  readonly base: string
  /** Requests that the server has seen, as `METHOD /path`. */
  readonly seen: ReadonlyArray<string>
}

export const portOf = (server: Server): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  return address.port
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** One spec: `handler` answers, `body` calls; a server or client that keeps something open fails it. */
export const spec = (
  name: string,
  handler: Handler,
  body: (world: World) => Promise<void>,
  options: ClientOptions = {}
): void => {
  it(name, async () => {
    const seen: Array<string> = []
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`)
      Promise.resolve(handler(request, response)).catch((error: unknown) => response.destroy(new Error(String(error))))
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const client = createClient(options)
    try {
      await body({ client, base: `http://127.0.0.1:${portOf(server)}`, seen })
    } finally {
      await client.close(1000)
      const closed = once(server, "close")
      server.close()
      await closed
    }
    const { active, connections, pending } = client.stats()
    expect([active.used, connections.used, pending.used]).toEqual([0, 0, 0])
  })
}

/** The whole body of a request. */
export const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}
