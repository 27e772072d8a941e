/**
 * A program of somebody who has installed `@weir/fetch` and nothing else: twenty calls to the URL given, one after the
 * other by both ways in, and a word on how many connections they took.
 */
import { createClient } from "@weir/fetch"

const [url = ""] = process.argv.slice(2)
await using client = createClient({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })
const bodies = new Set<string>()
for (let count = 0; count < 10; count++) {
  bodies.add(await (await client.fetch(url)).text())
  bodies.add(await (await client.request(url)).text())
}
console.log([...bodies].join(), client.stats().createdCount)
