import { createServer } from "node:http"
import { WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { HttpClient } from "effect/http"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const pooled = WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10 } })
const runtime = ManagedRuntime.make(Layer.provide(pooled, NodeConnector.layer))
const call = HttpClient.get(upstream, { headers: { host: "service-go" } }).pipe(Effect.flatMap((answer) => answer.text))

const server = createServer(async (_request, response) => {
  response.end(await runtime.runPromise(call))
}).listen(Number(process.argv[3] ?? 3000))
process.once("SIGTERM", () => server.close(() => runtime.dispose()))
