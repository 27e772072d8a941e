import { expect, it } from "@effect/vitest"
import { WeirClient, WeirHttpClient } from "@weir/client"
import { ribbon } from "@weir/dialects"
import { NodeConnector } from "@weir/node"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { holdRequests } from "./HeldServer.ts"

const reading = ribbon("ribbon.MaxConnectionsPerHost=3", { file: "ribbon.properties" })

it.live("gives Effect's HttpClient another system's settings, and what stands beside them wins", () =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => holdRequests(0)),
      (server) => Effect.promise(() => server[Symbol.asyncDispose]())
    )
    const ask = Effect.gen(function* () {
      const response = yield* HttpClient.get(server.url)
      const { pool } = yield* WeirClient
      const [route] = (yield* pool.stats).routes
      return [yield* response.text, route?.connections.limit, route?.connections.source]
    })
    const plain = WeirHttpClient.layer({ from: reading })
    expect(yield* Effect.provide(ask, plain)).toEqual([
      "done",
      3,
      "ribbon.MaxConnectionsPerHost, ribbon.properties line 1"
    ])
    const beside = WeirHttpClient.layer({ from: reading, pool: { connectionsPerRouteMax: 8 } })
    expect(yield* Effect.provide(ask, beside)).toEqual(["done", 8, "pool"])
  }).pipe(Effect.scoped, Effect.provide(NodeConnector.layer))
)
