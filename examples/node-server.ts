import { createServer } from "node:http"
import { createClient } from "@weir/fetch"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const client = createClient({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })

const server = createServer(async (_request, response) => {
  const answer = await client.request(upstream, { headers: { host: "service-go" } })
  response.end(await answer.text())
}).listen(Number(process.argv[3] ?? 3000))
process.once("SIGTERM", () => server.close(() => client.close()))
