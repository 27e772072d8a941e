import { createClient } from "npm:@weir/fetch"

const url = Deno.args[0] ?? "http://127.0.0.1:8080/env"
await using client = createClient({ pool: { connectionsPerRouteMax: 10 } })

const answers = await Promise.all(
  Array.from({ length: 100 }, () => client.request(url).then((answer) => answer.text()))
)
console.log(answers[0], client.stats().createdCount)
