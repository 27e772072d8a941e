/**
 * A call through a proxy: one that is named, or those of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY).
 */
import { createClient, WeirError } from "@weir/fetch"

const [url = "http://127.0.0.1:8080/env", proxy = "environment"] = process.argv.slice(2)
await using client = createClient({
  proxy,
  // Origins with a proxy of their own, or with none; the first that matches counts.
  proxies: [{ match: "*://*.internal:*", proxy: "direct" }]
})

try {
  const answer = await client.request(url)
  console.log(answer.status, await answer.text())
} catch (error) {
  // A proxy that refuses is told with its address and status, and never with its password.
  if (!(error instanceof WeirError)) throw error
  console.log(error.code, error.message)
}
