import { serve } from "@hono/node-server"
import { createClient } from "@weir/fetch"
import { Hono } from "hono"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const client = createClient({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })

const app = new Hono()
app.get("/", async (context) => {
  // Who goes away takes their call to the upstream along.
  const answer = await client.fetch(upstream, { signal: context.req.raw.signal })
  return new Response(answer.body, { status: answer.status, headers: { "content-type": "text/plain" } })
})
app.get("/pool", (context) => context.json(client.stats()))

const listen = { fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.argv[3] ?? 3000) }
const server = serve(listen, ({ port }) => console.log(`listening on http://127.0.0.1:${port}`))
process.once("SIGTERM", () => server.close(() => client.close()))
