/**
 * On SIGTERM: nobody new comes in, who is in gets an answer, and calls to the upstream have ten seconds to end.
 */
import { once } from "node:events"
import { createServer } from "node:http"
import { createClient } from "@weir/fetch"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const client = createClient({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })

const server = createServer(async (_request, response) => {
  try {
    const answer = await client.request(upstream)
    response.end(await answer.text())
  } catch (error) {
    response.writeHead(502).end(`${error}`)
  }
})
server.listen(Number(process.argv[3] ?? 3000), "127.0.0.1", () => {
  const address = server.address()
  if (typeof address === "object") console.log(`listening on http://127.0.0.1:${address?.port}`)
})

await once(process, "SIGTERM")
const closed = once(server, "close")
server.close()
console.log("closing")
await closed
await client.close(10_000)
console.log("closed with", client.stats().connections.used, "connections open")
