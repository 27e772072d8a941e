/**
 * The application behind the servers that pass requests on, and, with `node:http` in front, a server of its own. It
 * writes down every number it is asked for.
 */
import { Buffer } from "node:buffer"
import { createReadStream, statSync } from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { join } from "node:path"
import { Receipt } from "./Content.ts"

export const chunkedText = "one two three "

export class Backend {
  /** How often each number has come, with its method: `POST 12`. */
  readonly seen = new Map<string, number>()
  readonly #directory: string

  /** `directory` holds what is below `/static/`. */
  constructor(directory: string) {
    this.#directory = directory
  }

  makeServer(): Server {
    return createServer((request, response) => {
      this.#answer(request, response).catch((error) => response.destroy(error))
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request
    if (url.startsWith("/static/")) {
      this.#serveFile(request, response, url)
      return
    }
    const receipt = new Receipt()
    for await (const piece of request) receipt.add(Buffer.from(piece))
    switch (url) {
      case "/app/receipt":
        response.end(receipt.toString())
        return
      case "/app/chunked":
        for (const word of chunkedText.split(/(?<= )/)) response.write(word)
        response.end()
        return
      case "/app/trailers":
        response.writeHead(200, { Trailer: "X-End" })
        response.write("with trailers")
        response.addTrailers({ "X-End": "reached" })
        response.end()
        return
      default: {
        const number = url.slice("/app/number/".length)
        const key = `${method} ${number}`
        this.seen.set(key, (this.seen.get(key) ?? 0) + 1)
        response.end(`answer to ${number}`)
      }
    }
  }

  #serveFile(request: IncomingMessage, response: ServerResponse, url: string): void {
    const path = join(this.#directory, url)
    const { mtimeMs, size } = statSync(path)
    const tag = `"${mtimeMs}-${size}"`
    response.setHeader("ETag", tag)
    if (request.headers["if-none-match"] === tag) {
      response.writeHead(304).end()
      return
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")
    const [start, end] = range === null ? [0, size - 1] : [Number(range[1]), Number(range[2])]
    if (range !== null) response.setHeader("Content-Range", `bytes ${start}-${end}/${size}`)
    response.writeHead(range === null ? 200 : 206, { "Content-Length": end - start + 1 })
    if (request.method === "HEAD") response.end()
    else createReadStream(path, { start, end }).pipe(response)
  }
}
