import { createServer } from "node:http"
import { createClient } from "@weir/fetch"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const port = Number(process.argv[3] ?? 3000)
const client = createClient({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })

const server = createServer(async (_request, response) => {
  try {
    const answer = await client.request(upstream, { headers: { host: "service-go" } })
    response.end(await answer.text())
  } catch (error) {
    response.writeHead(502).end(String(error))
  }
})
server.listen(port, () => console.log(`listening on http://127.0.0.1:${port}`))
process.once("SIGTERM", () => server.close(() => client.close()))
