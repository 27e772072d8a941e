/** A Node proxy that people use: `node fast-proxy.ts PORT UPSTREAM_PORT`. */
import { createServer } from "node:http"
import fastProxy from "fast-proxy"

const [port, upstreamPort] = process.argv.slice(2)
const { proxy } = fastProxy({ base: `http://127.0.0.1:${upstreamPort}`, undici: { connections: 50, pipelining: 1 } })
createServer((request, response) => proxy(request, response, request.url ?? "/", {})).listen(Number(port), "127.0.0.1")
