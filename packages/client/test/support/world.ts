/**
 * The frames of the specs: a client and a server for it, and the proof afterwards that nothing leaked: no lease, no
 * waiter, no dial, and, once the client's scope is closed, no connection on either side.
 */
import { assert } from "@effect/vitest"
import type { ClientConfig, ClientError, ClientRequest, ClientResponse, WeirClientService } from "@weir/client"
import { emptyBody, WeirClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import type { Connector } from "@weir/transport"
import { Effect, type Fiber, Layer, Scope } from "effect"
import { MemoryNetwork } from "./MemoryNetwork.ts"
import { makeRawServer, type RawServer, type RawServerOptions } from "./RawServer.ts"

/** A spec's steps. */
export type Steps<World> = (world: World) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>

/** What a request has beside its origin; by default `GET /`. */
export type RequestFields = Partial<ClientRequest>

export interface ClientWorld {
  readonly client: WeirClientService
  /** Sends a request to the server at the port. */
  readonly callTo: (port: number, fields?: RequestFields) => Effect.Effect<ClientResponse, ClientError>
  /** Calls, leases, dials and connections of the client, for comparison. */
  readonly counts: Effect.Effect<Counts>
}

export interface Counts {
  readonly active: number
  readonly pending: number
  readonly dialling: number
  readonly idle: number
  readonly connections: number
}

export const countsOf = (client: WeirClientService): Effect.Effect<Counts> =>
  Effect.map(client.pool.stats, ({ active, connections, dialling, idle, pending }) => ({
    active: active.used,
    pending: pending.used,
    dialling: dialling.used,
    idle: idle.used,
    connections: connections.used
  }))

export const requestTo = (client: WeirClientService, port: number, fields: RequestFields = {}): ClientRequest => ({
  origin: client.originFor(false, "127.0.0.1", port),
  method: "GET",
  target: "/",
  headers: [],
  body: emptyBody,
  ...fields
})

/** Runs the steps with a client over a connector; afterwards nothing may be left. */
export const withClientOver = <R>(
  connector: Layer.Layer<Connector, never, R>,
  config: ClientConfig,
  steps: Steps<ClientWorld>
): Effect.Effect<void, never, R> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.provide(WeirClient.layer(config), connector), scope)
    const client = yield* Effect.provide(WeirClient, context)
    const counts = countsOf(client)
    const world: ClientWorld = {
      client,
      counts,
      callTo: (port, fields) => Effect.suspend(() => client.execute(requestTo(client, port, fields)))
    }
    yield* Effect.onExit(Effect.scoped(Effect.gen(() => steps(world))), (exit) =>
      Effect.gen(function* () {
        if (exit._tag === "Success") {
          const { active, dialling, pending } = yield* counts
          assert.deepStrictEqual({ active, dialling, pending }, { active: 0, dialling: 0, pending: 0 })
        }
        // A spec that failed may have left calls behind; they are not waited for.
        if (exit._tag === "Failure") yield* client.pool.shutdown(0)
        yield* Scope.close(scope, exit)
        assert.strictEqual((yield* counts).connections, 0, "connections after the client's scope closed")
      })
    )
  }).pipe(Effect.orDie)

/** With the sockets of Node. */
export const withClient = (config: ClientConfig, steps: Steps<ClientWorld>): Effect.Effect<void> =>
  withClientOver(NodeConnector.layer, config, steps)

export interface RawWorld extends ClientWorld {
  readonly server: RawServer
  /** Sends a request to the server. */
  readonly call: (fields?: RequestFields) => Effect.Effect<ClientResponse, ClientError>
}

/** A client, and a server that the test plays. */
export const withRawServer = (
  steps: Steps<RawWorld>,
  config: ClientConfig = {},
  options: RawServerOptions = {}
): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* makeRawServer(options)
      yield* withClient(config, (world) =>
        steps({ ...world, server, call: (fields) => world.callTo(server.port, fields) })
      )
    })
  )

export interface MemoryWorld extends ClientWorld {
  readonly network: MemoryNetwork
  readonly call: (fields?: RequestFields) => Effect.Effect<ClientResponse, ClientError>
  /** Begins a call, and gives its fiber once the call has gone as far as it can. */
  readonly start: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<Fiber.Fiber<A, E>>
}

/** A client over connections in memory, for specs in virtual time. */
export const withMemory = (config: ClientConfig, steps: Steps<MemoryWorld>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const network = new MemoryNetwork()
    const start: MemoryWorld["start"] = (effect) =>
      Effect.tap(Effect.forkDetach(effect, { startImmediately: true }), () => settled)
    return Effect.andThen(
      withClientOver(network.layer, config, (world) =>
        steps({ ...world, network, start, call: (fields) => world.callTo(80, fields) })
      ),
      Effect.sync(() => {
        assert.deepStrictEqual([network.openCount, network.diallingCount], [0, 0], "left open in memory")
      })
    )
  })

/** Lets every fiber that can go on go on. */
export const settled: Effect.Effect<void> = Effect.asVoid(Effect.all(Array.from({ length: 20 }, () => Effect.yieldNow)))
