/**
 * A service on `@effect/platform-bun` that asks an upstream for each request it gets, over a pool:
 * `bun bun-service.ts UPSTREAM PORT`. SIGTERM and SIGINT end it once the answers under way are out.
 */
import { HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import * as BunHttpServer from "@effect/platform-bun/BunHttpServer"
import * as BunRuntime from "@effect/platform-bun/BunRuntime"
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
  Layer.provide(BunHttpServer.layer({ port, hostname: "127.0.0.1" }))
)
BunRuntime.runMain(Layer.launch(service))
