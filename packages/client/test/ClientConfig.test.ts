/**
 * What a configuration that cannot be used says about itself.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ClientConfig, WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Cause, Effect, Exit, Layer } from "effect"

describe("the configuration", () => {
  const problemsOf = (config: unknown): Effect.Effect<string> =>
    Effect.suspend(() => {
      const input: ClientConfig = Object.assign({}, config)
      return Effect.provide(Effect.void, Layer.provide(WeirHttpClient.layer(input), NodeConnector.layer))
    }).pipe(
      Effect.exit,
      Effect.map((exit) => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : ""))
    )

  for (const [what, config, expected] of [
    ["an unknown key", { htp: {} }, /htp.*http/],
    ["an unknown key below http", { http: { bodyIdelTimeout: 1 } }, /http\.bodyIdelTimeout.*bodyIdleTimeout/],
    ["an unknown key below pool", { pool: { connectionMax: 1 } }, /pool\.connectionMax.*connectionsMax/],
    [
      "an unknown limit",
      { http: { limits: { headByteCountMx: 1 } } },
      /http\.limits\.headByteCountMx.*headByteCountMax/
    ],
    ["an unknown key below tls", { tls: { certificates: 1 } }, /tls\.certificates.*certificate/],
    ["a value out of bounds", { http: { retryCountMax: -1 } }, /http\.retryCountMax/],
    ["a time that is none", { http: { requestTimeout: "soon" } }, /http\.requestTimeout/],
    ["a pool that contradicts itself", { pool: { idlePerRouteMin: 5, connectionsPerRouteMax: 2 } }, /idlePerRouteMin/]
  ] as const) {
    it.live(`names the path, and the nearest key: ${what}`, () =>
      Effect.map(problemsOf(config), (text) => assert.match(text, expected))
    )
  }
})
