/**
 * A program written with Effect 4, over the layer: twenty calls to the URL given, and how many connections they took.
 */
import { WeirClient, WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect } from "effect"
import { HttpClient } from "effect/http"

const [url = ""] = process.argv.slice(2)
const program = Effect.gen(function* () {
  const get = Effect.flatMap(HttpClient.get(url), (response) => response.text)
  const bodies = new Set(yield* Effect.all(Array.from({ length: 20 }, () => get)))
  const { createdCount } = yield* Effect.flatMap(WeirClient, ({ pool }) => pool.stats)
  return `${[...bodies].join()} ${createdCount}`
})
const pooled = WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })

console.log(await Effect.runPromise(program.pipe(Effect.provide(pooled), Effect.provide(NodeConnector.layer))))
