/**
 * What the examples call: a server that greets, and counts its connections.
 */
import { once } from "node:events"
import { createServer, type RequestListener, type Server } from "node:http"

export const portOf = (server: { readonly address: Server["address"] }): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port")
  return address.port
}

/** A port that was free just now, for an example that has to be told one. */
export const freePort = async (): Promise<number> => {
  const placeholder = createServer().listen(0, "127.0.0.1")
  await once(placeholder, "listening")
  const port = portOf(placeholder)
  const closed = once(placeholder, "close")
  placeholder.close()
  await closed
  return port
}

export class Upstream implements AsyncDisposable {
  readonly #server: Server
  connectionCount = 0

  private constructor(handler: RequestListener) {
    this.#server = createServer(handler)
    this.#server.on("connection", () => this.connectionCount++)
  }

  static async start(
    handler: RequestListener = (request, response) => response.end(`hello ${request.headers.host}`)
  ): Promise<Upstream> {
    const upstream = new Upstream(handler)
    upstream.#server.listen(0, "127.0.0.1")
    await once(upstream.#server, "listening")
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.#server)}/env`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close")
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
