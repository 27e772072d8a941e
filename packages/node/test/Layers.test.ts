/**
 * The layers of the connector, as programs put them together.
 */
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@weir/node"
import { Connector, lookupBy, Resolver, Target } from "@weir/transport"
import { Effect, Layer } from "effect"
import { listening, silentServer } from "../../../test/support/Listening.ts"

const lookup = lookupBy((host) =>
  host === "inside.test" ? Promise.resolve(["127.0.0.1"]) : Promise.reject(new Error("not ours"))
)

const layers = {
  "the layer, with a resolver provided to it": Layer.provide(NodeConnector.layer, Resolver.layer(lookup)),
  "the layer with options": NodeConnector.layerWith({ lookup })
}

describe("a connector of", () => {
  for (const [what, layer] of Object.entries(layers)) {
    it.live(`${what} dials where that leads, and tells what it could not find out`, () =>
      Effect.gen(function* () {
        const port = yield* listening(silentServer())
        const connector = yield* Connector
        const connection = yield* connector.connect({ address: Target.tcp("inside.test", port) })
        connection.close()
        assert.strictEqual(connection.info.remoteAddress, "127.0.0.1")
        const error = yield* Effect.flip(connector.connect({ address: Target.tcp("outside.test", port) }))
        assert.strictEqual(error.message, `outside.test:${port}: dns: the resolver failed: not ours`)
      }).pipe(Effect.provide(layer))
    )
  }
})
