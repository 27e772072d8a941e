/**
 * The frame of the specs in which the test plays both sides, octet by octet.
 */
import { Effect, type Scope } from "effect"
import { serviceYaml, type World, withGateway } from "./gateway.ts"
import { dial, makeRawUpstream, type RawPeer, type RawUpstream } from "./RawPeer.ts"

export interface PeersWorld extends World {
  readonly caller: RawPeer
  readonly upstream: RawUpstream
  /** Sends the caller's text, and gives the endpoint's connection once a request's head has come to it. */
  readonly ask: (text: string) => Effect.Effect<RawPeer>
}

/** As `withGateway`, with a caller and an endpoint of the test's own. */
export const withPeers = (
  steps: (world: PeersWorld) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>,
  http?: ReadonlyArray<unknown>
): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      const yaml = serviceYaml({ ports: [upstream.port], ...(http === undefined ? {} : { http }) })
      yield* withGateway(yaml, function* (world) {
        const caller = yield* dial(world.port)
        const ask = (text: string) =>
          Effect.gen(function* () {
            caller.send(text)
            const endpoint = yield* upstream.accept
            yield* endpoint.head
            return endpoint
          })
        yield* Effect.gen(() => steps({ ...world, caller, upstream, ask }))
      })
    })
  )
