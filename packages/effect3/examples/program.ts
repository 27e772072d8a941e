import { HttpClient } from "@effect/platform"
import { WeirHttpClient } from "@weir/effect3"
import { Effect } from "effect"

const url = process.argv[2] ?? "http://127.0.0.1:8080/env"
const program = HttpClient.get(url, { headers: { host: "service-go" } }).pipe(Effect.flatMap((answer) => answer.text))
const pooled = WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })

console.log(await Effect.runPromise(program.pipe(Effect.provide(pooled))))
