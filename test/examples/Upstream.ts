/**
 * What the examples call: a server that greets, and counts its connections.
 */
import { once } from "node:events"
import { createServer, type RequestListener, type Server } from "node:http"
import { portOf } from "../support/Listening.ts"

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
