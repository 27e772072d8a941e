/**
 * A service that asks an upstream for each request it gets, over the pool, and shows the pool's metrics to Prometheus.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Layer } from "effect"
import { HttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"

const upstream = process.argv[2] ?? "http://127.0.0.1:8080/env"
const port = Number(process.argv[3] ?? 3000)

const routes = Layer.mergeAll(
  HttpRouter.add(
    "GET",
    "/",
    Effect.map(HttpClient.get(upstream), ({ stream }) => HttpServerResponse.stream(stream))
  ),
  PrometheusMetrics.layerHttp({ path: "/metrics" })
)
const service = HttpRouter.serve(routes).pipe(
  Layer.provide(WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 10, acquireTimeout: "2 seconds" } })),
  Layer.provide(NodeConnector.layer),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" }))
)
NodeRuntime.runMain(Layer.launch(service))
