/**
 * A service on `@effect/platform-node` that asks an upstream for each request it gets, over a pool:
 * `node node-service.ts UPSTREAM PORT`. SIGTERM and SIGINT end it once the answers under way are out.
 */
import { createServer } from "node:http"
import { HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { WeirHttpClient } from "@weir/effect3"
import { Effect, Layer } from "effect"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const port = Number(process.argv[3] ?? 3000)

const routes = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/",
    Effect.map(HttpClient.get(upstream), (answer) => HttpServerResponse.stream(answer.stream))
  ),
  HttpRouter.get(
    "/pool",
    Effect.map(WeirHttpClient.WeirClient, (client) => HttpServerResponse.unsafeJson(client.stats()))
  )
)

const service = HttpServer.serve(routes).pipe(
  HttpServer.withLogAddress,
  Layer.provide(WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })),
  Layer.provide(NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" }))
)
NodeRuntime.runMain(Layer.launch(service))
