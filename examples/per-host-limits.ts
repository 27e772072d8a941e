/**
 * Two upstreams in one process: one bears much, the other two calls at a time and five that wait.
 */
import { createClient, WeirError } from "@weir/fetch"

const [strong = "http://127.0.0.1:8080/env", weak = "http://127.0.0.1:8081/env"] = process.argv.slice(2)
await using client = createClient({
  pool: {
    connectionsPerRouteMax: 20,
    overrides: [{ match: new URL(weak).origin, connectionsPerRouteMax: 2, pendingPerRouteMax: 5 }]
  }
})

const callTenTimes = async (url: string): Promise<void> => {
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, async () => await (await client.request(url)).text())
  )
  const answeredCount = results.filter(({ status }) => status === "fulfilled").length
  console.log(url, "answered", answeredCount, "of 10")
  for (const result of results) {
    if (result.status === "rejected" && result.reason instanceof WeirError) console.log(result.reason.message)
  }
}

await Promise.all([callTenTimes(strong), callTenTimes(weak)])
