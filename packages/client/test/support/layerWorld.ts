/**
 * The frames of the specs about Effect's `HttpClient`: the layer and a server, and the proof afterwards that nothing leaked.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { assert } from "@effect/vitest"
import { type ClientConfig, WeirClient, WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Layer, type Scope } from "effect"
import { HttpClient } from "effect/http"
import { makeHttpServer } from "./HttpServer.ts"
import { makeRawServer, type RawServer } from "./RawServer.ts"
import { type Counts, countsOf } from "./world.ts"

export interface World {
  readonly http: HttpClient.HttpClient
  readonly url: string
  readonly counts: Effect.Effect<Counts>
}

type Steps<W> = (world: W) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>

/** Runs the steps with the layer; afterwards no call may be under way and no connection open. */
const withLayer = (config: ClientConfig, url: string, steps: Steps<World>): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const client = yield* Effect.gen(function* () {
      const client = yield* WeirClient
      const world = { http: yield* HttpClient.HttpClient, url, counts: countsOf(client) }
      yield* Effect.scoped(Effect.gen(() => steps(world)))
      assert.strictEqual((yield* world.counts).active, 0)
      return client
    }).pipe(Effect.provide(Layer.provide(WeirHttpClient.layer(config), NodeConnector.layer)))
    assert.strictEqual((yield* countsOf(client)).connections, 0)
  })

export const withHttp = (
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  steps: Steps<World>,
  config: ClientConfig = {}
) => Effect.scoped(Effect.flatMap(makeHttpServer(handle), ({ url }) => withLayer(config, url, steps)))

export const withRaw = (steps: Steps<World & { readonly server: RawServer }>, config: ClientConfig = {}) =>
  Effect.scoped(
    Effect.flatMap(makeRawServer(), (server) =>
      withLayer(config, `http://127.0.0.1:${server.port}`, (world) => steps({ ...world, server }))
    )
  )
