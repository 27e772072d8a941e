/**
 * The server of the suites about fetch, a Node process of its own whatever runtime the caller is on:
 * `node PeerProcess.ts`. It prints its port, and ends when its stdin does. What it answers, the query of the URL says.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"

/** Requests under way by the `id` that they gave, and those whose connection has been closed before their answer. */
const closings = new Map<string, Promise<unknown>>()

const closingOf = (request: IncomingMessage, id: string): void => {
  closings.set(id, new Promise((resolve) => request.socket.once("close", resolve)))
}

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const codings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync } as const
const isCoding = (name: string): name is keyof typeof codings => Object.hasOwn(codings, name)

const routes: Readonly<
  Record<string, (query: URLSearchParams, request: IncomingMessage, response: ServerResponse) => unknown>
> = {
  /** What arrived, as JSON. */
  "/echo": async (_, request, response) => {
    const body = (await readAll(request)).toString("latin1")
    const { headers, method, rawHeaders, url } = request
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ method, url, headers, rawHeaders, body, client: request.socket.remotePort }))
  },
  "/redirect": async (query, request, response) => {
    await readAll(request)
    const location = query.get("location")
    response.writeHead(Number(query.get("status") ?? 302), location === null ? {} : { location }).end("moved")
  },
  /** `count` redirects, then an answer. */
  "/hops": (query, _, response) => {
    const count = Number(query.get("count"))
    if (count > 0) response.writeHead(302, { location: `/hops?count=${count - 1}` }).end()
    else response.end("arrived")
  },
  /** `status`, and each `header` as `name: value`. */
  "/answer": async (query, request, response) => {
    await readAll(request)
    response.statusCode = Number(query.get("status") ?? 200)
    if (query.has("reason")) response.statusMessage = query.get("reason") ?? ""
    for (const header of query.getAll("header")) {
      const [name = "", value = ""] = header.split(/: (.*)/)
      response.appendHeader(name, value)
    }
    response.end(Buffer.from(query.get("body") ?? "", query.has("latin1") ? "latin1" : "utf8"))
  },
  "/coded": (query, _, response) => {
    const coding = query.get("coding") ?? ""
    const body = query.get("body") ?? ""
    response.writeHead(200, { "content-encoding": coding })
    response.end(isCoding(coding) ? codings[coding](body) : body)
  },
  /** Exactly these bytes, base64, and then the end of the connection. */
  "/raw": (query, request) => request.socket.end(Buffer.from(query.get("bytes") ?? "", "base64")),
  /** A first chunk, and no end. */
  "/endless": (query, request, response) => {
    closingOf(request, query.get("id") ?? "")
    response.write("begun")
  },
  /** No answer at all. */
  "/silence": (query, request) => closingOf(request, query.get("id") ?? ""),
  /** Answers once the connection of that request has been closed. */
  "/closed": async (query, _, response) => {
    await closings.get(query.get("id") ?? "")
    response.end(closings.has(query.get("id") ?? "") ? "closed" : "never begun")
  },
  /** Closes the connection before any answer. */
  "/reset": (_, request) => request.socket.destroy(),
  /** A chunked body with a trailer. */
  "/trailer": (_, __, response) => {
    response.writeHead(200, { trailer: "x-sum" }).write("body")
    response.addTrailers({ "x-sum": "4" })
    response.end()
  },
  /** So many bytes of a pattern. */
  "/bytes": (query, _, response) => {
    response.end(
      Buffer.alloc(
        Number(query.get("count")),
        Uint8Array.from({ length: 251 }, (_, index) => index)
      )
    )
  },
  /** Chunks as they arrive. */
  "/mirror": (_, request, response) => request.pipe(response)
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://peer.test")
  const route = routes[pathname]
  if (route === undefined) response.writeHead(404).end()
  else Promise.resolve(route(searchParams, request, response)).catch(() => request.socket.destroy())
})
server.listen(0, "127.0.0.1")
await once(server, "listening")
const address = server.address()
if (address === null || typeof address === "string") throw new Error("the peer does not listen on a port")
console.log(address.port)
process.stdin.on("end", () => process.exit()).resume()
