/**
 * A real server and a client for one spec, and the proof afterwards that nothing is left open.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { setTimeout } from "node:timers/promises"
import { type Client, type ClientOptions, createClient } from "@weir/fetch"
import { expect, it } from "vitest"

export interface World {
  readonly client: Client
  readonly base: string
  readonly server: Server
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Runs the body with a server that answers by `handler`; a call or a connection that is left fails it. */
export const withServer = async (
  handler: Handler,
  body: (world: World) => Promise<void>,
  options: ClientOptions = {},
  server: Server = createServer()
): Promise<void> => {
  server.on("request", (request: IncomingMessage, response: ServerResponse) => handler(request, response))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  const client = createClient(options)
  try {
    await body({ client, base: `http://127.0.0.1:${address.port}`, server })
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

export const spec = (
  name: string,
  handler: Handler,
  body: (world: World) => Promise<void>,
  options: ClientOptions = {}
): void => {
  it(name, () => withServer(handler, body, options))
}

/** Answers with what it got: method, URL, a header and the body. */
export const echo: Handler = async (request, response) => {
  let body = ""
  for await (const chunk of request) body += String(chunk)
  response.end(`${request.method} ${request.url} ${request.headers["x-a"] ?? "-"} ${body}`)
}

/** The error that a promise rejects with. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error("it did not reject")
    },
    (error: unknown) => error
  )

/** What a count has come to when it has stood still for a while: everything on the way is full. */
export const untilStalled = async (count: () => number): Promise<number> => {
  let before = count()
  for (let stillCount = 0; stillCount < 10; ) {
    await setTimeout(10)
    const now = count()
    stillCount = now === before && now > 0 ? stillCount + 1 : 0
    before = now
  }
  return before
}

/** Answers with 64 MB, as fast as they are taken, and counts them. */
export const flood = (): { readonly handler: Handler; readonly sentByteCount: () => number } => {
  let sentByteCount = 0
  const handler: Handler = (_, response) => {
    const piece = Buffer.alloc(256 * 1024, 97)
    const next = (): void => {
      for (;;) {
        if (sentByteCount === 64 * 1024 * 1024) return void response.end()
        sentByteCount += piece.length
        if (!response.write(piece)) return void response.once("drain", next)
      }
    }
    next()
  }
  return { handler, sentByteCount: () => sentByteCount }
}
